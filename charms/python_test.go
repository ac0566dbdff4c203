// Package charms_test runs the tests of the charms that are written in Python.
package charms_test

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// limit is for one charm's tests on one interpreter, which take a second.
const limit = 2 * time.Minute

// interpreters finds one Python of each version from 3.8 on, by version.
func interpreters(t *testing.T) map[string]string {
	t.Helper()
	home, _ := os.UserHomeDir()
	found := map[string]string{}
	for _, pattern := range []string{"/usr/bin/python3", "/usr/bin/python3.*", "/usr/local/bin/python3*", home + "/.pyenv/versions/*/bin/python3"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			out, err := exec.Command(name, "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3], sys.version_info >= (3, 8))").Output()
			version, enough, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
			if err == nil && enough == "True" && found[version] == "" {
				found[version] = name
			}
		}
	}
	if len(found) == 0 {
		t.Skip("there is no Python 3.8 or newer")
	}
	return found
}

// TestPythonCharms runs tests/ of each charm that has them, as its README says, on every interpreter.
func TestPythonCharms(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts interpreters")
	}
	library, err := filepath.Abs("../sdk/python")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob("*/tests")
	if err != nil || len(tests) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	found := interpreters(t)
	versions := slices.SortedFunc(maps.Keys(found), func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	for _, version := range versions {
		for _, dir := range tests {
			t.Run(version+"/"+filepath.Dir(dir), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				cmd := exec.CommandContext(ctx, found[version], "-m", "unittest", "discover", "-s", "tests")
				cmd.Dir = filepath.Dir(dir)
				cmd.Env = append(os.Environ(), "PYTHONPATH="+library, "PYTHONPYCACHEPREFIX="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=")
				out, err := cmd.CombinedOutput()
				if err != nil || !bytes.Contains(out, []byte("\nOK")) || bytes.Contains(out, []byte("Ran 0 tests")) {
					t.Errorf("%s: %v\n%s", found[version], err, out)
				}
			})
		}
	}
}
