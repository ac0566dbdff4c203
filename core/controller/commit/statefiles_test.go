package commit_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

const stateFile = ".unit-state.db"

// set makes a set of one file whose pieces are the given texts; only those at send are sent.
func set(generation uint64, send string, texts ...string) *controllerv1.StateFiles {
	f := &controllerv1.StateFile{Name: stateFile, Mode: 0o600, Size: int64(len(texts)) * 16 << 10, Sha256: make([]byte, sha256.Size)}
	for i, text := range texts {
		sum := sha256.Sum256([]byte(text))
		f.Sums = append(f.Sums, sum[:16])
		if strings.Contains(send, text) {
			f.Pieces = append(f.Pieces, &controllerv1.StatePiece{Index: uint32(i), Content: []byte(text)})
		}
	}
	return &controllerv1.StateFiles{Generation: generation, Files: []*controllerv1.StateFile{f}}
}

// files is a commit that carries state files.
func (w *world) files(s *controllerv1.StateFiles) *controllerv1.CommitRequest {
	req := w.request("web/0", "config-changed", nil)
	req.Cursor.FilesGeneration = s.GetGeneration()
	req.GetDone().StateFiles = s
	return req
}

// pieces are the contents that the store has, in order.
func (w *world) pieces() string {
	found, err := w.store.Range(w.t.Context(), store.InModel(w.uuid)+"ufile/web/0/", store.RangeOptions{Prefix: true})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, kv := range found.KVs {
		piece := &controllerv1.StatePiece{}
		if err := proto.Unmarshal(kv.Value, piece); err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(piece.Content))
	}
	return strings.Join(all, " ")
}

func TestStateFilesAreOfTheSameTransaction(t *testing.T) {
	w := newWorld(t)
	before := w.txns.Load()
	w.commit(w.files(set(1, "abc", "a", "b", "c")))
	if n := w.txns.Load() - before; n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	if got := len(w.then); got != 5 { // state, set, three pieces
		t.Errorf("%d records were written, want 5", got)
	}
	resp := w.commit(w.files(set(2, "x", "a", "x", "c")))
	if got := len(w.then); got != 3 {
		t.Errorf("%d records were written for one piece that changed, want 3", got)
	}
	for _, o := range resp.Objects {
		if strings.HasPrefix(o.Key, "ufile/") {
			t.Errorf("the agent is told %s", o.Key)
		}
	}
	w.commit(w.files(set(3, "", "a")))
	if got := w.pieces(); got != "a" {
		t.Errorf("after the file shrank there are %q", got)
	}
	w.commit(w.files(&controllerv1.StateFiles{Generation: 4}))
	if got := w.pieces(); got != "" {
		t.Errorf("after the file went there are %q", got)
	}
}

func TestStateFilesThatDoNotFit(t *testing.T) {
	w := newWorld(t)
	w.commit(w.files(set(1, "a", "a")))
	missing := set(2, "", "b")
	elsewhere := set(2, "b", "b")
	elsewhere.Files[0].Name = "../../etc/passwd"
	twice := set(2, "b", "b")
	twice.Files = append(twice.Files, twice.Files[0])
	beyond := set(2, "b", "b")
	beyond.Files[0].Pieces[0].Index = 7
	large := set(2, "b", "b")
	large.Files[0].Pieces[0].Content = make([]byte, 20<<10)
	short := set(2, "b", "b")
	short.Files[0].Size = 1 << 30
	both := set(2, "b", "b")
	both.Files[0].OnDisk = true
	for name, s := range map[string]*controllerv1.StateFiles{
		"a piece is missing": missing, "another file": elsewhere, "twice": twice, "beyond the end": beyond, "too large": large,
		"size": short, "on disk with pieces": both, "a generation is left out": set(3, "b", "b"), "the same generation": set(1, "b", "b"),
	} {
		t.Log(name)
		w.refused(w.files(s), commit.Invalid)
	}
	if got := w.pieces(); got != "a" {
		t.Errorf("the store has %q", got)
	}
	wrong := w.request("web/0", "config-changed", nil)
	wrong.Cursor.FilesGeneration = 9
	w.refused(wrong, commit.Invalid)
}

func TestPurgeTakesStateFilesAlong(t *testing.T) {
	w := newWorld(t)
	w.commit(w.files(set(1, "ab", "a", "b")))
	req := w.request("web/0", "remove", nil)
	req.Cursor.FilesGeneration = 1
	w.commit(req)
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil {
		t.Fatal(err)
	}
	if got := w.pieces(); got != "" || w.has(key.OfUnit(key.StateFiles, "web/0")) {
		t.Errorf("left are %q", got)
	}
}
