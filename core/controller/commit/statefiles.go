package commit

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// The set of files that a unit may keep, and what one of them may have.
var stateFileNames = [...]string{".unit-state.db", ".unit-state.db-journal", ".unit-state.db-shm", ".unit-state.db-wal"}

const (
	pieceSize   = 16 << 10
	pieceStored = pieceSize + 1<<10 // a piece that does not compress grows a little
	sumSize     = 16
)

// stateFiles drafts the next generation of the unit's state files: the record that describes the set, and those pieces
// that differ from the generation before.
func (d *draft) stateFiles(set *controllerv1.StateFiles, cursor *controllerv1.Cursor) *controllerv1.Refusal {
	k := key.OfUnit(key.StateFiles, d.guard.Unit)
	if set == nil {
		old := value[*controllerv1.StateFiles](d.entry(k))
		if cursor.GetFilesGeneration() != old.GetGeneration() {
			return refuse(Invalid, k.String(), "the cursor names generation %d of the state files, and %d is there", cursor.GetFilesGeneration(), old.GetGeneration())
		}
		return nil
	}
	old := value[*controllerv1.StateFiles](d.read(k))
	if set.GetGeneration() != old.GetGeneration()+1 || cursor.GetFilesGeneration() != set.GetGeneration() {
		return refuse(Invalid, k.String(), "generation %d of the state files does not follow %d", set.GetGeneration(), old.GetGeneration())
	}
	record := proto.CloneOf(set)
	for i, f := range record.GetFiles() {
		if refusal := d.stateFile(f, stateFileOf(old, f.GetName())); refusal != nil {
			return refusal
		}
		if i > 0 && f.GetName() <= record.Files[i-1].GetName() {
			return refuse(Invalid, k.String(), "the state files are not sorted")
		}
		f.Pieces = nil
	}
	for _, f := range old.GetFiles() {
		d.dropPieces(f, pieceCount(stateFileOf(record, f.GetName())))
	}
	d.put(k, record)
	return nil
}

// stateFile drafts the pieces of one file.
func (d *draft) stateFile(f, old *controllerv1.StateFile) *controllerv1.Refusal {
	k := key.FileOf(d.guard.Unit, f.GetName(), 0).String()
	wrong := func(why string) *controllerv1.Refusal {
		return refuse(Invalid, k, "state file %q: %s", f.GetName(), why)
	}
	switch {
	case !slices.Contains(stateFileNames[:], f.GetName()):
		return refuse(Invalid, "", "state file %q: allowed are %v", f.GetName(), stateFileNames)
	case len(f.GetSha256()) != sha256.Size || f.GetSize() < 0 || f.GetMode() > 0o777:
		return wrong("sum, size or mode are none")
	case f.GetOnDisk() && len(f.GetPieces()) > 0:
		return wrong("it is on disk and has pieces")
	case f.GetOnDisk():
		return nil
	case int64(len(f.GetSums())) != (f.GetSize()+pieceSize-1)/pieceSize:
		return wrong("its pieces do not make its size")
	}
	sent := map[uint32]*controllerv1.StatePiece{}
	for _, p := range f.GetPieces() {
		if int(p.GetIndex()) >= len(f.Sums) || len(p.GetContent()) > pieceStored || sent[p.Index] != nil {
			return wrong("a piece is beyond its end, too large or there twice")
		}
		sent[p.Index] = p
	}
	for i, sum := range f.GetSums() {
		p := sent[uint32(i)]
		kept := !old.GetOnDisk() && i < len(old.GetSums()) && bytes.Equal(old.Sums[i], sum)
		if len(sum) != sumSize || p == nil && !kept {
			return wrong("a piece that changed is missing")
		}
		if p != nil {
			d.set(write{key: key.FileOf(d.guard.Unit, f.Name, uint32(i)), value: p})
		}
	}
	return nil
}

// dropPieces deletes the pieces of an old file from an index on.
func (d *draft) dropPieces(f *controllerv1.StateFile, from int) {
	for i := from; i < pieceCount(f); i++ {
		d.set(write{key: key.FileOf(d.guard.Unit, f.GetName(), uint32(i))})
	}
}

// pieceCount is how many records a file has in the store.
func pieceCount(f *controllerv1.StateFile) int {
	if f.GetOnDisk() {
		return 0
	}
	return len(f.GetSums())
}

func stateFileOf(set *controllerv1.StateFiles, name string) *controllerv1.StateFile {
	for _, f := range set.GetFiles() {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}
