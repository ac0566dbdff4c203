package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// FetchResource writes the content of a resource of the unit's application to w.
type FetchResource func(ctx context.Context, k event.Key, name string, w io.Writer) error

// shelf is where one unit's resources lie: <dir>/<name>/<file name as declared>, fetched when the charm asks.
type shelf struct {
	fetch FetchResource
	key   event.Key
	model *source.Snapshot
	dir   string
	// named: the path is answered and nothing is fetched, in a dry run: what runs there reads no files.
	named bool
}

// contentFile is the file of an oci-image resource: which image, and who may pull it.
const contentFile = "content.yaml"

// answer is the path of a resource, as Host.Call wants it.
func (s *shelf) answer(ctx context.Context, request string) (string, error) {
	var ask named
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return "", errs.E(errs.Invalid, "cannot read the request for a resource: %w", err)
	}
	path, err := s.get(ctx, ask.Name)
	if err != nil {
		return "", err
	}
	return encode(map[string]string{"path": path})
}

// get answers the path of a resource's file, fetching it unless what is there has the digest of what is attached now.
func (s *shelf) get(ctx context.Context, name string) (string, error) {
	app := s.model.Application
	rec := app.GetResourceRecords()[name]
	if rec.GetDigest() == "" {
		return "", errs.E(errs.NotFound, "resource#%s/%s not found", app.GetName(), name)
	}
	file := fileName(rec)
	if !plainName(name) || !plainName(file) {
		return "", errs.E(errs.Invalid, "resource %q has file name %q, which cannot be a file's", name, file)
	}
	dir := filepath.Join(s.dir, name)
	path, mark := filepath.Join(dir, file), filepath.Join(s.dir, "."+name+".sha256")
	if s.named {
		return path, nil
	}
	if have, err := os.ReadFile(mark); err == nil && string(have) == rec.Digest+" "+file {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
	}
	temp, err := s.download(ctx, name, rec)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(temp) }() // gone when it was given its name
	if rec.GetType() != "oci-image" {      // it may be a program: an upload does not say
		if err := os.Chmod(temp, 0o755); err != nil {
			return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
		}
	}
	// Without the mark nobody takes a file for what it was before.
	if err := os.RemoveAll(mark); err != nil {
		return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
	}
	if err := os.WriteFile(mark, []byte(rec.Digest+" "+file), 0o600); err != nil {
		return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
	}
	return path, nil
}

// download fetches into a file of another name and checks the sum, where it is that of the content.
func (s *shelf) download(ctx context.Context, name string, rec *controllerv1.ResourceRecord) (string, error) {
	left, err := filepath.Glob(filepath.Join(s.dir, ".fetch-"+name+"-*"))
	if err != nil {
		return "", err
	}
	for _, file := range left {
		_ = os.Remove(file) // of a fetch that an earlier life did not end; the unit has one hook at a time
	}
	file, err := os.CreateTemp(s.dir, ".fetch-"+name+"-")
	if err != nil {
		return "", fmt.Errorf("cannot keep resource %s: %w", name, err)
	}
	sum := sha256.New()
	err = s.fetch(ctx, s.key, name, io.MultiWriter(file, sum))
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if got := hex.EncodeToString(sum.Sum(nil)); err == nil && !rec.GetSealed() && got != rec.GetDigest() {
		err = errs.E(errs.Unavailable, "what came of resource %s has the sum %s, not %s", name, got, rec.GetDigest())
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

func fileName(rec *controllerv1.ResourceRecord) string {
	if rec.GetType() == "oci-image" {
		return contentFile
	}
	if rec.GetFilename() == "" {
		return rec.GetName()
	}
	return rec.GetFilename()
}

// plainName says whether a name is one element of a path, and none of the shelf's own.
func plainName(name string) bool {
	return name != "" && !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\x00*?[\\") && len(name) < 200
}
