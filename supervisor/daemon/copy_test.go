package daemon_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/daemon"
)

const copyVariable = "BANGLE_TEST_COPY"

// copyAndDie copies and kills its process at the given step.
func copyAndDie(dst, src string, fatal int) {
	steps := 0
	err := daemon.CopySteps(dst, src, func() {
		if steps++; steps == fatal {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// content is what a directory holds: names with their kind, permissions and text or target.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		switch d.Type() {
		case 0:
			data, readErr := os.ReadFile(path)
			text, err = string(data), readErr
		case fs.ModeSymlink:
			text, err = os.Readlink(path)
		}
		out[strings.TrimPrefix(path, dir)] = fmt.Sprint(info.Mode(), " ", text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCopyOnceKilledAtEveryStep kills the copying at every step: the next start ends with the whole, and with nothing else.
func TestCopyOnceKilledAtEveryStep(t *testing.T) {
	if text := os.Getenv(copyVariable); text != "" {
		part := strings.Split(text, ":")
		fatal, err := strconv.Atoi(part[2])
		if err != nil {
			t.Fatal(err)
		}
		copyAndDie(part[0], part[1], fatal)
	}
	src := t.TempDir()
	for name, text := range map[string]string{"layers/001-a.yaml": layerA, "layers/002-b.d/001-c.yaml": "", "big": strings.Repeat("0123456789abcdef", 5000)} {
		path := filepath.Join(src, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("layers/001-a.yaml", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	want := content(t, src)
	for fatal, survived := 1, false; !survived; fatal++ {
		dst := filepath.Join(t.TempDir(), "a", "b")
		cmd := osexec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCopyOnceKilledAtEveryStep$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%s:%d", copyVariable, dst, src, fatal))
		said, err := cmd.Output()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("step %d: %v\n%s", fatal, err, said)
		}
		survived = err == nil
		if err := daemon.CopySteps(dst, src, func() {}); err != nil {
			t.Fatalf("after step %d: %v", fatal, err)
		}
		if got := content(t, dst); !maps.Equal(got, want) {
			t.Errorf("after step %d: %d entries, want %d", fatal, len(got), len(want))
		}
		if survived && fatal < 30 {
			t.Errorf("it took %d steps: are they all counted?", fatal-1)
		}
	}
}

// TestCopyOnceIsDoneOnce: what came into the directory later stays as it is.
func TestCopyOnceIsDoneOnce(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	linked := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(os.WriteFile(filepath.Join(src, "a"), []byte("one"), 0o600), os.Symlink(src, linked)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two"} {
		if err := errors.Join(daemon.CopySteps(dst, linked, func() {}), os.WriteFile(filepath.Join(src, "a"), []byte("two"), 0o600)); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := content(t, dst); len(got) != 1 || !strings.HasSuffix(got["/a"], " one") {
			t.Errorf("%q", got)
		}
	}
	if err := daemon.CopySteps(dst, filepath.Join(src, "a"), func() {}); err == nil {
		t.Error("a file was copied as a directory")
	}
	if err := syscall.Mkfifo(filepath.Join(src, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := daemon.CopySteps(filepath.Join(dst, "new"), src, func() {}); err == nil || !strings.Contains(err.Error(), "fifo is no file") {
		t.Errorf("a pipe: %v", err)
	}
}
