// Package images keeps what oci-image resources say: which image, and who may pull it. The file that charms and substrates
// are given is YAML; where it has a name or a password it is sealed before it reaches the disk, and opened only for them.
package images

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Type is the type of the resources that this package knows.
const Type = "oci-image"

// Image is what the file of a resource says.
type Image struct {
	// Path is the image's reference, or the path of what it is made of.
	Path     string `yaml:"registrypath"`
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty"`
}

// Credentials are what a substrate is told, nil when the image needs none.
func (i Image) Credentials() map[string]string {
	if !i.secret() {
		return nil
	}
	return map[string]string{"registrypath": i.Path, "username": i.Username, "password": i.Password}
}

func (i Image) secret() bool { return i.Username != "" || i.Password != "" }

// Sealer makes content unreadable at rest: seal.Keyring.
type Sealer interface {
	Seal(plain []byte, name string) []byte
	Unseal(sealed []byte, name string) ([]byte, error)
}

// Shelf keeps the files beside those of other resources. It has no state of its own.
type Shelf struct {
	files *blobs.Store
	seal  Sealer
}

// New makes a shelf; both parts may be nil, it then keeps nothing, or nothing that is secret.
func New(files *blobs.Store, seal Sealer) *Shelf { return &Shelf{files: files, seal: seal} }

// maxFile is more than any file of an image resource has, in bytes, sealed or not.
const maxFile = 64 << 10

// Keep writes the file of a resource and answers its record with name, type, digest, size and whether it is sealed. Equal
// images that need a password have different digests: a sum of the password would let it be guessed.
func (s *Shelf) Keep(name string, i Image) (*controllerv1.ResourceRecord, error) {
	if s.files == nil {
		return nil, errs.E(errs.Unsupported, "cannot take resource %q: this controller keeps none", name)
	}
	text, err := yaml.Encode(i)
	if err != nil {
		return nil, fmt.Errorf("cannot take resource %q: %w", name, err)
	}
	rec := &controllerv1.ResourceRecord{Name: name, Type: Type, Size: int64(len(text)), Sealed: i.secret()}
	switch {
	case len(text) > maxFile/2:
		return nil, errs.E(errs.Exhausted, "cannot take resource %q: what it says of its image is longer than %d KiB", name, maxFile>>11)
	case rec.GetSealed() && s.seal == nil:
		return nil, errs.E(errs.Unsupported, "cannot take resource %q: this controller has no key to seal its password with", name)
	case rec.GetSealed():
		text = s.seal.Seal(text, place(name))
	}
	got, err := s.files.Receive(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if err := got.Keep(); err != nil {
		return nil, errors.Join(err, got.Discard())
	}
	rec.Digest = got.Digest
	return rec, nil
}

// place is what a file is sealed for: the content of one resource is none of another's.
func place(resource string) string { return "image resource " + resource }

// Text is the file of a resource as charms are given it. Errors say what to do, and nothing of what the file says.
func (s *Shelf) Text(rec *controllerv1.ResourceRecord) ([]byte, error) {
	if s.files == nil {
		return nil, errs.E(errs.NotFound, "cannot open resource %q: this controller keeps none", rec.GetName())
	}
	file, _, err := s.files.Open(rec.GetDigest())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot read what image resource %q says: %w", rec.GetName(), err)
	}
	if !rec.GetSealed() {
		return text, nil
	}
	if s.seal == nil {
		return nil, errs.E(errs.Unsupported, "cannot open resource %q: this controller has no key for it", rec.GetName())
	}
	if text, err = s.seal.Unseal(text, place(rec.GetName())); err != nil {
		return nil, errs.With(errs.Invalid, fmt.Errorf("%w; attach resource %q again", err, rec.GetName()))
	}
	return text, nil
}

// Read is what the file of a resource says.
func (s *Shelf) Read(rec *controllerv1.ResourceRecord) (Image, error) {
	text, err := s.Text(rec)
	if err != nil {
		return Image{}, err
	}
	var i Image
	if err := yaml.Decode("image", text, &i); err != nil || i.Path == "" {
		return Image{}, errs.E(errs.Invalid, "cannot use image resource %q: its file names no image; attach it again", rec.GetName())
	}
	return i, nil
}

// Same says whether two records are of the same content.
func (s *Shelf) Same(a, b *controllerv1.ResourceRecord) bool {
	if !a.GetSealed() || !b.GetSealed() || a.GetDigest() == b.GetDigest() {
		return a.GetDigest() == b.GetDigest()
	}
	one, err := s.Text(a)
	if err != nil {
		return false
	}
	other, err := s.Text(b)
	return err == nil && bytes.Equal(one, other)
}

// Open opens the content of any resource as it was given.
func (s *Shelf) Open(rec *controllerv1.ResourceRecord) (io.ReadCloser, error) {
	if !rec.GetSealed() {
		if s.files == nil {
			return nil, errs.E(errs.NotFound, "cannot open resource %q: this controller keeps none", rec.GetName())
		}
		file, _, err := s.files.Open(rec.GetDigest())
		if err != nil {
			return nil, err // not a nil file in an interface
		}
		return file, nil
	}
	text, err := s.Text(rec)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// Credentials are those of an application's images, by resource: what its places are told. Only sealed ones are read.
func (s *Shelf) Credentials(app *controllerv1.Application) (map[string]map[string]string, error) {
	var all map[string]map[string]string
	for name, rec := range app.GetResourceRecords() {
		if !rec.GetSealed() {
			continue
		}
		i, err := s.Read(rec)
		if err != nil {
			return nil, fmt.Errorf("cannot use the image of %q: %w", cmp.Or(app.GetName(), name), err)
		}
		if all == nil {
			all = map[string]map[string]string{}
		}
		all[name] = i.Credentials()
	}
	return all, nil
}
