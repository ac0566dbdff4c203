package cli

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my-web")
	s := newShell(t, &fake{})
	s.run("init", dir, "--language", "python")
	file := filepath.Join(t.TempDir(), "my-web.charm")
	if got := s.run("pack", dir, "-o", file); !strings.Contains(got, file+", ") || !strings.Contains(got, `"import ops" gets Bangle's library`) {
		t.Errorf("pack says\n%s", got)
	}
	once, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.run("pack", dir, "-o", file)
	if again, err := os.ReadFile(file); err != nil || string(again) != string(once) {
		t.Errorf("packed twice it is not the same: %v", err)
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, f := range archive.File {
		names = append(names, f.Name)
	}
	if got, want := strings.Join(names, " "), "actions.yaml charmcraft.yaml config.yaml dispatch metadata.yaml src/ src/charm.py"; got != want {
		t.Errorf("in it are %s, want %s", got, want)
	}
}

// What cannot be deployed is not packed, and nothing is left of what cannot be written.
func TestPackRefuses(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "charmcraft.yaml"), []byte("type: charm\nname: My_Web\nsummary: s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newShell(t, &fake{})
	for line, want := range map[string]string{
		"pack " + dir + " -o " + to + "/a.charm":                              "cannot pack charm " + dir,
		"pack " + filepath.Join(dir, "none") + " -o " + to + "/a.charm":       "no such file",
		"pack " + dir + "/charmcraft.yaml -o " + to + "/a.charm":              "neither a directory nor a zip",
		"pack ../../charms/guestbook -o " + filepath.Join(to, "none/a.charm"): "cannot write " + to + "/none/a.charm",
	} {
		if got := s.run(words(line)...); !strings.Contains(got, want) {
			t.Errorf("%s\n%s\nwant %q", line, got, want)
		}
	}
	if left, err := os.ReadDir(to); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestPythonLibrary(t *testing.T) {
	s := newShell(t, &fake{})
	s.run("python-library")
	place := strings.TrimSpace(s.out.String())
	for _, name := range []string{"__init__.py", "py.typed", "testing/__init__.py"} {
		if _, err := os.Stat(filepath.Join(place, "ops", name)); err != nil {
			t.Error(err)
		}
	}
	if s.run("python-library"); strings.TrimSpace(s.out.String()) != place {
		t.Errorf("now it is in %s, was in %s", s.out.String(), place)
	}
}
