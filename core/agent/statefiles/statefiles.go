// Package statefiles carries the database in which a charm keeps what it remembers (.unit-state.db of `ops`, and SQLite's
// files beside it) between a unit's place and the store, so that it is part of the same transaction as everything else a
// hook wrote: a hook that was killed, or refused, leaves no trace in it, and a new place starts with what was committed.
//
// The set on disk is trusted only while a marker beside it says which generation it is. The marker goes before a charm
// starts and comes back once what the charm wrote is committed, so whatever ends in between finds none and restores. It
// names the boot too: after a machine's crash nobody knows what of the files reached the disk.
package statefiles

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Database is the file that `ops` keeps a unit's state in; the set is this one and SQLite's journals of it.
const Database = ".unit-state.db"

// Names are the files of the set, sorted.
func Names() []string {
	return []string{Database, Database + "-journal", Database + "-shm", Database + "-wal"}
}

// PieceSize is how many bytes of a file are one record of the store.
const PieceSize = 16 << 10

// MaxStored is how large the set may be, compressed, to lie in the store. A larger one stays at the unit's place.
const MaxStored = 256 << 10

const (
	markerFile = "state-files.json"
	copiesDir  = "state-files" // copies of sets that are too large, one directory for each generation
)

// Set is the state files of one unit.
type Set struct {
	unit  string // the unit's directory, for marker and copies
	charm string // the charm's directory, where the files are
	boot  string
	was   *controllerv1.StateFiles // as committed; nil before Prepare, or when nothing ever was
}

// Open looks at nothing yet. boot names the machine's boot.
func Open(unit, charm, boot string) *Set { return &Set{unit: unit, charm: charm, boot: boot} }

// marker says that the files on disk are those of a generation.
type marker struct {
	Boot  string          `json:"boot"`
	Files json.RawMessage `json:"files"` // StateFiles
}

// Fetch answers the set as it was last committed, with all its pieces.
type Fetch func(ctx context.Context) (*controllerv1.StateFiles, error)

// Prepare makes the files those of the generation, restoring them when they may be others, and takes the marker away.
// Generation 0 is a unit that never committed any.
func (s *Set) Prepare(ctx context.Context, generation uint64, fetch Fetch) error {
	if generation == 0 {
		return s.write(&controllerv1.StateFiles{}, "") // what is there was never committed
	}
	if was := s.marked(); was.GetGeneration() == generation {
		s.was = was
		if err := os.Remove(filepath.Join(s.unit, markerFile)); err != nil {
			return fmt.Errorf("cannot open the unit's state files: %w", err)
		}
		return nil
	}
	_ = os.Remove(filepath.Join(s.unit, markerFile)) // of another generation; it is not trusted anyway
	committed, err := fetch(ctx)
	if err != nil {
		return fmt.Errorf("cannot restore the unit's state files: %w", err)
	}
	if committed.GetGeneration() != generation {
		return errs.E(errs.Unavailable, "cannot restore the unit's state files: generation %d is wanted and %d is there", generation, committed.GetGeneration())
	}
	if err := s.write(committed, s.copyDir(generation)); err != nil {
		return err
	}
	s.was = bare(committed)
	return nil
}

// marked is what the marker says is on disk, nil if there is none that can be trusted.
func (s *Set) marked() *controllerv1.StateFiles {
	data, err := os.ReadFile(filepath.Join(s.unit, markerFile))
	if err != nil {
		return nil
	}
	var m marker
	files := &controllerv1.StateFiles{}
	if json.Unmarshal(data, &m) != nil || m.Boot != s.boot || protojson.Unmarshal(m.Files, files) != nil {
		return nil
	}
	return files
}

// write puts a whole set in place: what is not in it goes.
func (s *Set) write(set *controllerv1.StateFiles, copies string) error {
	for _, name := range Names() {
		at := slices.IndexFunc(set.GetFiles(), func(f *controllerv1.StateFile) bool { return f.GetName() == name })
		path := filepath.Join(s.charm, name)
		if at < 0 {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("cannot restore the unit's state files: %w", err)
			}
			continue
		}
		f := set.Files[at]
		content, err := contentOf(f, copies)
		if err != nil {
			return err
		}
		if err := file.Replace(path, content, fs.FileMode(f.GetMode()).Perm()); err != nil {
			return fmt.Errorf("cannot restore the unit's state files: %w", err)
		}
	}
	return nil
}

// contentOf puts a file together from its pieces, or reads the copy at the unit's place.
func contentOf(f *controllerv1.StateFile, copies string) ([]byte, error) {
	var content []byte
	var err error
	if f.GetOnDisk() {
		if content, err = os.ReadFile(filepath.Join(copies, f.GetName())); err != nil {
			return nil, errs.E(errs.Invalid, "cannot restore state file %s: it is too large for the store and its copy is gone (%w); put the file back into %s, "+
				"or remove the unit and add another", f.GetName(), err, copies)
		}
	} else if content, err = join(f); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); int64(len(content)) != f.GetSize() || !bytes.Equal(sum[:], f.GetSha256()) {
		return nil, errs.E(errs.Invalid, "cannot restore state file %s: its content has not the sum that was committed", f.GetName())
	}
	return content, nil
}

func (s *Set) copyDir(generation uint64) string {
	return filepath.Join(s.unit, copiesDir, strconv.FormatUint(generation, 10))
}

// Collect reads what the charm left. It is nil when that is what was committed; else the next generation, with the pieces
// that differ. Copies of a set that is too large are on disk, and would survive a crash of the machine, when it returns.
func (s *Set) Collect() (*controllerv1.StateFiles, error) {
	next := &controllerv1.StateFiles{Generation: s.was.GetGeneration() + 1}
	contents := map[string][]byte{}
	for _, name := range Names() {
		path := filepath.Join(s.charm, name)
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read the unit's state files: %w", err)
		}
		info, err := os.Lstat(path)
		if err != nil || !info.Mode().IsRegular() {
			return nil, errs.E(errs.Invalid, "cannot read state file %s: it must be a regular file", name)
		}
		contents[name] = content
		next.Files = append(next.Files, describe(name, content, info.Mode().Perm()))
	}
	if same(s.was, next) {
		return nil, nil
	}
	if tooLarge(contents) {
		return next, s.keepCopies(next, contents)
	}
	for _, f := range next.Files {
		f.Pieces = pieces(contents[f.Name], f.Sums, find(s.was, f.Name))
	}
	return next, nil
}

// keepCopies puts a set that is too large for the store beside the charm.
func (s *Set) keepCopies(set *controllerv1.StateFiles, contents map[string][]byte) error {
	dir := s.copyDir(set.GetGeneration())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot keep the unit's state files: %w", err)
	}
	for _, f := range set.GetFiles() {
		f.OnDisk = true
		if err := file.ReplaceSynced(filepath.Join(dir, f.GetName()), contents[f.GetName()], fs.FileMode(f.GetMode())); err != nil {
			return fmt.Errorf("cannot keep the unit's state files: %w", err)
		}
	}
	return errors.Join(file.SyncDir(filepath.Dir(dir)), file.SyncDir(s.unit))
}

// Settle says that what is on disk was committed as set, or that nothing was written when set is nil; the next Prepare
// finds it as it is. Without Settle the next Prepare restores.
func (s *Set) Settle(set *controllerv1.StateFiles) error {
	if set == nil {
		set = s.was
	}
	if set == nil {
		return nil
	}
	set = bare(set)
	if err := s.mark(set); err != nil {
		return err
	}
	return s.dropCopies(set)
}

// mark writes the marker.
func (s *Set) mark(set *controllerv1.StateFiles) error {
	files, err := protojson.Marshal(set)
	var data []byte
	if err == nil {
		data, err = json.Marshal(marker{Boot: s.boot, Files: files})
	}
	if err == nil {
		err = file.Replace(filepath.Join(s.unit, markerFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot note the unit's state files: %w", err)
	}
	return nil
}

// dropCopies removes copies of other generations.
func (s *Set) dropCopies(set *controllerv1.StateFiles) error {
	kept, err := os.ReadDir(filepath.Join(s.unit, copiesDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, dir := range kept {
		if dir.Name() != strconv.FormatUint(set.GetGeneration(), 10) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.unit, copiesDir, dir.Name())))
		}
	}
	return err
}
