package wire

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// Writer appends JSON. Members that are empty are left out by the methods that write them; objects and arrays are opened
// and closed by the caller. The zero Writer is ready.
type Writer struct {
	b    []byte
	more bool // a comma is due before the next value
}

// Bytes is what was written. It stays the writer's.
func (w *Writer) Bytes() []byte { return w.b }

func (w *Writer) comma() {
	if w.more {
		w.b = append(w.b, ',')
	}
	w.more = true
}

// Name begins a member; its value must follow.
func (w *Writer) Name(name string) {
	w.comma()
	w.quote(name)
	w.b = append(w.b, ':')
	w.more = false
}

// Open begins an object or an array.
func (w *Writer) Open(bracket byte) {
	w.comma()
	w.b = append(w.b, bracket)
	w.more = false
}

// Close ends an object or an array.
func (w *Writer) Close(bracket byte) {
	w.b = append(w.b, bracket)
	w.more = true
}

// String writes a string.
func (w *Writer) String(s string) {
	w.comma()
	w.quote(s)
}

// Raw writes what is JSON already.
func (w *Writer) Raw(text string) {
	w.comma()
	w.b = append(w.b, text...)
}

// Text writes a member that is a string, unless it is empty.
func (w *Writer) Text(name, value string) {
	if value != "" {
		w.Name(name)
		w.String(value)
	}
}

// Int writes a member that is a number, unless it is 0.
func (w *Writer) Int(name string, value int64) {
	if value != 0 {
		w.Name(name)
		w.comma()
		w.b = strconv.AppendInt(w.b, value, 10)
	}
}

// Bool writes a member that is true, and nothing when it is false.
func (w *Writer) Bool(name string, value bool) {
	if value {
		w.Name(name)
		w.Raw("true")
	}
}

// Strings writes a member that is an array of strings, unless it is empty.
func (w *Writer) Strings(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.Name(name)
	w.Open('[')
	for _, v := range values {
		w.String(v)
	}
	w.Close(']')
}

// Map writes a member that is an object of strings in the order of its keys, unless it is empty.
func (w *Writer) Map(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w.Name(name)
	w.Open('{')
	for _, k := range keys {
		w.Name(k)
		w.String(m[k])
	}
	w.Close('}')
}

const hexDigits = "0123456789abcdef"

// quote writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func (w *Writer) quote(s string) {
	w.b = append(w.b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				w.b = append(append(w.b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' {
			w.b = append(w.b, s[start:i]...)
			w.escape(c)
			start = i + 1
		}
		i++
	}
	w.b = append(append(w.b, s[start:]...), '"')
}

func (w *Writer) escape(c byte) {
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
		w.b = append(w.b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
}
