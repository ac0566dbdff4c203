package query

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// kind is the kind of a token.
type kind int

const (
	end kind = iota
	name
	number
	text
	sign
)

// token is a word of a query with where it stands, counted in runes from 1.
type token struct {
	kind kind
	text string
	at   int
}

// signs are longest first, so that "==" is not read as two.
var signs = [...]string{"=>", "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", "."}

// lex cuts a query into tokens; the last one is end.
func lex(source string) ([]token, error) {
	var out []token
	rest, at := source, 1
	for {
		trimmed := strings.TrimLeft(rest, " \t\r\n")
		at += utf8.RuneCountInString(rest[:len(rest)-len(trimmed)])
		rest = trimmed
		if rest == "" {
			return append(out, token{kind: end, at: at}), nil
		}
		t, n, err := next(rest, at)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		at += utf8.RuneCountInString(rest[:n])
		rest = rest[n:]
	}
}

// next reads one token; n is its length in bytes.
func next(rest string, at int) (t token, n int, err error) {
	switch c := rest[0]; {
	case c == '"' || c == '\'':
		return quoted(rest, at)
	case isDigit(c):
		n = span(rest, func(c byte) bool { return isDigit(c) || c == '.' })
		return token{number, rest[:n], at}, n, nil
	case isLetter(c):
		n = span(rest, func(c byte) bool { return isLetter(c) || isDigit(c) || c == '-' })
		return token{name, rest[:n], at}, n, nil
	}
	for _, s := range signs {
		if strings.HasPrefix(rest, s) {
			return token{sign, s, at}, len(s), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	return token{}, 0, wrong(at, "%q is not known here", r)
}

// quoted reads a string in double quotes, with Go's escapes, or in single ones, without any.
func quoted(rest string, at int) (token, int, error) {
	if rest[0] == '\'' {
		if n := strings.IndexByte(rest[1:], '\''); n >= 0 {
			return token{text, rest[1 : n+1], at}, n + 2, nil
		}
		return token{}, 0, wrong(at, "the string does not end; close it with '")
	}
	prefix, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return token{}, 0, wrong(at, `the string does not end, or has a bad escape; close it with "`)
	}
	value, err := strconv.Unquote(prefix)
	if err != nil {
		return token{}, 0, wrong(at, "the string has a bad escape")
	}
	return token{text, value, at}, len(prefix), nil
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }

func span(s string, in func(byte) bool) int {
	for i := range len(s) {
		if !in(s[i]) {
			return i
		}
	}
	return len(s)
}

func wrong(at int, format string, args ...any) error {
	return errs.E(errs.Invalid, "cannot read query at character "+strconv.Itoa(at)+": "+format, args...)
}
