package python

import (
	"path/filepath"
	"regexp"
	"strings"
)

// words splits a line as the shell does, as far as scripts use it: double quotes, $NAME, ${NAME}, ${NAME:-WORD} and three
// commands whose output is known.
func (s *script) words(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	started, quoted := false, false
	for rest := line; rest != ""; {
		switch c := rest[0]; {
		case c == '"':
			started, quoted, rest = true, !quoted, rest[1:]
		case c == '$':
			value, left, err := s.expand(rest)
			if err != nil {
				return nil, err
			}
			if !quoted && !word1.MatchString(value) { // the shell would split it, or look for files
				return nil, other("%q is not quoted", rest[:len(rest)-len(left)])
			}
			word.WriteString(value)
			started, rest = true, left
		case (c == ' ' || c == '\t') && !quoted:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started, rest = false, rest[1:]
		case strings.ContainsRune(plain, rune(c)) || quoted && (c == ' ' || c == '~'):
			word.WriteByte(c)
			started, rest = true, rest[1:]
		default:
			return nil, other("%q", line)
		}
	}
	if quoted {
		return nil, other("%q has no end", line)
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// plain are the characters that mean nothing to the shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%"

var (
	word1    = regexp.MustCompile(`^[\w./:,=+@%-]*$`)
	variable = regexp.MustCompile(`^\$(?:\{([A-Za-z_]\w*|0)\}|([A-Za-z_]\w*|0))`)
	fallback = regexp.MustCompile(`^\$\{([A-Za-z_]\w*):-([^{}]*)\}`)
)

// expand replaces what begins with a dollar sign, and answers what follows.
func (s *script) expand(text string) (value, rest string, err error) {
	for command, value := range map[string]string{
		"$(dirname $(realpath $0))":     s.home(),
		"$(dirname \"$(realpath $0)\")": s.home(),
		"$(dirname $0)":                 filepath.Dir(s.path),
		"$(uname -m)":                   machine(),
	} {
		if rest, ok := strings.CutPrefix(text, command); ok {
			return value, rest, nil
		}
	}
	if m := fallback.FindStringSubmatch(text); m != nil {
		if v := s.value(m[1]); v != "" {
			return v, text[len(m[0]):], nil
		}
		if strings.HasPrefix(m[2], "$") {
			v, left, err := s.expand(m[2])
			if err != nil || left != "" {
				return "", "", other("%q", m[0])
			}
			return v, text[len(m[0]):], nil
		}
		return m[2], text[len(m[0]):], nil
	}
	if m := variable.FindStringSubmatch(text); m != nil {
		return s.value(m[1] + m[2]), text[len(m[0]):], nil
	}
	return "", "", other("%q", text)
}

func (s *script) value(name string) string {
	if name == "0" {
		return s.path
	}
	return s.vars[name]
}

// home is the directory of the script.
func (s *script) home() string {
	path, err := filepath.EvalSymlinks(s.path)
	if err != nil {
		path = s.path
	}
	return filepath.Dir(path)
}
