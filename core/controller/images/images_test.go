package images_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/images"
	"github.com/bangle-dev/bangle/core/controller/seal"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func keys(t *testing.T) *seal.Keyring {
	t.Helper()
	k, err := seal.Open(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func files(t *testing.T) (*blobs.Store, string) {
	t.Helper()
	dir := t.TempDir()
	b, err := blobs.New(blobs.Config{Dir: dir, What: "resource", Suffix: ".resource"})
	if err != nil {
		t.Fatal(err)
	}
	return b, dir
}

func TestImages(t *testing.T) {
	for name, c := range map[string]struct {
		image  images.Image
		text   string
		sealed bool
	}{
		"no credentials": {images.Image{Path: "me/web:1"}, "registrypath: me/web:1\n", false},
		"password":       {images.Image{Path: "me/web:1", Username: "me", Password: "hunter2"}, "registrypath: me/web:1\nusername: me\npassword: hunter2\n", true},
		"a token alone":  {images.Image{Path: "me/web:1", Password: "hunter2"}, "registrypath: me/web:1\npassword: hunter2\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			b, dir := files(t)
			ring := keys(t)
			s := images.New(b, ring)
			rec, err := s.Keep("image", c.image)
			if err != nil || rec.GetSealed() != c.sealed || rec.GetType() != "oci-image" || rec.GetSize() != int64(len(c.text)) {
				t.Fatalf("%v, %v", rec, err)
			}
			path := filepath.Join(dir, rec.GetDigest()+".resource")
			if at, err := os.ReadFile(path); err != nil || bytes.Contains(at, []byte("me/web:1")) == c.sealed {
				t.Errorf("at rest %q, %v", at, err)
			}
			again := images.New(b, ring)
			if got, err := again.Read(rec); err != nil || got != c.image {
				t.Errorf("read %+v, %v", got, err)
			}
			r, err := again.Open(rec)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if text, err := io.ReadAll(r); err != nil || string(text) != c.text {
				t.Errorf("charms get %q, %v", text, err)
			}
			other, err := s.Keep("image", c.image)
			if err != nil || !s.Same(rec, other) || (rec.GetDigest() == other.GetDigest()) == c.sealed {
				t.Errorf("kept twice: %v and %v, %v", rec, other, err)
			}
			changed, err := s.Keep("image", images.Image{Path: "me/web:1", Username: "me", Password: "hunter3"})
			if err != nil || s.Same(rec, changed) {
				t.Errorf("another password is the same: %v", err)
			}
			app := &controllerv1.Application{Name: "web", ResourceRecords: map[string]*controllerv1.ResourceRecord{"image": rec, "blob": {Name: "blob", Type: "file", Digest: "none"}}}
			if told, err := s.Credentials(app); err != nil || told["image"]["password"] != c.image.Password {
				t.Errorf("places are told %v, %v", told, err)
			}
		})
	}
}

// TestSealedImagesStayClosed: without the key, for another resource, and changed.
func TestSealedImagesStayClosed(t *testing.T) {
	b, dir := files(t)
	ring := keys(t)
	rec, err := images.New(b, ring).Keep("image", images.Image{Path: "me/web:1", Password: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	other := proto.CloneOf(rec)
	other.Name = "another"
	for name, c := range map[string]struct {
		shelf *images.Shelf
		rec   *controllerv1.ResourceRecord
	}{
		"another resource": {images.New(b, ring), other},
		"another key":      {images.New(b, keys(t)), rec},
	} {
		if _, err := c.shelf.Read(c.rec); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "attach resource") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := images.New(b, nil).Read(rec); !errs.Is(err, errs.Unsupported) {
		t.Errorf("no key: %v", err)
	}
	if _, err := images.New(b, nil).Keep("image", images.Image{Path: "x", Password: "p"}); !errs.Is(err, errs.Unsupported) {
		t.Errorf("kept without a key: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, rec.GetDigest()+".resource"), []byte("garbled"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := images.New(b, ring).Open(rec); !errs.Is(err, errs.Invalid) {
		t.Errorf("garbled: %v", err)
	}
	if _, err := images.New(b, ring).Keep("image", images.Image{Path: strings.Repeat("x", 1<<20)}); !errs.Is(err, errs.Exhausted) {
		t.Errorf("far too long: %v", err)
	}
}
