package yaml

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// checker compares a tree with the type it will be decoded into and brings
// short forms into their long form. The library is left nothing to complain
// about, so its texts, which name Go types, are never seen.
type checker struct {
	unknown []Problem
	wrong   []Problem
}

func (c *checker) bad(n *yaml.Node, path, want string) *yaml.Node {
	what := "the document"
	if path != "" {
		what = "key " + path
	}
	c.wrong = append(c.wrong, Problem{Line: n.Line, Key: path,
		Message: fmt.Sprintf("%s must be %s, got %s", what, want, describe(n))})
	return n
}

// shape returns n ready for decoding into t. short says that the field asked
// for the one-scalar form of a list.
func (c *checker) shape(n *yaml.Node, t reflect.Type, path string, short bool) *yaml.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if isNull(n) {
		return n
	}
	switch t.Kind() {
	case reflect.Interface:
		return c.free(n, path)
	case reflect.Struct:
		return c.structure(n, t, path)
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return c.bad(n, path, "a mapping")
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			n.Content[i+1] = c.shape(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value), false)
		}
		return n
	case reflect.Slice, reflect.Array:
		return c.list(n, t, path, short)
	}
	if n.Kind != yaml.ScalarNode || !fits(n, t) {
		return c.bad(n, path, wanted(t))
	}
	return n
}

func (c *checker) list(n *yaml.Node, t reflect.Type, path string, short bool) *yaml.Node {
	if short && n.Kind == yaml.ScalarNode {
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: []*yaml.Node{n}}
	}
	if n.Kind != yaml.SequenceNode {
		return c.bad(n, path, "a list")
	}
	for i := range n.Content {
		n.Content[i] = c.shape(n.Content[i], t.Elem(), fmt.Sprintf("%s[%d]", path, i), false)
	}
	return n
}

func (c *checker) structure(n *yaml.Node, t reflect.Type, path string) *yaml.Node {
	fields, rest := fieldsOf(t)
	if n.Kind == yaml.ScalarNode {
		for _, f := range fields {
			if f.short && f.typ.Kind() != reflect.Slice {
				c.shape(n, f.typ, path, false)
				return &yaml.Node{Kind: yaml.MappingNode, Line: n.Line, Content: []*yaml.Node{textNode(f.name, n.Line), n}}
			}
		}
	}
	if n.Kind != yaml.MappingNode {
		return c.bad(n, path, "a mapping")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		child := join(path, key)
		if f, ok := find(fields, key); ok {
			n.Content[i+1] = c.shape(n.Content[i+1], f.typ, child, f.short)
		} else if rest != nil {
			n.Content[i+1] = c.shape(n.Content[i+1], rest, child, false)
		} else {
			c.unknown = append(c.unknown, Problem{Line: n.Content[i].Line, Key: child, Message: unknownKey(key, path, fields)})
		}
	}
	return n
}

func unknownKey(key, path string, fields []field) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	return fmt.Sprintf("unknown key %q%s; allowed: %s", key, where, strings.Join(names, ", "))
}

// free checks a value that is decoded into an any: it must have a JSON form.
func (c *checker) free(n *yaml.Node, path string) *yaml.Node {
	anyType := reflect.TypeFor[any]()
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			n.Content[i+1] = c.shape(n.Content[i+1], anyType, join(path, n.Content[i].Value), false)
		}
	case yaml.SequenceNode:
		for i := range n.Content {
			n.Content[i] = c.shape(n.Content[i], anyType, fmt.Sprintf("%s[%d]", path, i), false)
		}
	default:
		switch n.ShortTag() {
		case tagFloat:
			if !finite(n) {
				c.bad(n, path, "a finite number")
			}
		case tagInt, tagBool, tagStr:
			var v any
			if n.Decode(&v) != nil {
				c.bad(n, path, "a value that its tag allows")
			}
		default:
			c.bad(n, path, "text, a number, true, false, a list or a mapping")
		}
	}
	return n
}

func finite(n *yaml.Node) bool {
	var f float64
	return n.Decode(&f) == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

func fits(n *yaml.Node, t reflect.Type) bool {
	tag := n.ShortTag()
	switch t.Kind() {
	case reflect.String:
		return tag == tagStr || tag == tagInt || tag == tagFloat || tag == tagBool
	case reflect.Float32, reflect.Float64:
		return (tag == tagFloat || tag == tagInt) && finite(n)
	case reflect.Bool:
		return n.Decode(reflect.New(t).Interface()) == nil
	}
	if t == reflect.TypeFor[time.Duration]() {
		return n.Decode(reflect.New(t).Interface()) == nil
	}
	return tag == tagInt && n.Decode(reflect.New(t).Interface()) == nil
}

func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return `a duration such as "10s"`
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a finite number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number that is not negative"
	}
	return "a whole number"
}

// describe says what a node is, in the words of the one who wrote it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	value := n.Value
	if runes := []rune(value); len(runes) > 40 {
		value = string(runes[:40]) + "…"
	}
	switch n.ShortTag() {
	case tagInt, tagFloat, tagBool:
		return value
	case tagStr:
		return "text " + strconv.Quote(value)
	}
	return fmt.Sprintf("%s with tag %s", strconv.Quote(value), n.ShortTag())
}

// field is a key that a struct type allows.
type field struct {
	name  string
	typ   reflect.Type
	short bool
}

// fieldsOf returns the keys of struct type t in the order of its fields, and
// the element type of its inline map, which takes all other keys, or nil.
func fieldsOf(t reflect.Type) (fields []field, rest reflect.Type) {
	for f := range t.Fields() {
		tag := f.Tag.Get("yaml")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() || tag == "-":
		case strings.Contains(options, "inline") && f.Type.Kind() == reflect.Map:
			rest = f.Type.Elem()
		case strings.Contains(options, "inline"):
			inner, innerRest := fieldsOf(deref(f.Type))
			fields = append(fields, inner...)
			if innerRest != nil {
				rest = innerRest
			}
		default:
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			fields = append(fields, field{name: name, typ: deref(f.Type), short: f.Tag.Get("short") == "true"})
		}
	}
	return fields, rest
}

func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func deref(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}
