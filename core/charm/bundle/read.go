package bundle

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Source is one file of a bundle.
type Source struct {
	// File is the name for messages.
	File string
	Data []byte
	// Dir is what relative charm paths and include-file:// start from.
	Dir string
}

// Read reads a bundle file and its overlay files. A directory stands for the
// bundle.yaml in it. The list has every finding; the error, of class
// errs.Invalid, has the errors of the list.
func Read(path string, overlays ...string) (*Bundle, diag.List, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "bundle.yaml")
	}
	var sources []Source
	for _, file := range append([]string{path}, overlays...) {
		data, err := os.ReadFile(file)
		switch {
		case os.IsNotExist(err):
			return nil, nil, errs.E(errs.NotFound, "cannot read bundle %s: there is no such file", file)
		case err != nil:
			return nil, nil, errs.E(errs.Invalid, "cannot read bundle: %w", err)
		}
		dir, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			return nil, nil, errs.E(errs.Internal, "cannot read bundle %s: %w", file, err)
		}
		sources = append(sources, Source{File: file, Data: data, Dir: dir})
	}
	b, list := Parse(sources, os.ReadFile)
	return b, list, list.Err()
}

// Parse merges the documents of all sources, the first as the base and all
// others as overlays in their order, and checks the result. readFile serves
// include-file:// and gets absolute paths when the sources' Dir are absolute.
// The bundle is nil when the list has errors.
func Parse(sources []Source, readFile func(path string) ([]byte, error)) (*Bundle, diag.List) {
	p := &parser{bundle: &Bundle{}, readFile: readFile}
	for _, src := range sources {
		docs, err := yaml.All(src.File, src.Data)
		p.list.AddYAML(src.File, nil, err)
		for _, doc := range docs {
			p.add(src, doc)
		}
	}
	if len(p.docs) == 0 && !p.list.HasErrors() {
		p.list = append(p.list, diag.Diagnostic{Severity: diag.Error, File: nameOf(sources),
			Message: "the file is empty; add a key \"applications\""})
	}
	if p.list.HasErrors() {
		return nil, p.list
	}
	check(p.bundle, p.where, &p.list)
	p.list.Sort()
	if p.list.HasErrors() {
		return nil, p.list
	}
	return p.bundle, p.list
}

func nameOf(sources []Source) string {
	if len(sources) == 0 {
		return "bundle"
	}
	return sources[0].File
}

type parser struct {
	bundle   *Bundle
	list     diag.List
	readFile func(string) ([]byte, error)
	// docs are those merged so far, for the lines of findings.
	docs []*yaml.Document
}

// where returns a reporter for the document that last gave the key at path.
func (p *parser) where(path ...string) diag.Reporter {
	for i := len(p.docs) - 1; i > 0; i-- {
		if p.docs[i].Has(path...) {
			return diag.Reporter{List: &p.list, Doc: p.docs[i]}
		}
	}
	return diag.Reporter{List: &p.list, Doc: p.docs[0]}
}

func (p *parser) add(src Source, doc *yaml.Document) {
	overlay := len(p.docs) > 0
	p.docs = append(p.docs, doc)
	var raw document
	unknown, err := doc.DecodeLenient(&raw)
	p.list.AddYAML(doc.File(), nil, err)
	report := diag.Reporter{List: &p.list, Doc: doc}
	for _, u := range unknown {
		// The top level is where authors keep anchors; below it, a key that is
		// not known is a mistake.
		severity := diag.Error
		if !strings.ContainsAny(u.Key, ".[") {
			severity = diag.Warning
		}
		p.list = append(p.list, diag.Diagnostic{Severity: severity, File: doc.File(), Line: u.Line, Key: u.Key, Message: u.Message})
	}
	if err != nil {
		return
	}
	for _, name := range doc.Keys("applications") {
		p.resolve(report, src, name, raw.Applications[name], overlay)
	}
	relations := p.relations(report, raw.Relations)
	if !overlay {
		p.bundle = &raw.Bundle
		maps.DeleteFunc(p.bundle.Applications, func(_ string, a *Application) bool { return a == nil })
	} else {
		p.merge(doc, &raw.Bundle)
	}
	for _, r := range relations {
		p.bundle.addRelation(r)
	}
}

// resolve brings in what an application only points to.
func (p *parser) resolve(report diag.Reporter, src Source, name string, app *Application, overlay bool) {
	path := []string{"applications", name}
	if app == nil {
		if !overlay {
			report.Errorf(path, "application %q is empty; add a key \"charm\"", name)
		}
		return
	}
	if !overlay {
		for _, key := range []string{"exposed-endpoints", "offers"} {
			if report.Doc.Has("applications", name, key) {
				report.Errorf(append(path, key), "application %q has %s in the base document; allowed: only in an overlay, a document after \"---\" or a file of --overlay", name, key)
			}
		}
	}
	if isLocal(app.Charm) && !filepath.IsAbs(app.Charm) {
		app.Charm = filepath.Join(src.Dir, app.Charm)
	}
	for key, value := range app.Options {
		if text, ok := value.(string); ok {
			app.Options[key] = p.include(report, src, append(path, "options", key), text)
		}
	}
	for key, text := range app.Annotations {
		app.Annotations[key] = p.include(report, src, append(path, "annotations", key), text)
	}
	for key, value := range app.Resources {
		if text, ok := value.(string); ok && isLocal(text) && !filepath.IsAbs(text) {
			app.Resources[key] = filepath.Join(src.Dir, text)
		}
	}
}

// isLocal tells a path from the name of a charm or image.
func isLocal(ref string) bool {
	return ref == "." || ref == ".." || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") || filepath.IsAbs(ref)
}

func (p *parser) include(report diag.Reporter, src Source, path []string, text string) string {
	path = slices.Clone(path)
	file, isBase64 := strings.CutPrefix(text, "include-base64://")
	if !isBase64 {
		var ok bool
		if file, ok = strings.CutPrefix(text, "include-file://"); !ok {
			return text
		}
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(src.Dir, file)
	}
	data, err := p.readFile(file)
	if err != nil {
		report.Errorf(path, "%s cannot be included: %s", strings.Join(path, "."), err)
		return ""
	}
	if isBase64 {
		return base64.StdEncoding.EncodeToString(data)
	}
	return string(data)
}

const relationRule = `a pair such as [app:endpoint, other:endpoint], or [app, [other, third]]`

// relations reads pairs and one-to-many lists.
func (p *parser) relations(report diag.Reporter, raw []any) []Relation {
	var out []Relation
	for i, entry := range raw {
		sides, ok := entry.([]any)
		if !ok || len(sides) != 2 {
			report.Errorf([]string{"relations"}, "relation %d is no pair; allowed: %s", i+1, relationRule)
			continue
		}
		left, leftOK := endpoints(sides[0])
		right, rightOK := endpoints(sides[1])
		if !leftOK || !rightOK || len(left) > 1 && len(right) > 1 {
			report.Errorf([]string{"relations"}, "relation %d is not valid: %s; allowed: %s", i+1, fmt.Sprint(entry), relationRule)
			continue
		}
		for _, l := range left {
			for _, r := range right {
				out = append(out, Relation{l, r})
			}
		}
	}
	return out
}

func endpoints(side any) ([]string, bool) {
	switch s := side.(type) {
	case string:
		return []string{s}, true
	case []any:
		var out []string
		for _, item := range s {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			out = append(out, text)
		}
		return out, len(out) > 0
	}
	return nil, false
}

// merge lays an overlay over the bundle: given keys replace, maps are merged,
// and an application without a body goes away with its relations.
func (p *parser) merge(doc *yaml.Document, overlay *Bundle) {
	b := p.bundle
	for _, name := range doc.Keys("applications") {
		over := overlay.Applications[name]
		if over == nil {
			delete(b.Applications, name)
			b.Relations = slices.DeleteFunc(b.Relations, func(r Relation) bool { return appOf(r[0]) == name || appOf(r[1]) == name })
			continue
		}
		if b.Applications == nil {
			b.Applications = map[string]*Application{}
		}
		if b.Applications[name] == nil {
			b.Applications[name] = &Application{}
		}
		keys := doc.Keys("applications", name)
		if slices.Contains(keys, "scale") || slices.Contains(keys, "num_units") {
			b.Applications[name].NumUnits, b.Applications[name].Scale = nil, nil
		}
		mergeStruct(b.Applications[name], over, keys)
	}
	keys := slices.DeleteFunc(doc.Keys(), func(k string) bool { return k == "applications" || k == "relations" })
	mergeStruct(b, overlay, keys)
}

// mergeStruct takes over the fields of src whose keys are given.
func mergeStruct[T any](dst, src *T, keys []string) {
	d, s := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range d.NumField() {
		name, _, _ := strings.Cut(d.Type().Field(i).Tag.Get("yaml"), ",")
		if !slices.Contains(keys, name) {
			continue
		}
		if d.Field(i).Kind() != reflect.Map || d.Field(i).IsNil() {
			d.Field(i).Set(s.Field(i))
			continue
		}
		for entries := s.Field(i).MapRange(); entries.Next(); {
			d.Field(i).SetMapIndex(entries.Key(), entries.Value())
		}
	}
}
