package crash_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/bangle-dev/bangle/core/crash"
)

func TestPointsFindsLiteralsOutsideTests(t *testing.T) {
	tree := fstest.MapFS{
		"a/a.go":      {Data: []byte("package a\nfunc f() { crash.At(\"a.two\"); crash.At(\"a.one\") }\n")},
		"a/a_test.go": {Data: []byte("package a\nfunc g() { crash.At(\"a.test\") }\n")},
		"a/other.go":  {Data: []byte("package a\nfunc h() { boom.At(\"a.other\") }\n")},
	}
	got, err := crash.Points(tree)
	if err != nil || !slices.Equal(got, []string{"a.one", "a.two"}) {
		t.Fatalf("Points = %v, %v", got, err)
	}
	tree["bad.go"] = &fstest.MapFile{Data: []byte("package")}
	if _, err := crash.Points(tree); err == nil {
		t.Fatal("a file that does not parse went unnoticed")
	}
}

func TestPointsOfTheControllerStages(t *testing.T) {
	got, err := crash.Points(os.DirFS("../controller"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"commit.before-txn", "commit.after-txn", "store.before-txn", "store.after-txn", "watch.before-fanout"} {
		if !slices.Contains(got, want) {
			t.Errorf("no crash point %q among %v", want, got)
		}
	}
}

// TestKillsItself builds a program with the tag and lets it die at the second hit.
func TestKillsItself(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "dies")
	build := exec.Command("go", "build", "-trimpath", "-tags", "crashpoints", "-o", program, "./testdata/dies")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	for _, c := range []struct {
		at   string
		want string
		dead bool
	}{{"", "1\n2\n3\n", false}, {"x.other", "1\n2\n3\n", false}, {"x.here", "", true}, {"x.here:2", "1\n", true}, {"x.here:9", "1\n2\n3\n", false}} {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), crash.Variable+"="+c.at)
		out, _ := cmd.Output()
		if string(out) != c.want {
			t.Errorf("%q printed %q, want %q", c.at, out, c.want)
		}
		ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if killed := ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL; killed != c.dead {
			t.Errorf("%q killed = %v, want %v", c.at, killed, c.dead)
		}
	}
}
