package commit_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/core/crash"
)

// TestCrash kills the process at every point of a commit and sends the same commit again: it is written once, and the
// agent is told where.
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	program := filepath.Join(t.TempDir(), "committer")
	if out, err := exec.Command("go", "build", "-trimpath", "-tags", "crashpoints", "-o", program, "./testdata/committer").CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	for _, at := range []string{"commit.before-txn", "commit.after-txn", "store.before-txn:1", "store.before-txn:2", "store.before-txn:3", "store.after-txn:2", "store.after-txn:3"} {
		t.Run(at, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(program, dir)
			cmd.Env = append(os.Environ(), crash.Variable+"="+at)
			if out, err := cmd.CombinedOutput(); err == nil || len(out) > 0 {
				t.Fatalf("it lived on: %v %s", err, out)
			}
			for range 2 { // and it stays so
				out, err := exec.Command(program, dir).CombinedOutput()
				if want := "refusal <nil>, bag written 1 times, answered with its revision: true\n"; err != nil || string(out) != want {
					t.Fatalf("%v, %q", err, out)
				}
			}
		})
	}
}
