package python_test

import (
	"bytes"
	"cmp"
	"context"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/python"
)

// limit is for one interpreter, whose tests take seconds.
const limit = 5 * time.Minute

// interpreters finds one Python of each version from 3.8 on, by version.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	home, _ := os.UserHomeDir()
	var candidates []string
	for _, pattern := range []string{"/usr/bin/python3", "/usr/bin/python3.*", "/usr/local/bin/python3*", home + "/.pyenv/versions/*/bin/python3"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, names...)
	}
	found := map[string]string{}
	for _, name := range candidates {
		out, err := exec.Command(name, "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 8))").Output()
		version, enough, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
		if err == nil && enough == "True" && found[version] == "" {
			found[version] = name
		}
	}
	if len(found) == 0 {
		t.Skip("there is no Python 3.8 or newer")
	}
	return found
}

// TestPython runs the package's own tests on every interpreter.
func TestPython(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts interpreters")
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	found := interpreters(t)
	versions := slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	for i, version := range versions { // all of them on the oldest, which knows least
		few := "BANGLE_FEW_TESTS=" + strconv.Itoa(min(i, 1))
		t.Run(version, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, found[version], "-m", "unittest", "discover", "-s", "tests")
			cmd.Dir = here
			cmd.Env = append(os.Environ(), "PYTHONPATH="+here, "PYTHONPYCACHEPREFIX="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=", few)
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("\nOK")) {
				t.Errorf("%s: %v\n%s", found[version], err, out)
			}
		})
	}
}

// TestFiles compares what is embedded with what is there: a new directory must not be left out.
func TestFiles(t *testing.T) {
	var want, got []string
	err := filepath.WalkDir("ops", func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".pyc") {
			want = append(want, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := fs.WalkDir(python.Files(), "ops", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("embedded are\n%s\nthere are\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := python.Unpack(dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	place, err := python.Unpack(dir)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("beside it lies %v, %v", left, err)
	}
	for version, interpreter := range interpreters(t) {
		cmd := exec.Command(interpreter, "-B", "-c", "import ops; ops.CharmBase, ops.pebble.Client; print(ops.__version__, ops.__file__)")
		cmd.Dir, cmd.Env = dir, []string{"PYTHONPATH=" + place}
		out, err := cmd.CombinedOutput()
		if want := python.Version() + " " + filepath.Join(place, "ops", "__init__.py") + "\n"; err != nil || string(out) != want {
			t.Errorf("%s: %v %s, want %s", version, err, out, want)
		}
	}
	if _, err := python.Unpack(filepath.Join(dir, "none")); err == nil {
		t.Error("unpacked into a directory that is not there")
	}
}
