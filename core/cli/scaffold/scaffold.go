// Package scaffold writes a new charm: the files that `bangle init` makes. What it writes deploys as it is, and its tests
// run without an agent.
package scaffold

import (
	"embed"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm"
	js "github.com/bangle-dev/bangle/sdk/wasm/js"
	micropython "github.com/bangle-dev/bangle/sdk/wasm/micropython"
)

//go:embed all:templates
var templates embed.FS

// Language is one that a charm can be written in.
type Language struct {
	Name string
	// Test is the command that runs the new charm's tests, in its directory.
	Test string
	// Build is the command that compiles it; "" = nothing is compiled.
	Build string

	library map[string]string // files beside the templates
	sdk     string            // or the folder of sdk/wasm that has them
}

// Languages lists them by name.
func Languages() []Language {
	const build, test = "sh bangle/build.sh .", "sh bangle/test.sh ."
	return []Language{
		{Name: "assemblyscript", Test: test, Build: "npm install && " + build, sdk: "assemblyscript"},
		{Name: "c", Test: test, Build: build, sdk: "c"},
		{Name: "go", Test: test, Build: build, sdk: "go"},
		{Name: "javascript", Test: "node --test", library: map[string]string{
			"lib/bangle.js": js.Library(), "lib/bangle.d.ts": js.Types(), "lib/charmtest.js": js.Harness()}},
		{Name: "micropython", Test: "python3 test_charm.py", library: map[string]string{
			"lib/bangle.py": micropython.Library(), "lib/charmtest.py": micropython.Harness()}},
		{Name: "python", Test: "PYTHONPATH=$(bangle python-library) python3 -m unittest discover -s tests"},
		{Name: "rust", Test: test, Build: build, sdk: "rust"},
	}
}

// Find is the language of that name. The error names all.
func Find(name string) (Language, error) {
	var names []string
	for _, l := range Languages() {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return Language{}, errs.E(errs.Invalid, "cannot write a charm in %q; allowed: %s", name, strings.Join(names, ", "))
}

// Write writes a charm of that name into a directory that does not exist or is empty, and returns the files.
func (l Language) Write(dir, name string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return nil, errs.E(errs.AlreadyExists, "cannot write a charm into %s: there are files in it; name a directory that is not there", dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errs.E(errs.Invalid, "cannot write a charm: %w", err)
	}
	files, err := l.files(name)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(files))
	for _, file := range names {
		path := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, errs.E(errs.Unavailable, "cannot write a charm: %w", err)
		}
		if err := os.WriteFile(path, []byte(files[file]), 0o644); err != nil {
			return nil, errs.E(errs.Unavailable, "cannot write a charm: %w", err)
		}
	}
	return names, nil
}

// files are all files of a charm of that name, by path.
func (l Language) files(name string) (map[string]string, error) {
	files := map[string]string{}
	maps.Copy(files, l.library)
	if l.sdk != "" {
		library, err := wasm.Library(l.sdk)
		if err != nil {
			return nil, err
		}
		for path, text := range library {
			files[path] = strings.ReplaceAll(text, wasm.GoPath+"/", name+"/bangle/")
		}
	}
	for _, dir := range []string{"common", l.Name} {
		root := "templates/" + dir
		err := fs.WalkDir(templates, root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := templates.ReadFile(path)
			files[strings.TrimSuffix(strings.TrimPrefix(path, root+"/"), ".txt")] = strings.ReplaceAll(string(text), "NAME", name)
			return err
		})
		if err != nil {
			return nil, errs.E(errs.Internal, "cannot read the template: %w", err)
		}
	}
	return files, nil
}
