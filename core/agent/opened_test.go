package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestTheOpenCommitIsKept: what was kept last is read, whatever was there before; what was cut off, or forgotten, is not.
func TestTheOpenCommitIsKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "unit", "run")
	req := func(n int) *controllerv1.CommitRequest {
		return &controllerv1.CommitRequest{Event: &hookv1.Event{Id: "1-start", Name: strings.Repeat("x", n)}}
	}
	want := func(what string, n int) {
		t.Helper()
		got, err := kept(dir)
		if err != nil || n < 0 && got != nil || n >= 0 && !proto.Equal(got, req(n)) {
			t.Errorf("%s: %.100v, %v; want one of %d", what, got, err, n)
		}
	}
	want("in the beginning", -1)
	forget(dir)
	for _, n := range []int{5000, 10, 0, 300_000, 20} {
		if err := keep(dir, req(n)); err != nil {
			t.Fatal(err)
		}
		want("kept", n)
		if n != 10 { // 0 is written over one that is not forgotten
			forget(dir)
			want("forgotten", -1)
		}
	}
	path := filepath.Join(dir, openFile)
	if info, err := os.Stat(path); err != nil || info.Size() > openLarge || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if err := keep(dir, req(100)); err != nil {
		t.Fatal(err)
	}
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { return b[:50] },
		func(b []byte) []byte { b[60] ^= 1; return b },
	} {
		if err := keep(dir, req(100)); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, damage(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := kept(dir); got != nil || err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("damaged: %v, %v", got, err)
		}
		want("after the damage", -1)
	}
	old, err := proto.Marshal(req(7))
	if err == nil {
		err = os.WriteFile(path, old, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	want("of an agent before this one", 7)
}

func BenchmarkKeep(b *testing.B) {
	dir := b.TempDir()
	req := &controllerv1.CommitRequest{Event: &hookv1.Event{Id: "1-start", Name: strings.Repeat("x", 400)}}
	for b.Loop() {
		if err := keep(dir, req); err != nil {
			b.Fatal(err)
		}
		forget(dir)
	}
}
