package statefiles_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/agent/statefiles"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// tb is what the tests and their property share.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// place is a unit's place, and the store as far as it holds state files.
type place struct {
	tb
	unit, charm, boot string
	committed         *controllerv1.StateFiles
	fetches           int
}

func newPlace(t tb, dir string) *place {
	p := &place{tb: t, unit: filepath.Join(dir, "unit"), charm: filepath.Join(dir, "unit", "charm"), boot: "boot1", committed: &controllerv1.StateFiles{}}
	if err := os.MkdirAll(p.charm, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *place) fetch(context.Context) (*controllerv1.StateFiles, error) {
	p.fetches++
	return proto.CloneOf(p.committed), nil
}

// open is the set as the next event finds it.
func (p *place) open() *statefiles.Set {
	p.Helper()
	s := statefiles.Open(p.unit, p.charm, p.boot)
	if err := s.Prepare(context.Background(), p.committed.Generation, p.fetch); err != nil {
		p.Fatal(err)
	}
	return s
}

// hook writes files as a charm does; nil removes.
func (p *place) hook(files map[string][]byte) {
	p.Helper()
	for name, content := range files {
		path := filepath.Join(p.charm, name)
		if content == nil {
			_ = os.Remove(path)
		} else if err := os.WriteFile(path, content, 0o600); err != nil {
			p.Fatal(err)
		}
	}
}

// commit takes what Collect found into the store.
func (p *place) commit(s *statefiles.Set) (sent int) {
	p.Helper()
	set, err := s.Collect()
	if err != nil {
		p.Fatal(err)
	}
	if set != nil {
		sent = p.store(set)
	}
	if err := s.Settle(set); err != nil {
		p.Fatal(err)
	}
	return sent
}

// store merges the pieces that came with those that were there.
func (p *place) store(set *controllerv1.StateFiles) (sent int) {
	next := proto.CloneOf(set)
	for _, f := range next.Files {
		sent += len(f.Pieces)
		have := map[uint32]*controllerv1.StatePiece{}
		for _, old := range p.committed.Files {
			if old.Name == f.Name {
				for _, piece := range old.Pieces {
					have[piece.Index] = piece
				}
			}
		}
		for _, piece := range f.Pieces {
			have[piece.Index] = piece
		}
		f.Pieces = nil
		for i := range f.Sums {
			if piece := have[uint32(i)]; piece != nil && !f.OnDisk {
				f.Pieces = append(f.Pieces, piece)
			}
		}
	}
	p.committed = next
	return sent
}

// has holds the charm's directory against what is wanted.
func (p *place) has(want map[string][]byte) {
	p.Helper()
	for _, name := range statefiles.Names() {
		got, err := os.ReadFile(filepath.Join(p.charm, name))
		if (err == nil) != (want[name] != nil) || !bytes.Equal(got, want[name]) {
			p.Fatalf("%s has %d bytes (%v), want %d", name, len(got), err, len(want[name]))
		}
	}
}

const db = statefiles.Database

func TestWhatWasCommittedIsThereAgain(t *testing.T) {
	p := newPlace(t, t.TempDir())
	one, two := bytes.Repeat([]byte("1"), 40<<10), bytes.Repeat([]byte("1"), 40<<10)
	two[20<<10] = '2'

	s := p.open()
	p.hook(map[string][]byte{db: one})
	if sent := p.commit(s); sent != 3 {
		t.Errorf("%d pieces were sent, want 3", sent)
	}
	s = p.open()
	p.hook(map[string][]byte{db: two})
	if sent := p.commit(s); sent != 1 {
		t.Errorf("%d pieces were sent for one that changed", sent)
	}
	s = p.open()
	if sent := p.commit(s); sent != 0 || p.fetches != 0 {
		t.Errorf("an event that wrote nothing sent %d pieces and fetched %d times", sent, p.fetches)
	}
	if err := os.RemoveAll(p.unit); err != nil { // a new place
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.charm, 0o755); err != nil {
		t.Fatal(err)
	}
	p.open()
	p.has(map[string][]byte{db: two})
}

func TestAKilledHookLeavesNoTrace(t *testing.T) {
	p := newPlace(t, t.TempDir())
	p.open()
	p.hook(map[string][]byte{db: []byte("torn"), db + "-journal": []byte("hot")}) // the very first hook is killed
	s := p.open()
	p.has(nil)
	p.hook(map[string][]byte{db: []byte("one")})
	p.commit(s)
	p.open()
	p.hook(map[string][]byte{db: []byte("torn"), db + "-journal": []byte("hot"), db + "-wal": []byte("w")})
	p.open()
	p.has(map[string][]byte{db: []byte("one")})
	if p.fetches != 1 {
		t.Errorf("fetched %d times, want once", p.fetches)
	}
	info, err := os.Stat(filepath.Join(p.charm, db))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAfterARebootTheStoresCopyWins(t *testing.T) {
	p := newPlace(t, t.TempDir())
	s := p.open()
	p.hook(map[string][]byte{db: []byte("one")})
	p.commit(s)
	p.hook(map[string][]byte{db: []byte("half of it reached the disk")})
	p.boot = "boot2"
	p.open()
	p.has(map[string][]byte{db: []byte("one")})
}

// noise does not compress.
func noise(size int, seed uint64) []byte {
	out := make([]byte, size)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func TestALargeSetStaysAtItsPlace(t *testing.T) {
	p := newPlace(t, t.TempDir())
	large := noise(statefiles.MaxStored+1, 1)
	s := p.open()
	p.hook(map[string][]byte{db: large})
	if sent := p.commit(s); sent != 0 || !p.committed.Files[0].OnDisk {
		t.Fatalf("%d pieces were sent, on disk %v", sent, p.committed.Files[0].OnDisk)
	}
	p.open()
	p.hook(map[string][]byte{db: []byte("torn")})
	s = p.open()
	p.has(map[string][]byte{db: large})
	larger := noise(statefiles.MaxStored+2, 2)
	p.hook(map[string][]byte{db: larger})
	p.commit(s)
	copies, err := os.ReadDir(filepath.Join(p.unit, "state-files"))
	if err != nil || len(copies) != 1 || copies[0].Name() != "2" {
		t.Fatalf("copies %v, %v; want that of generation 2", copies, err)
	}
	s = p.open()
	p.hook(map[string][]byte{db: []byte("small again")})
	if sent := p.commit(s); sent != 1 {
		t.Errorf("%d pieces were sent of a file that is small again", sent)
	}
	p.open()
	p.has(map[string][]byte{db: []byte("small again")})
}

func TestALostCopyIsSaid(t *testing.T) {
	p := newPlace(t, t.TempDir())
	s := p.open()
	p.hook(map[string][]byte{db: noise(statefiles.MaxStored+1, 1)})
	p.commit(s)
	if err := os.RemoveAll(filepath.Join(p.unit, "state-files")); err != nil {
		t.Fatal(err)
	}
	p.boot = "boot2"
	err := statefiles.Open(p.unit, p.charm, p.boot).Prepare(t.Context(), p.committed.Generation, p.fetch)
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "its copy is gone") {
		t.Fatal(err)
	}
}

// What does not have the sum that was committed is refused, and nothing of it is put in place.
func TestDamageIsNoticed(t *testing.T) {
	for name, damage := range map[string]func(*controllerv1.StateFile){
		"piece missing": func(f *controllerv1.StateFile) { f.Pieces = f.Pieces[1:] },
		"piece torn":    func(f *controllerv1.StateFile) { f.Pieces[0].Content = f.Pieces[0].Content[:5] },
		"other content": func(f *controllerv1.StateFile) { f.Pieces[0], f.Pieces[1] = f.Pieces[1], f.Pieces[0] },
		"other sum":     func(f *controllerv1.StateFile) { f.Sha256 = make([]byte, sha256.Size) },
	} {
		p := newPlace(t, t.TempDir())
		s := p.open()
		p.hook(map[string][]byte{db: noise(40<<10, 3)})
		p.commit(s)
		damage(p.committed.Files[0])
		p.boot = "boot2"
		if err := statefiles.Open(p.unit, p.charm, p.boot).Prepare(t.Context(), 1, p.fetch); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestALinkIsNoStateFile(t *testing.T) {
	p := newPlace(t, t.TempDir())
	s := p.open()
	if err := os.WriteFile(filepath.Join(p.unit, "elsewhere"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../elsewhere", filepath.Join(p.charm, db)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(); !errs.Is(err, errs.Invalid) {
		t.Fatal(err)
	}
}

// Whatever is killed or lost at any moment, an event finds exactly what was committed last.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "sf")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		p := newPlace(t, dir)
		want := map[string][]byte{}
		for i := range rapid.IntRange(1, 12).Draw(t, "events") {
			s := p.open()
			p.has(want)
			next := maps.Clone(want)
			for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(statefiles.Names()), func(n string) string { return n }).Draw(t, fmt.Sprint("names", i)) {
				size := rapid.SampledFrom([]int{0, 1, 100, statefiles.PieceSize, statefiles.PieceSize + 1, 60 << 10, statefiles.MaxStored + 5}).Draw(t, "size")
				next[name] = noise(size, uint64(i))
				if size == 0 {
					next[name] = nil
				}
			}
			p.hook(next)
			end := rapid.SampledFrom([]string{"committed", "killed", "refused", "answer lost", "rebooted"}).Draw(t, fmt.Sprint("end", i))
			if end == "killed" {
				continue
			}
			set, err := s.Collect()
			if err != nil {
				t.Fatal(err)
			}
			if end == "refused" {
				continue
			}
			if set != nil {
				p.store(set)
			}
			want = next
			if end == "answer lost" {
				continue
			}
			if err := s.Settle(set); err != nil {
				t.Fatal(err)
			}
			if end == "rebooted" {
				p.boot = fmt.Sprint("boot", i+2)
			}
		}
		p.open()
		p.has(want)
		if !slices.IsSorted(statefiles.Names()) {
			t.Fatal("the names are not sorted")
		}
	})
}
