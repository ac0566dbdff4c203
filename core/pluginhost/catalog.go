package pluginhost

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// The kinds of plugins.
const (
	KindSubstrate = "substrate" // the provider's side, and the unit's where no unit-NAME is there
	KindUnit      = "unit"
	KindRuntime   = "runtime"
)

// SystemDir is where a distribution's packages put plugins.
const SystemDir = "/usr/lib/bangle/plugins"

// ID names a plugin.
type ID struct {
	Kind string // substrate, unit or runtime
	Name string // python, local, …
}

// String is the name of the plugin's file.
func (id ID) String() string { return id.Kind + "-" + id.Name }

// ParseID reads a file's name; ok is false when it is not a plugin's.
func ParseID(file string) (id ID, ok bool) {
	kind, name, found := strings.Cut(file, "-")
	valid := found && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	return ID{Kind: kind, Name: name}, valid && contracts(kind) != nil
}

// contracts are the versions that this host speaks with a kind, nil for a kind
// that does not exist.
func contracts(kind string) plugin.Contracts {
	switch kind {
	case KindSubstrate, KindUnit:
		return substrate.Contracts()
	case KindRuntime:
		return charmruntime.Contracts()
	}
	return nil
}

// Catalog knows where plugins may lie.
type Catalog struct {
	Dirs []string // the first directory that has a plugin wins
	Home string   // BANGLE_HOME, whose plugins.lock trusts files in any place; "" = none

	sums *sums
}

// DefaultCatalog looks beside the running program, in home and in the system's
// directory.
func DefaultCatalog(home string) Catalog {
	c := Catalog{Home: home, sums: &sums{known: map[identity]string{}}}
	if program, err := os.Executable(); err == nil {
		c.Dirs = append(c.Dirs, filepath.Join(filepath.Dir(program), "plugins"))
	}
	if home != "" {
		c.Dirs = append(c.Dirs, filepath.Join(home, "plugins"))
	}
	c.Dirs = append(c.Dirs, SystemDir)
	return c
}

// Find returns the plugin's file, not checked yet. The error is NotFound and
// names where it was looked for and what there is.
func (c Catalog) Find(kind, name string) (string, error) {
	want := ID{Kind: kind, Name: name}
	if _, ok := ParseID(want.String()); !ok {
		return "", errs.E(errs.Invalid, "cannot find plugin %q: a plugin's name is substrate-NAME, unit-NAME or runtime-NAME with NAME of a-z, 0-9 and -", want)
	}
	var names []string
	all, err := c.List()
	if err != nil {
		return "", err
	}
	for _, file := range all {
		if filepath.Base(file) == want.String() {
			return file, nil
		}
		names = append(names, filepath.Base(file))
	}
	return "", errs.E(errs.NotFound, "cannot find plugin %s in %s; there is %s; put the file %s into one of these directories and run: bangle plugins trust FILE",
		want, strings.Join(c.Dirs, ", "), listed(names), want)
}

// listed is a list for people.
func listed(names []string) string {
	if len(names) == 0 {
		return "none at all"
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// List returns the file of every plugin, in the order of the directories; of
// several of one name only the first. Files trusted in other places come last.
func (c Catalog) List() ([]string, error) {
	var files []string
	seen := map[string]bool{}
	add := func(file string) {
		if _, ok := ParseID(filepath.Base(file)); ok && !seen[filepath.Base(file)] {
			seen[filepath.Base(file)] = true
			files = append(files, file)
		}
	}
	for _, dir := range c.Dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			return nil, errs.E(errs.Invalid, "cannot list plugins: %w", err)
		}
		for _, entry := range entries {
			if runnable(dir, entry) {
				add(filepath.Join(dir, entry.Name()))
			}
		}
	}
	lock, err := c.homeLock()
	if err != nil {
		return nil, err
	}
	for _, entry := range lock.Plugins {
		if info, err := os.Stat(entry.File); err == nil && info.Mode().IsRegular() {
			add(entry.File)
		}
	}
	return files, nil
}

// runnable says whether a directory's entry, or what it links to, is an
// executable file.
func runnable(dir string, entry fs.DirEntry) bool {
	info, err := os.Stat(filepath.Join(dir, entry.Name()))
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// homeLock reads the user's plugins.lock.
func (c Catalog) homeLock() (Lock, error) {
	if c.Home == "" {
		return Lock{}, nil
	}
	return ReadLock(filepath.Join(c.Home, LockName))
}
