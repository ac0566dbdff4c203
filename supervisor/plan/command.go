package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

var errEmpty = errors.New("command is empty")

// SplitCommand splits a service command into its fixed words and its default
// arguments, the ones in the bracket group: `cmd a [ b c ]`. Quotes do not make
// a bracket another word, a backslash does: `cmd \[`.
func SplitCommand(command string) (base, defaults []string, err error) {
	all, err := split(command)
	if err != nil {
		return nil, nil, err
	}
	if len(all) == 0 {
		return nil, nil, errEmpty
	}
	words := texts(all)
	open := slices.IndexFunc(all, word{text: "["}.is)
	closing := slices.IndexFunc(all, word{text: "]"}.is)
	switch {
	case open < 0 && closing < 0:
		return words, nil, nil
	case closing < 0:
		return nil, nil, errors.New("\"[\" has no matching \"]\"")
	case open < 0 || closing < open:
		return nil, nil, errors.New("cannot have \"]\" without \"[\" before it")
	case open == 0:
		return nil, nil, errors.New("cannot start command with \"[\"")
	case slices.ContainsFunc(all[open+1:closing], word{text: "["}.is):
		return nil, nil, errors.New("cannot nest \"[\" groups")
	case closing != len(words)-1:
		return nil, nil, errors.New("cannot have anything after \"]\"")
	}
	return words[:open], words[open+1 : closing], nil
}

// Split returns the words of a command for which brackets are words as others are: that of a check.
func Split(command string) ([]string, error) {
	words, err := split(command)
	if err == nil && len(words) == 0 {
		err = errEmpty
	}
	return texts(words), err
}

// Words returns the complete argument vector of a service's command, defaults included.
func Words(command string) ([]string, error) {
	base, defaults, err := SplitCommand(command)
	if err != nil {
		return nil, err
	}
	return append(slices.Clone(base), defaults...), nil
}

// WithArgs returns command with its default arguments replaced by args.
func WithArgs(command string, args []string) (string, error) {
	base, _, err := SplitCommand(command)
	if err != nil {
		return "", err
	}
	words := quoteAll(base)
	words = append(words, "[")
	words = append(words, quoteAll(args)...)
	return strings.Join(append(words, "]"), " "), nil
}

func quoteAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return out
}

// quote writes a word so that SplitCommand reads it back unchanged.
func quote(w string) string {
	if w == "[" || w == "]" {
		return `\` + w
	}
	plain := w != "" && strings.IndexFunc(w, func(r rune) bool {
		return strings.ContainsRune(" \t\n\r'\"\\", r)
	}) < 0
	if plain {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}

// word is one of a command, and whether a backslash is in it.
type word struct {
	text    string
	escaped bool
}

func (w word) is(o word) bool { return w == o }

func texts(words []word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.text
	}
	return out
}

// split cuts a command into words with the shell's quoting and none of its
// expansions, globs or operators.
func split(s string) ([]word, error) {
	var words []word
	var text strings.Builder
	inWord, escaped := false, false
	end := func() {
		if inWord {
			words = append(words, word{text.String(), escaped})
			text.Reset()
			inWord, escaped = false, false
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t', '\n', '\r':
			end()
		case '\\':
			i++
			if i == len(s) {
				return nil, errors.New("command ends in a lone backslash")
			}
			inWord, escaped = true, true
			text.WriteByte(s[i])
		case '\'', '"':
			inWord = true
			n, err := quoted(s[i+1:], c, &text)
			if err != nil {
				return nil, err
			}
			i += n
		default:
			inWord = true
			text.WriteByte(c)
		}
	}
	end()
	return words, nil
}

// quoted copies up to the closing quote and returns how many bytes it used.
func quoted(s string, q byte, word *strings.Builder) (int, error) {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == q:
			return i + 1, nil
		case q == '"' && s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\\\"$`", s[i+1]) >= 0:
			i++
			word.WriteByte(s[i])
		default:
			word.WriteByte(s[i])
		}
	}
	return 0, fmt.Errorf("command has an unclosed %c", q)
}
