package yaml

import (
	"fmt"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	tagNull      = "!!null"
	tagBool      = "!!bool"
	tagInt       = "!!int"
	tagFloat     = "!!float"
	tagStr       = "!!str"
	tagTimestamp = "!!timestamp"
	tagMerge     = "!!merge"
)

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == tagNull
}

// expander copies a parsed tree into one without aliases and merge keys, within
// the bounds, and finds what no target type could make right.
type expander struct {
	nodes    int
	aborted  bool
	open     map[*yaml.Node]bool // anchors being expanded, against cycles
	problems []Problem
}

func expand(root *yaml.Node) (*yaml.Node, []Problem) {
	if len(root.Content) == 0 {
		return nil, nil
	}
	x := &expander{open: map[*yaml.Node]bool{}}
	node := x.copy(root.Content[0], "", 0)
	return node, sorted(x.problems)
}

func (x *expander) problem(line int, key, format string, args ...any) {
	x.problems = append(x.problems, Problem{Line: line, Key: key, Message: fmt.Sprintf(format, args...)})
}

// abort reports a bound that is crossed, once; the rest is not looked at.
func (x *expander) abort(line int, key, format string, args ...any) *yaml.Node {
	if !x.aborted {
		x.problem(line, key, format, args...)
	}
	x.aborted = true
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagNull, Line: line}
}

func (x *expander) copy(n *yaml.Node, key string, depth int) *yaml.Node {
	x.nodes++
	switch {
	case x.nodes > MaxNodes:
		return x.abort(n.Line, key, "has more than %d values once its aliases are expanded", MaxNodes)
	case depth > MaxDepth:
		return x.abort(n.Line, key, "is nested more than %d levels deep", MaxDepth)
	case x.aborted:
		return n
	}
	if n.Kind == yaml.AliasNode {
		if x.open[n.Alias] {
			return x.abort(n.Line, key, "alias %q contains itself", n.Value)
		}
		return x.copy(n.Alias, key, depth+1)
	}
	x.open[n] = true
	defer delete(x.open, n)
	out := &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Line: n.Line, Column: n.Column}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, child := range n.Content {
			out.Content = append(out.Content, x.copy(child, fmt.Sprintf("%s[%d]", key, i), depth+1))
		}
	case yaml.MappingNode:
		x.mapping(n, out, key, depth)
	case yaml.ScalarNode:
		if n.ShortTag() == tagTimestamp {
			out.Tag = tagStr
		}
	}
	return out
}

func (x *expander) mapping(n, out *yaml.Node, path string, depth int) {
	if len(n.Content)/2 > MaxKeys {
		x.abort(n.Line, path, "has a mapping of more than %d keys", MaxKeys)
		return
	}
	lines := map[string]int{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			x.problem(key.Line, path, "a list or mapping cannot be a key; allowed: text")
			continue
		}
		child := join(path, key.Value)
		value := x.copy(n.Content[i+1], child, depth+1)
		if key.ShortTag() == tagMerge {
			merges = append(merges, value)
			continue
		}
		if first, ok := lines[key.Value]; ok {
			x.problem(n.Content[i].Line, child, "key %s is given twice, first on line %d", child, first)
			continue
		}
		lines[key.Value] = n.Content[i].Line
		out.Content = append(out.Content, textNode(key.Value, n.Content[i].Line), value)
	}
	for _, m := range merges {
		x.merge(out, m, lines, path)
	}
}

// merge adds the keys of a "<<" value that are not given beside it.
func (x *expander) merge(out, from *yaml.Node, lines map[string]int, path string) {
	switch {
	case x.aborted:
	case from.Kind == yaml.SequenceNode:
		for _, m := range from.Content {
			if m.Kind != yaml.MappingNode {
				x.problem(m.Line, path, "\"<<\" merges mappings only")
				continue
			}
			x.merge(out, m, lines, path)
		}
	case from.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(from.Content); i += 2 {
			if key := from.Content[i]; lines[key.Value] == 0 && len(lines) < MaxKeys {
				lines[key.Value] = key.Line
				out.Content = append(out.Content, key, from.Content[i+1])
			}
		}
	default:
		x.problem(from.Line, path, "\"<<\" merges mappings only")
	}
}

func textNode(text string, line int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tagStr, Value: text, Line: line}
}

// join appends a key to a dotted path, quoting keys that would make it ambiguous.
func join(path, key string) string {
	if key == "" || strings.ContainsAny(key, ".[]\" \t\n") {
		key = fmt.Sprintf("%q", key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func sorted(problems []Problem) []Problem {
	sort.SliceStable(problems, func(i, j int) bool { return problems[i].Line < problems[j].Line })
	return problems
}
