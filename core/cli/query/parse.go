// Package query is the language of wait-for: conditions on the status of a model such as
//
//	life == "alive" && forEach(units, unit => unit.workload-status == "active")
//
// It compares (== != < <= > >=), joins (&& || !), groups with parentheses, takes fields of things (unit.leader,
// units["web/0"]) and has the functions len, forEach, startsWith and endsWith. Names may have hyphens; there is no
// arithmetic. A query has no effects and always ends.
package query

import (
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of a query.
const maxDepth = 100

// node is a part of a query.
type node interface {
	eval(s *scope) (any, error)
}

// Query is a condition, ready to be asked.
type Query struct {
	root node
}

// parser turns tokens into nodes.
type parser struct {
	tokens []token
	depth  int
}

// Parse reads a query. Errors say at which character it is wrong.
func Parse(source string) (*Query, error) {
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, wrong(t.at, "%s is one too many; join conditions with && or ||", show(t))
	}
	return &Query{root: root}, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// is takes the next token when it is that sign.
func (p *parser) is(s string) bool {
	if t := p.peek(); t.kind != sign || t.text != s {
		return false
	}
	p.take()
	return true
}

func (p *parser) want(s string) error {
	if !p.is(s) {
		return wrong(p.peek().at, "want %q, not %s", s, show(p.peek()))
	}
	return nil
}

func (p *parser) or() (node, error)  { return p.chain("||", p.and) }
func (p *parser) and() (node, error) { return p.chain("&&", p.comparison) }

func (p *parser) chain(op string, part func() (node, error)) (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, wrong(p.peek().at, "the query is nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	left, err := part()
	for err == nil {
		at := p.peek().at
		if !p.is(op) {
			return left, nil
		}
		var right node
		right, err = part()
		left = logic{op, at, left, right}
	}
	return nil, err
}

func (p *parser) comparison() (node, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	at := p.peek().at
	for _, op := range [...]string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.is(op) {
			right, err := p.unary()
			return compare{op, at, left, right}, err
		}
	}
	return left, nil
}

func (p *parser) unary() (node, error) {
	at, negative := p.peek().at, false
	for p.is("!") {
		negative = !negative
	}
	part, err := p.postfix()
	if err != nil || !negative {
		return part, err
	}
	return not{at, part}, nil
}

// postfix reads a value and the fields taken of it.
func (p *parser) postfix() (node, error) {
	of, err := p.primary()
	for err == nil {
		at := p.peek().at
		switch {
		case p.is("."):
			t := p.take()
			if t.kind != name {
				return nil, wrong(t.at, "want the name of a field after the dot, not %s", show(t))
			}
			of = field{at, of, literal{t.text}}
		case p.is("["):
			var index node
			if index, err = p.or(); err == nil {
				err = p.want("]")
			}
			of = field{at, of, index}
		default:
			return of, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (node, error) {
	t := p.take()
	switch {
	case t.kind == text:
		return literal{t.text}, nil
	case t.kind == number:
		return numeral(t)
	case t.kind == name && (t.text == "true" || t.text == "false"):
		return literal{t.text == "true"}, nil
	case t.kind == name && p.is("("):
		return p.call(t)
	case t.kind == name:
		return variable{t.at, t.text}, nil
	case t.kind == sign && t.text == "(":
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.want(")")
	}
	return nil, wrong(t.at, "want a name, a string, a number or a parenthesis, not %s", show(t))
}

func numeral(t token) (node, error) {
	if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
		return literal{float64(n)}, nil
	}
	f, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		return nil, wrong(t.at, "%q is not a number", t.text)
	}
	return literal{f}, nil
}

func (p *parser) call(t token) (node, error) {
	f, ok := functions()[t.text]
	if !ok {
		return nil, wrong(t.at, "there is no function %q; there are endsWith, forEach, len, startsWith", t.text)
	}
	c := call{at: t.at, name: t.text}
	for !p.is(")") {
		if len(c.args) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.argument()
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, arg)
	}
	if len(c.args) != f.args {
		return nil, wrong(t.at, "%s takes %d arguments, not %d: %s", t.text, f.args, len(c.args), f.form)
	}
	if _, isLambda := c.args[len(c.args)-1].(lambda); isLambda != f.lambda {
		return nil, wrong(t.at, "%s is used so: %s", t.text, f.form)
	}
	return c, nil
}

// argument is an expression or "name => expression".
func (p *parser) argument() (node, error) {
	if len(p.tokens) > 1 && p.tokens[0].kind == name && p.tokens[1].kind == sign && p.tokens[1].text == "=>" {
		param := p.take().text
		p.take()
		body, err := p.or()
		return lambda{param, body}, err
	}
	return p.or()
}

func show(t token) string {
	switch t.kind {
	case end:
		return "the end"
	case text:
		return strconv.Quote(t.text)
	}
	return strings.TrimSpace(t.text)
}
