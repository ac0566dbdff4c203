package statefiles

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"io"
	"io/fs"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// sumSize is how many bytes of a piece's sha256 tell it from another.
const sumSize = 16

// describe is a file without pieces.
func describe(name string, content []byte, mode fs.FileMode) *controllerv1.StateFile {
	sum := sha256.Sum256(content)
	f := &controllerv1.StateFile{Name: name, Size: int64(len(content)), Sha256: sum[:], Mode: uint32(mode)}
	for piece := range slices.Chunk(content, PieceSize) {
		sum := sha256.Sum256(piece)
		f.Sums = append(f.Sums, sum[:sumSize])
	}
	return f
}

// pieces compresses those pieces that old does not have.
func pieces(content []byte, sums [][]byte, old *controllerv1.StateFile) []*controllerv1.StatePiece {
	var out []*controllerv1.StatePiece
	i := 0
	for piece := range slices.Chunk(content, PieceSize) {
		if old.GetOnDisk() || i >= len(old.GetSums()) || !bytes.Equal(old.Sums[i], sums[i]) {
			out = append(out, &controllerv1.StatePiece{Index: uint32(i), Content: compress(piece)})
		}
		i++
	}
	return out
}

// compress packs one piece.
func compress(piece []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestSpeed) // fails only for levels that do not exist
	_, _ = w.Write(piece)                          // a buffer takes everything
	_ = w.Close()
	return out.Bytes()
}

// tooLarge says whether the set, compressed, is more than the store should hold. It packs no more than it must to know.
func tooLarge(contents map[string][]byte) bool {
	whole := 0
	for _, content := range contents {
		whole += len(content)
	}
	if whole <= MaxStored {
		return false
	}
	packed := 0
	for _, content := range contents {
		for piece := range slices.Chunk(content, PieceSize) {
			if packed += len(compress(piece)); packed > MaxStored {
				return true
			}
		}
	}
	return false
}

// join puts a file together; it must have all its pieces.
func join(f *controllerv1.StateFile) ([]byte, error) {
	content := make([]byte, 0, min(f.GetSize(), 64<<20))
	for i, p := range f.GetPieces() {
		if int(p.GetIndex()) != i {
			return nil, errs.E(errs.Invalid, "cannot restore state file %s: piece %d is missing", f.GetName(), i)
		}
		piece, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(p.GetContent())), PieceSize+1))
		if err != nil || len(piece) > PieceSize {
			return nil, errs.E(errs.Invalid, "cannot restore state file %s: piece %d is damaged", f.GetName(), i)
		}
		content = append(content, piece...)
	}
	return content, nil
}

// find is the file of a name, nil if there is none.
func find(set *controllerv1.StateFiles, name string) *controllerv1.StateFile {
	for _, f := range set.GetFiles() {
		if f.GetName() == name {
			return f
		}
	}
	return nil
}

// same says whether two sets hold the same content under the same names with the same modes.
func same(a, b *controllerv1.StateFiles) bool {
	return slices.EqualFunc(a.GetFiles(), b.GetFiles(), func(x, y *controllerv1.StateFile) bool {
		return x.GetName() == y.GetName() && x.GetMode() == y.GetMode() && bytes.Equal(x.GetSha256(), y.GetSha256())
	})
}

// bare is the set without pieces, as the store's record has it.
func bare(set *controllerv1.StateFiles) *controllerv1.StateFiles {
	out := proto.CloneOf(set)
	for _, f := range out.GetFiles() {
		f.Pieces = nil
	}
	return out
}
