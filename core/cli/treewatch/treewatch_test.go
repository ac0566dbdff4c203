package treewatch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/cli/treewatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChangesOfOneBurstAreOne(t *testing.T) {
	dir := t.TempDir()
	w, err := treewatch.New(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	sub := filepath.Join(dir, "src")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	next(t, w)
	for _, name := range []string{"a.py", "b.py", ".hidden"} {
		if err := os.WriteFile(filepath.Join(sub, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := next(t, w)
	slices.Sort(got)
	if want := []string{filepath.Join(sub, "a.py"), filepath.Join(sub, "b.py")}; !slices.Equal(got, want) {
		t.Errorf("changed %v, want %v: files in a directory made after New, hidden ones left out", got, want)
	}
}

func next(t *testing.T, w *treewatch.Watcher) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	got, err := w.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestCancel(t *testing.T) {
	w, err := treewatch.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { _, err := w.Next(ctx); ended <- err }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Next ended with %v, want canceled", err)
	}
}

func TestNoSuchDirectory(t *testing.T) {
	if _, err := treewatch.New(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that is not there can be watched")
	}
}
