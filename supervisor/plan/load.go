package plan

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const labelPattern = `[a-z](?:-?[a-z0-9]){2,}`

// Load reads every layer of a layers directory, lowest first. A directory
// NNN-label.d holds more of them, one level deep. A missing directory is the
// caller's to handle; an empty one gives no layers.
func Load(fsys fs.FS) ([]*Layer, error) {
	layers, err := loadDir(fsys, ".", "", 0)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(layers, func(a, b *Layer) int { return a.Order - b.Order })
	return layers, nil
}

func loadDir(fsys fs.FS, dir, prefix string, base int) ([]*Layer, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read layers directory: %w", err)
	}
	nameRE := regexp.MustCompile(`^([0-9]{3})-(` + labelPattern + `)\.(yaml|d)$`)
	orders, labels := map[int]string{}, map[string]string{}
	var layers []*Layer
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".d") {
			continue
		}
		m := nameRE.FindStringSubmatch(name)
		isDir := strings.HasSuffix(name, ".d")
		switch {
		case m == nil:
			return nil, fmt.Errorf("invalid layer filename: %q (must look like \"123-some-label.yaml\")", prefix+name)
		case isDir && prefix != "":
			return nil, fmt.Errorf("cannot have a layers sub-directory at this level: %q", prefix+name)
		}
		n, _ := strconv.Atoi(m[1])
		if orders[n] != "" || labels[m[2]] != "" {
			return nil, fmt.Errorf("invalid layer filename: %q is not unique (have %q)", prefix+name, orders[n]+labels[m[2]])
		}
		orders[n], labels[m[2]] = name, name
		more, err := loadEntry(fsys, dir, prefix, name, m[2], base, n, isDir)
		if err != nil {
			return nil, err
		}
		layers = append(layers, more...)
	}
	return layers, nil
}

func loadEntry(fsys fs.FS, dir, prefix, name, label string, base, n int, isDir bool) ([]*Layer, error) {
	path := name
	if dir != "." {
		path = dir + "/" + name
	}
	if isDir {
		return loadDir(fsys, path, label+"/", n*1000)
	}
	data, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, fmt.Errorf("cannot read layer file: %w", err)
	}
	order := base + n
	if prefix == "" {
		order = n * 1000
	}
	l, err := Parse(order, prefix+label, data)
	if err != nil {
		return nil, err
	}
	return []*Layer{l}, nil
}

// AddOptions says how [Add] treats a label that exists or lies in a sub-directory.
type AddOptions struct {
	Combine bool // merge into an existing layer instead of refusing
	Inner   bool // allow inserting before layers that follow
}

// Add puts a layer among layers by its label and returns the new list; the
// old one is not changed. The label rules are those of POST /v1/layers.
func Add(layers []*Layer, l *Layer, o AddOptions) ([]*Layer, error) {
	if l.Label == "" {
		return nil, ErrNoLabel
	}
	out := slices.Clone(layers)
	for i, old := range out {
		if old.Label != l.Label {
			continue
		}
		if !o.Combine {
			return nil, &LabelExistsError{Label: l.Label}
		}
		out[i] = combineLayers(old, l)
		return out, nil
	}
	placed := *l
	if dir, _, ok := strings.Cut(l.Label, "/"); ok {
		last := -1
		for i, old := range out {
			if strings.HasPrefix(old.Label, dir+"/") {
				last = i
			}
		}
		if last >= 0 {
			if last < len(out)-1 && !o.Inner {
				return nil, ErrNeedsInner
			}
			placed.Order = out[last].Order + 1
			return slices.Insert(out, last+1, &placed), nil
		}
	}
	placed.Order = 1000
	if len(out) > 0 {
		placed.Order = (out[len(out)-1].Order/1000 + 1) * 1000
	}
	return append(out, &placed), nil
}
