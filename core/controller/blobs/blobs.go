// Package blobs keeps charm packages, or the contents of resources, as files
// named after their content: <dir>/<sha256 in hex>.zip. A file that bears its final name is whole; whatever
// a crash left half written has another name and is removed at the next start.
package blobs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// MaxBytes is the size of the largest package that is taken, in bytes.
const MaxBytes = 256 << 20

const incoming = ".incoming-"

// Store is a directory of charm packages. It has no state of its own, so that
// any number of goroutines may use it.
type Store struct {
	dir          string
	max          int64
	what, suffix string
}

// Config says where a store lies.
type Config struct {
	// Dir is made with mode 0700 if it is not there.
	Dir string
	// MaxBytes is the size limit of one package; 0 means [MaxBytes].
	MaxBytes int64
	// What the files are, in messages; "" means charm packages.
	What string
	// Suffix of the files' names; "" means ".zip".
	Suffix string
}

// New opens a store and removes what an earlier process did not finish.
func New(cfg Config) (*Store, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make directory for uploads: %w", err)
	}
	left, err := filepath.Glob(filepath.Join(cfg.Dir, incoming+"*"))
	if err != nil {
		return nil, fmt.Errorf("cannot list directory of uploads: %w", err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot remove unfinished upload: %w", err)
		}
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = MaxBytes
	}
	return &Store{dir: cfg.Dir, max: cfg.MaxBytes, what: cmp.Or(cfg.What, "charm package"), suffix: cmp.Or(cfg.Suffix, ".zip")}, nil
}

// Receive reads a package to its end into a file that has no name yet for
// others. Errors of r pass through; more than the limit is class Exhausted.
func (s *Store) Receive(r io.Reader) (*Incoming, error) {
	file, err := os.CreateTemp(s.dir, incoming)
	if err != nil {
		return nil, fmt.Errorf("cannot take %s: %w", s.what, err)
	}
	in := &Incoming{store: s, path: file.Name()}
	sum := sha256.New()
	in.Size, err = io.Copy(io.MultiWriter(file, sum), io.LimitReader(r, s.max+1))
	if err == nil && in.Size > s.max {
		err = errs.E(errs.Exhausted, "cannot take %s: it is larger than %d MiB; leave out what the charm does not need at run time", s.what, s.max>>20)
	}
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err != nil {
		return nil, errors.Join(err, in.Discard())
	}
	in.Digest = hex.EncodeToString(sum.Sum(nil))
	return in, nil
}

// Open opens a package for reading. An unknown one is class NotFound.
func (s *Store) Open(digest string) (*os.File, int64, error) {
	path, err := s.Path(digest)
	if err != nil {
		return nil, 0, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, errs.E(errs.NotFound, "cannot open %s %s: it is not here; upload it again", s.what, digest)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open %s: %w", s.what, err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("cannot open %s: %w", s.what, err), file.Close())
	}
	return file, info.Size(), nil
}

// Path is where a package lies or would lie.
func (s *Store) Path(digest string) (string, error) {
	if !isDigest(digest) {
		return "", errs.E(errs.Invalid, "cannot find %s %q: a digest is 64 hex digits (sha256)", s.what, digest)
	}
	return filepath.Join(s.dir, digest+s.suffix), nil
}

// Has says whether a package is here.
func (s *Store) Has(digest string) bool {
	path, err := s.Path(digest)
	if err != nil {
		return false
	}
	_, err = os.Stat(path)
	return err == nil
}

// List returns the digests of all packages, sorted.
func (s *Store) List() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list uploads (%s): %w", s.what, err)
	}
	var digests []string
	for _, e := range entries {
		if d, ok := strings.CutSuffix(e.Name(), s.suffix); ok && isDigest(d) {
			digests = append(digests, d)
		}
	}
	return digests, nil
}

// Remove deletes a package; one that is not there is no error.
func (s *Store) Remove(digest string) error {
	path, err := s.Path(digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove %s: %w", s.what, err)
	}
	return nil
}

// Incoming is a received package that is not kept yet. Its owner ends it with
// Keep or Discard.
type Incoming struct {
	// Digest is the sha256 of the content in hex.
	Digest string
	// Size is in bytes.
	Size  int64
	store *Store
	path  string
}

// Path is where the file lies until Keep.
func (in *Incoming) Path() string { return in.path }

// Keep gives the package its name, durably. One that is there already is kept.
func (in *Incoming) Keep() error {
	path, err := in.store.Path(in.Digest)
	if err != nil {
		return err
	}
	if err := os.Rename(in.path, path); err != nil {
		return fmt.Errorf("cannot keep %s: %w", in.store.what, err)
	}
	return file.SyncDir(in.store.dir)
}

// Discard removes the file; after Keep it does nothing.
func (in *Incoming) Discard() error {
	if err := os.Remove(in.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot discard %s: %w", in.store.what, err)
	}
	return nil
}

func isDigest(s string) bool { return regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(s) }
