package query

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Match asks the condition of values: strings, bools, numbers (int, int64, float64), lists ([]any) and maps
// (map[string]any). Errors name what the query asks for and the values do not have.
func (q *Query) Match(values map[string]any) (bool, error) {
	got, err := q.root.eval(&scope{values: values})
	if err != nil {
		return false, err
	}
	yes, ok := got.(bool)
	if !ok {
		return false, wrong(1, "the query is no condition: it is %s", describe(got))
	}
	return yes, nil
}

// scope is the names that are known at a place in a query.
type scope struct {
	values map[string]any
	outer  *scope
}

type (
	literal  struct{ value any }
	variable struct {
		at   int
		name string
	}
	field struct {
		at        int
		of, index node
	}
	not struct {
		at   int
		part node
	}
	logic struct {
		op          string
		at          int
		left, right node
	}
	compare struct {
		op          string
		at          int
		left, right node
	}
	lambda struct {
		param string
		body  node
	}
	call struct {
		at   int
		name string
		args []node
	}
)

func (l literal) eval(*scope) (any, error) { return l.value, nil }

func (l lambda) eval(*scope) (any, error) {
	return nil, fmt.Errorf("cannot ask query: %s => … stands alone", l.param)
}

func (v variable) eval(s *scope) (any, error) {
	for at := s; at != nil; at = at.outer {
		if value, ok := at.values[v.name]; ok {
			return plain(value), nil
		}
	}
	for s.outer != nil {
		s = s.outer
	}
	return nil, wrong(v.at, "there is no %q here; there are %s", v.name, strings.Join(slices.Sorted(maps.Keys(s.values)), ", "))
}

func (f field) eval(s *scope) (any, error) {
	of, err := f.of.eval(s)
	if err != nil {
		return nil, err
	}
	index, err := f.index.eval(s)
	if err != nil {
		return nil, err
	}
	m, ok := of.(map[string]any)
	key, isText := index.(string)
	if !ok || !isText {
		return nil, wrong(f.at, "%s has no fields", describe(of))
	}
	value, ok := m[key]
	if !ok {
		return nil, wrong(f.at, "there is no field %q; there are %s", key, strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	}
	return plain(value), nil
}

// plain makes one type of all numbers.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case uint32:
		return float64(v)
	}
	return v
}

func (n not) eval(s *scope) (any, error) {
	yes, err := truth(n.part, s, n.at)
	return !yes, err
}

func (l logic) eval(s *scope) (any, error) {
	left, err := truth(l.left, s, l.at)
	if err != nil || left == (l.op == "||") {
		return left, err
	}
	right, err := truth(l.right, s, l.at)
	return right, err
}

func truth(n node, s *scope, at int) (bool, error) {
	v, err := n.eval(s)
	if err != nil {
		return false, err
	}
	yes, ok := v.(bool)
	if !ok {
		return false, wrong(at, "%s is no condition", describe(v))
	}
	return yes, nil
}

func (c compare) eval(s *scope) (any, error) {
	left, err := c.left.eval(s)
	if err != nil {
		return nil, err
	}
	right, err := c.right.eval(s)
	if err != nil {
		return nil, err
	}
	order, ordered, ok := order(left, right)
	if !ok {
		return nil, wrong(c.at, "cannot compare %s with %s", describe(left), describe(right))
	}
	switch c.op {
	case "==":
		return order == 0, nil
	case "!=":
		return order != 0, nil
	}
	if !ordered {
		return nil, wrong(c.at, "cannot order %s; compare with == or !=", describe(left))
	}
	switch c.op {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}

// order compares two values of one type; ordered says that before and after mean something.
func order(a, b any) (order int, ordered, ok bool) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return strings.Compare(a, b), true, ok
	case float64:
		b, ok := b.(float64)
		return cmp.Compare(a, b), true, ok
	case bool:
		b, ok := b.(bool)
		if a == b {
			return 0, false, ok
		}
		return 1, false, ok
	}
	return 0, false, false
}

// function is a function of the language.
type function struct {
	args   int
	lambda bool // of the last argument
	form   string
	run    func(c call, s *scope) (any, error)
}

func functions() map[string]function {
	return map[string]function{
		"len":        {args: 1, form: "len(units)", run: length},
		"forEach":    {args: 2, lambda: true, form: "forEach(units, unit => …)", run: forEach},
		"startsWith": {args: 2, form: `startsWith(name, "web")`, run: affix(strings.HasPrefix)},
		"endsWith":   {args: 2, form: `endsWith(name, "/0")`, run: affix(strings.HasSuffix)},
	}
}

func (c call) eval(s *scope) (any, error) { return functions()[c.name].run(c, s) }

func length(c call, s *scope) (any, error) {
	v, err := c.args[0].eval(s)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case string:
		return float64(len(v)), nil
	case []any:
		return float64(len(v)), nil
	case map[string]any:
		return float64(len(v)), nil
	}
	return nil, wrong(c.at, "%s has no length", describe(v))
}

// forEach is true when the condition holds for every element, and of nothing at all.
func forEach(c call, s *scope) (any, error) {
	v, err := c.args[0].eval(s)
	if err != nil {
		return nil, err
	}
	var elements []any
	switch v := v.(type) {
	case []any:
		elements = v
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			elements = append(elements, v[k])
		}
	default:
		return nil, wrong(c.at, "%s has no elements", describe(v))
	}
	l := c.args[1].(lambda) // the parser has seen to it
	for _, element := range elements {
		yes, err := truth(l.body, &scope{values: map[string]any{l.param: element}, outer: s}, c.at)
		if err != nil || !yes {
			return false, err
		}
	}
	return true, nil
}

func affix(has func(s, affix string) bool) func(call, *scope) (any, error) {
	return func(c call, s *scope) (any, error) {
		var texts [2]string
		for i := range texts {
			v, err := c.args[i].eval(s)
			if err != nil {
				return nil, err
			}
			text, ok := v.(string)
			if !ok {
				return nil, wrong(c.at, "%s needs strings, and this is %s", c.name, describe(v))
			}
			texts[i] = text
		}
		return has(texts[0], texts[1]), nil
	}
}

func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the string %q", v)
	case float64:
		return fmt.Sprintf("the number %v", v)
	case bool:
		return fmt.Sprint(v)
	case nil:
		return "nothing"
	case []any, map[string]any:
		return fmt.Sprintf("a collection of %d", collectionLen(v))
	}
	return fmt.Sprintf("%v", v)
}

func collectionLen(v any) int {
	if list, ok := v.([]any); ok {
		return len(list)
	}
	m, _ := v.(map[string]any)
	return len(m)
}
