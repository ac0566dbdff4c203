package script

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
)

// MicroPython reads and writes JSON a character at a time into a buffer that grows by 16 bytes, which takes seconds for a
// text of a megabyte. So long texts do not travel in the JSON: a word that occurs nowhere else stands for each, and the
// text itself crosses as it is.

// longText is what is worth a word of its own, in bytes.
const longText = 1 << 10

// words stands for the long texts of one event.
type words struct {
	seed   func() []byte // random digits
	prefix string        // "" before the first
	texts  [][]byte
}

// keep remembers a text and returns the word for it. Nobody can have written such a word before: it is drawn for the event.
func (w *words) keep(text []byte) string {
	if w.prefix == "" {
		w.prefix = "text-" + string(w.seed()) + "-" + string(w.seed()) + "-"
	}
	w.texts = append(w.texts, text)
	return w.prefix + strconv.Itoa(len(w.texts)-1)
}

// text is what a word stands for.
func (w *words) text(word string) ([]byte, bool) {
	number, ours := strings.CutPrefix(word, w.prefix)
	n, err := strconv.Atoi(number)
	if !ours || err != nil || n < 0 || n >= len(w.texts) {
		return nil, false
	}
	return w.texts[n], true
}

// lift replaces the long texts of a JSON text by words. The prefix is "" when there are none.
func (w *words) lift(data []byte) (lifted []byte, prefix string) {
	if len(data) <= longText {
		return data, ""
	}
	var out []byte
	done := 0
	for at := 0; at < len(data); at++ {
		if data[at] != '"' {
			continue
		}
		end := closing(data, at)
		if end-at > longText && !isName(data, end) {
			var text string
			if json.Unmarshal(data[at:end], &text) == nil {
				out = append(out, data[done:at]...)
				out = strconv.AppendQuote(out, w.keep([]byte(text)))
				done = end
			}
		}
		at = end - 1
	}
	if done == 0 {
		return data, ""
	}
	return append(out, data[done:]...), w.prefix
}

// lower puts the long texts back into a JSON text that the guest wrote.
func (w *words) lower(data []byte) []byte {
	for n, text := range w.texts {
		word := strconv.AppendQuote(nil, w.prefix+strconv.Itoa(n))
		if !bytes.Contains(data, word) {
			continue
		}
		quoted, err := json.Marshal(string(text))
		if err != nil { // strings always marshal
			continue
		}
		data = bytes.ReplaceAll(data, word, quoted)
	}
	return data
}

// closing is where the string that begins at at ends, its quote included.
func closing(data []byte, at int) int {
	for n := at + 1; n < len(data); n++ {
		switch data[n] {
		case '\\':
			n++
		case '"':
			return n + 1
		}
	}
	return len(data)
}

// isName says whether the string that ends there is a member's name.
func isName(data []byte, end int) bool {
	rest := bytes.TrimLeft(data[end:min(len(data), end+16)], " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}

// lifted answers like answer, for an engine that wants long texts by word: an answer with such begins with "\x01PREFIX\x01".
// keep takes a text that the guest is about to write, text gives the one that a word stands for.
func (t *turn) lifted(ctx context.Context, name string, request []byte) ([]byte, bool) {
	switch name {
	case "keep":
		return []byte(t.words.keep(request)), true
	case "text":
		return t.words.text(string(request))
	case "error", "print", "code", "random", "library", "script":
		return t.answer(ctx, name, request)
	}
	value, found := t.answer(ctx, name, t.words.lower(request))
	value, prefix := t.words.lift(value)
	if prefix != "" {
		value = append([]byte("\x01"+prefix+"\x01"), value...)
	}
	return value, found
}
