package yaml

import (
	"reflect"

	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Document is one parsed document. The zero Document is empty.
type Document struct {
	file string
	node *yaml.Node // nil when empty; no aliases, no merge keys, string keys
}

// File returns the name the document was parsed under.
func (d *Document) File() string { return d.file }

// Empty reports whether the document has no content or is null.
func (d *Document) Empty() bool { return d.node == nil || isNull(d.node) }

// Decode reads the document strictly into the pointer into; see Decode.
func (d *Document) Decode(into any) error {
	unknown, err := d.DecodeLenient(into)
	if err != nil {
		// Both kinds belong in one report, in the order of the file.
		return newError(d.file, sorted(append(unknown, Problems(err)...))...)
	}
	if len(unknown) > 0 {
		return newError(d.file, unknown...)
	}
	return nil
}

// DecodeLenient reads the document into the pointer into and gives unknown
// keys back, also together with an error.
func (d *Document) DecodeLenient(into any) (unknown []Problem, err error) {
	if d.Empty() {
		return nil, nil
	}
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return nil, errs.E(errs.Internal, "cannot read %s: the target is no pointer", d.file)
	}
	// A copy is checked and shaped, since a document may be decoded twice.
	c := &checker{}
	node := c.shape(clone(d.node), target.Type().Elem(), "", false)
	if len(c.wrong) > 0 {
		return sorted(c.unknown), newError(d.file, sorted(c.wrong)...)
	}
	fresh := reflect.New(target.Type().Elem())
	fresh.Elem().Set(target.Elem())
	if err := node.Decode(fresh.Interface()); err != nil {
		return sorted(c.unknown), newError(d.file, syntaxProblem(err))
	}
	target.Elem().Set(fresh.Elem())
	return sorted(c.unknown), nil
}

// Has reports whether the key at path is present, even when it is null. Path
// elements are keys of nested mappings.
func (d *Document) Has(path ...string) bool {
	_, value := d.find(path)
	return value != nil
}

// Line returns the line of the key at path, of the closest parent that is
// present, or of the document itself; 0 for an empty document.
func (d *Document) Line(path ...string) int {
	if d.node == nil {
		return 0
	}
	for ; len(path) > 0; path = path[:len(path)-1] {
		if key, _ := d.find(path); key != nil {
			return key.Line
		}
	}
	return d.node.Line
}

// Keys returns the keys of the mapping at path in the order of the file; nil
// when there is no mapping.
func (d *Document) Keys(path ...string) []string {
	_, node := d.find(path)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var keys []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}
	return keys
}

// Sub returns the value at path as a document of its own, with the lines it
// has in this one; empty when there is none.
func (d *Document) Sub(path ...string) *Document {
	_, node := d.find(path)
	return &Document{file: d.file, node: node}
}

func (d *Document) find(path []string) (key, value *yaml.Node) {
	key, value = d.node, d.node
	for _, want := range path {
		if value == nil || value.Kind != yaml.MappingNode {
			return nil, nil
		}
		content := value.Content
		key, value = nil, nil
		for i := 0; i+1 < len(content); i += 2 {
			if content[i].Value == want {
				key, value = content[i], content[i+1]
			}
		}
	}
	return key, value
}

func clone(n *yaml.Node) *yaml.Node {
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		out.Content[i] = clone(child)
	}
	return &out
}
