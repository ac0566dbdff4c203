// Package charm reads charm packages: a directory as it stands, with split
// files or one charmcraft.yaml, or a zip. It checks everything they declare and
// reports all findings at once, packs directories into deterministic archives
// and unpacks archives safely.
package charm

import (
	"archive/zip"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/action"
	"github.com/bangle-dev/bangle/core/charm/config"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Runtime names the kind of runtime plugin that runs a charm.
type Runtime string

// The runtimes that charms are recognised for. Others can be asked for by name.
const (
	// Wasm runs charm.wasm, or a script of one of its engines.
	Wasm Runtime = "wasm"
	// Python runs every executable charm: dispatch or hooks/.
	Python Runtime = "python"
)

// Charm is what a package declares. It is a value: nothing in it refers back
// to the files.
type Charm struct {
	Meta     Meta            `json:"meta"`
	Config   config.Options  `json:"config,omitempty"`
	Actions  action.Actions  `json:"actions,omitempty"`
	Manifest Manifest        `json:"manifest,omitzero"`
	Profile  *map[string]any `json:"lxd-profile,omitempty"`
	// Version is the first line of the file version, "" without one.
	Version string `json:"version,omitempty"`
	// Revision is the number in the file revision, 0 without one.
	Revision int     `json:"revision"`
	Runtime  Runtime `json:"runtime"`
	// Entry is the file or directory that Runtime was recognised by.
	Entry string `json:"entry"`
}

// ReadConfig is how Read and ReadFS look at a package.
type ReadConfig struct {
	// Runtime overrides the runtime that the package's files ask for; "" keeps it.
	Runtime Runtime
}

// Read reads the directory, zip or bare charm.wasm at path. The list has every finding, also
// when the error is nil; the error, of class errs.Invalid, has the errors of
// the list. A path that does not exist is errs.NotFound.
func Read(path string, cfg ReadConfig) (*Charm, diag.List, error) {
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return nil, nil, errs.E(errs.NotFound, "cannot read charm %s: there is no such file or directory", path)
	case err != nil:
		return nil, nil, errs.E(errs.Invalid, "cannot read charm %s: %w", path, err)
	case info.IsDir():
		c, list := ReadFS(os.DirFS(path), cfg)
		return c, list, within(path, list)
	case isModule(path):
		c, list := ReadFS(module{path}, cfg)
		return c, list, within(path, list)
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, errs.E(errs.Invalid, "cannot read charm %s: it is neither a directory nor a zip archive: %w", path, err)
	}
	defer archive.Close()
	if err := checkArchive(&archive.Reader, Limits{}); err != nil {
		return nil, nil, errs.E(errs.Invalid, "cannot read charm %s: %w", path, err)
	}
	c, list := ReadFS(archive, cfg)
	return c, list, within(path, list)
}

func within(path string, list diag.List) error {
	if err := list.Err(); err != nil {
		return errs.E(errs.Invalid, "cannot use charm %s:\n%w", path, err)
	}
	return nil
}

// ReadFS reads the charm whose root is the root of fsys. The charm is nil when
// the list has errors.
func ReadFS(fsys fs.FS, cfg ReadConfig) (*Charm, diag.List) {
	r := &reader{fsys: fsys}
	c := &Charm{}
	r.load()
	c.Meta = r.meta()
	c.Config = config.Options{}
	c.Actions = action.Actions{}
	if doc := r.doc(configFile); doc != nil {
		list := diag.List{}
		c.Config = config.Read(doc, &list)
		r.add(configFile, list)
	}
	if doc := r.doc(actionsFile); doc != nil {
		list := diag.List{}
		c.Actions = action.Read(doc, &list)
		r.add(actionsFile, list)
	}
	c.Manifest = r.manifest()
	c.Profile = r.profile()
	c.Version = r.version()
	c.Revision = r.revision()
	c.Runtime, c.Entry = r.runtime(cfg.Runtime)
	r.list.Sort()
	if r.list.HasErrors() {
		return nil, r.list
	}
	return c, r.list
}

func (r *reader) manifest() Manifest {
	var m Manifest
	if doc := r.docs[manifestFile]; doc != nil {
		// Tools write much more into it than what concerns us.
		_, err := doc.DecodeLenient(&m)
		r.list.AddYAML(manifestFile, nil, err)
	}
	return m
}

func (r *reader) profile() *map[string]any {
	var p map[string]any
	doc := r.docs[profileFile]
	if doc == nil {
		return nil
	}
	unknown, err := doc.DecodeLenient(&p)
	r.list.AddYAML(profileFile, unknown, err)
	return &p
}

// version returns the first line of the file, as status shows it.
func (r *reader) version() string {
	data, ok := r.read(versionFile)
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	return strings.TrimSpace(line)
}

func (r *reader) revision() int {
	data, ok := r.read(revisionFile)
	if !ok {
		return 0
	}
	text := strings.TrimSpace(string(data))
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		r.errorf(revisionFile, "revision %q is not valid; allowed: a whole number that is not negative", text)
		return 0
	}
	return n
}
