package wire

import (
	"bytes"
	"errors"
	"strconv"
)

// next skips one value of checked text and returns it. It looks at brackets and strings only, and lets IndexByte find the
// ends of strings: in a guest every turn of a loop costs.
func (p *parser) next() Value {
	p.space()
	start, depth := p.i, 0
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case '"':
			p.skipText()
		case '{', '[':
			p.i++
			depth++
			continue
		case '}', ']':
			p.i++
			depth--
		case ',', ':', ' ', '\n', '\r', '\t':
			p.i++
			continue
		default:
			p.scalar()
		}
		if depth <= 0 {
			break
		}
	}
	return Value(p.b[start:p.i])
}

// skipText goes behind a string: to the first quote that an even number of backslashes stands before.
func (p *parser) skipText() {
	start := p.i + 1
	for p.i = start; ; p.i++ {
		n := bytes.IndexByte(p.b[p.i:], '"')
		if n < 0 {
			p.i = len(p.b)
			return
		}
		p.i += n
		slashes := 0
		for i := p.i - 1; i >= start && p.b[i] == '\\'; i-- {
			slashes++
		}
		if slashes%2 == 0 {
			p.i++
			return
		}
	}
}

// scalar goes behind a number or a word.
func (p *parser) scalar() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ',', '}', ']', ' ', '\n', '\r', '\t':
			return
		}
		p.i++
	}
}

// Sections takes an event's input apart in one pass: the members of its event, and the members of its view, none of them
// looked into. The text is the host's, so only what would lead out of it is an error.
func Sections(input []byte) (event Value, view map[string]Value, err error) {
	p := parser{b: input}
	view = map[string]Value{}
	p.space()
	if !p.take('{') {
		return nil, nil, errors.New("the input is no object")
	}
	for p.space(); !p.take('}'); p.space() {
		name := p.name().raw()
		switch {
		case p.i >= len(p.b):
			return nil, nil, errors.New("the input is cut off at byte " + strconv.Itoa(p.i))
		case name == "view" && p.take('{'):
			for p.space(); p.i < len(p.b) && !p.take('}'); p.space() {
				section := p.name().raw()
				view[section] = p.next()
				p.space()
				p.take(',')
			}
		case name == "event":
			event = p.next()
		default:
			p.next()
		}
		p.space()
		p.take(',')
	}
	return event, view, nil
}

// raw is a string's text without its quotes, escapes left as they are.
func (v Value) raw() string {
	if len(v) < 2 {
		return ""
	}
	return string(v[1 : len(v)-1])
}

// name reads a member's name and stops before its value.
func (p *parser) name() Value {
	p.space()
	start := p.i
	if p.i < len(p.b) && p.b[p.i] == '"' {
		p.skipText()
	} else {
		p.i = len(p.b) // not JSON: nothing more is found
	}
	name := Value(p.b[start:p.i])
	p.space()
	p.take(':')
	p.space()
	return name
}
