package charm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// The files of a charm that are read here.
const (
	metadataFile  = "metadata.yaml"
	configFile    = "config.yaml"
	actionsFile   = "actions.yaml"
	manifestFile  = "manifest.yaml"
	profileFile   = "lxd-profile.yaml"
	charmcraft    = "charmcraft.yaml"
	versionFile   = "version"
	revisionFile  = "revision"
	dispatchFile  = "dispatch"
	hooksDir      = "hooks"
	wasmFile      = "charm.wasm"
	scriptJS      = "charm.js"
	scriptPython  = "charm.py"
	maxScript     = 1 << 20 // bytes; the runtime allows no more
	pythonSource  = "src/charm.py"
	executableAny = 0o111
)

// sections are the keys of charmcraft.yaml that stand for a split file.
func sections() map[string]string {
	return map[string]string{configFile: "config", actionsFile: "actions"}
}

// buildKeys are the keys of charmcraft.yaml that say how to build, and what of
// it belongs to other files.
func buildKeys() []string {
	return []string{"type", "title", "parts", "platforms", "base", "build-base", "bases", "charm-libs",
		"charmhub", "analysis", "extensions", "config", "actions", "charmcraft"}
}

// reader collects the documents of one package and what is wrong with them.
type reader struct {
	fsys fs.FS
	list diag.List
	docs map[string]*yaml.Document // by file; nil for broken ones
	// broken are files that exist and could not be parsed.
	broken map[string]bool
	// unified says that charmcraft.yaml is the metadata.
	unified bool
}

func (r *reader) errorf(file, format string, args ...any) {
	r.list = append(r.list, diag.Diagnostic{Severity: diag.Error, File: file, Message: fmt.Sprintf(format, args...)})
}

// read returns a file, or false when there is none or it cannot be read, which
// is then in the list.
func (r *reader) read(name string) ([]byte, bool) {
	f, err := r.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if name == charmcraft && r.docs[metadataFile] == nil && !r.broken[metadataFile] {
			return embedded(r.fsys)
		}
		return nil, false
	}
	if err != nil {
		r.errorf(name, "%s", err)
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yaml.MaxBytes+1))
	if err != nil {
		r.errorf(name, "%s", err)
		return nil, false
	}
	return data, true
}

// load parses every YAML file and decides which of them speaks for what.
func (r *reader) load() {
	r.docs, r.broken = map[string]*yaml.Document{}, map[string]bool{}
	for _, name := range []string{metadataFile, charmcraft, configFile, actionsFile, manifestFile, profileFile} {
		data, ok := r.read(name)
		if !ok {
			continue
		}
		doc, err := yaml.One(name, data)
		if err != nil {
			r.broken[name] = true
			r.list.AddYAML(name, nil, err)
			continue
		}
		r.docs[name] = doc
	}
	r.unified = r.docs[metadataFile] == nil && !r.broken[metadataFile] && (r.docs[charmcraft] != nil || r.broken[charmcraft])
	for file, section := range sections() {
		// Beside metadata.yaml the split files speak, as in a packed charm.
		if c := r.docs[charmcraft]; c != nil && r.unified && c.Has(section) && (r.docs[file] != nil || r.broken[file]) {
			diag.Reporter{List: &r.list, Doc: c}.Errorf([]string{section},
				"%s is given here and in %s; allowed: one of them", section, file)
		}
	}
}

// doc returns what speaks for the split file, nil when nothing does.
func (r *reader) doc(file string) *yaml.Document {
	if r.docs[file] != nil || r.broken[file] {
		return r.docs[file]
	}
	if c := r.docs[charmcraft]; c != nil && c.Has(sections()[file]) {
		return c.Sub(sections()[file])
	}
	return nil
}

// add takes over findings about a split file; those about a section of
// charmcraft.yaml get the section in front of their keys.
func (r *reader) add(file string, list diag.List) {
	for _, d := range list {
		if d.File == charmcraft {
			d.Key = strings.TrimSuffix(sections()[file]+"."+d.Key, ".")
		}
		r.list = append(r.list, d)
	}
}

func (r *reader) meta() Meta {
	var m Meta
	doc := r.docs[metadataFile]
	if r.unified {
		doc = r.docs[charmcraft]
	}
	if doc == nil {
		if !r.broken[metadataFile] && !r.broken[charmcraft] {
			r.errorf(metadataFile, "there is no such file; a charm has metadata.yaml or charmcraft.yaml")
		}
		return m
	}
	unknown, err := doc.DecodeLenient(&m)
	if r.unified {
		unknown = slices.DeleteFunc(unknown, func(p yaml.Problem) bool { return slices.Contains(buildKeys(), p.Key) })
		m.DisplayName = r.title(m.DisplayName)
	}
	r.list.AddYAML(doc.File(), unknown, err)
	if err != nil {
		return m
	}
	v2 := r.unified || r.docs[manifestFile] != nil || r.docs[charmcraft] != nil
	metaCheck{Reporter: diag.Reporter{List: &r.list, Doc: doc}, meta: &m, v2: v2}.all()
	if r.unified && doc.Has("extensions") {
		diag.Reporter{List: &r.list, Doc: doc}.Warnf([]string{"extensions"},
			"extensions are not expanded here; pack the charm with charmcraft first")
	}
	return m
}

// title returns charmcraft's name for the display name.
func (r *reader) title(displayName string) string {
	var c struct {
		Title string `yaml:"title"`
	}
	if _, err := r.docs[charmcraft].DecodeLenient(&c); err == nil && c.Title != "" {
		return c.Title
	}
	return displayName
}
