package hookjson

import (
	"math"
	"sort"
	"strconv"
	"unicode/utf8"
)

// writer appends JSON. Nothing is written for empty values, so that a small event is a small text.
type writer struct {
	b    []byte
	more bool // a comma is due before the next member
}

func (w *writer) comma() {
	if w.more {
		w.b = append(w.b, ',')
	}
	w.more = true
}

func (w *writer) name(name string) {
	w.comma()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

// object writes a member that is an object; body writes its members.
func (w *writer) object(name string, body func()) {
	w.name(name)
	w.braces(body)
}

func (w *writer) braces(body func()) {
	w.b = append(w.b, '{')
	w.more = false
	body()
	w.b = append(w.b, '}')
	w.more = true
}

// list writes a member that is an array of n elements; nothing when there are none.
func (w *writer) list(name string, n int, element func(i int)) {
	if n == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	w.more = false
	for i := range n {
		w.comma()
		element(i)
	}
	w.b = append(w.b, ']')
	w.more = true
}

func (w *writer) text(name, value string) {
	if value != "" {
		w.name(name)
		w.quote(value)
	}
}

func (w *writer) int(name string, value int64) {
	if value != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, value, 10)
	}
}

func (w *writer) float(name string, value float64) {
	if value != 0 && !math.IsInf(value, 0) && !math.IsNaN(value) {
		w.name(name)
		w.b = strconv.AppendFloat(w.b, value, 'g', -1, 64)
	}
}

func (w *writer) bool(name string, value bool) {
	if value {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) texts(name string, values []string) {
	w.list(name, len(values), func(i int) { w.quote(values[i]) })
}

func (w *writer) ints(name string, values []int32) {
	w.list(name, len(values), func(i int) { w.b = strconv.AppendInt(w.b, int64(values[i]), 10) })
}

// pairs writes a map of strings in the order of its keys: the same view is always the same text.
func (w *writer) pairs(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	w.object(name, func() {
		for _, k := range sorted(m) {
			w.comma()
			w.quote(k)
			w.b = append(w.b, ':')
			w.quote(m[k])
		}
	})
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

const hex = "0123456789abcdef"

// quote writes a JSON string. Bytes that are not UTF-8 become U+FFFD, as in encoding/json.
func (w *writer) quote(s string) {
	w.b = append(w.b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				w.b = append(w.b, s[start:i]...)
				w.b = append(w.b, "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		w.b = append(w.b, s[start:i]...)
		w.escape(c)
		i++
		start = i
	}
	w.b = append(w.b, s[start:]...)
	w.b = append(w.b, '"')
}

func (w *writer) escape(c byte) {
	switch c {
	case '"', '\\':
		w.b = append(w.b, '\\', c)
	case '\n':
		w.b = append(w.b, '\\', 'n')
	case '\r':
		w.b = append(w.b, '\\', 'r')
	case '\t':
		w.b = append(w.b, '\\', 't')
	default:
		w.b = append(w.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
