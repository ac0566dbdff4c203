package charm

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
)

const ignoreFile = ".jujuignore"

// alwaysIgnored is what no charm wants: version control, environments for
// development, caches that differ between two runs, and packed charms.
const alwaysIgnored = `
.git
.svn
.hg
.bzr
.tox
.venv
__pycache__
.jujuignore
/*.charm
`

// ignoreRule is one line of .jujuignore, with the meaning of .gitignore.
type ignoreRule struct {
	pattern *regexp.Regexp
	keep    bool // the line starts with "!"
	dirOnly bool // the line ends with "/"
}

type ignoreRules []ignoreRule

// parseIgnore reads .jujuignore after the rules that always hold, so that a
// charm can take each of them back with "!".
func parseIgnore(data string) (ignoreRules, error) {
	var rules ignoreRules
	for i, line := range strings.Split(alwaysIgnored+data, "\n") {
		rule, ok, err := parseIgnoreLine(line)
		if err != nil {
			return nil, errs.E(errs.Invalid, "cannot read %s: line %d: %q is not a pattern: %w",
				ignoreFile, i+1-strings.Count(alwaysIgnored, "\n"), line, err)
		}
		if ok {
			rules = append(rules, rule)
		}
	}
	return rules, nil
}

func parseIgnoreLine(line string) (rule ignoreRule, ok bool, err error) {
	line = strings.TrimRight(line, " \t\r")
	if line == "" || strings.HasPrefix(line, "#") {
		return rule, false, nil
	}
	line, rule.keep = strings.CutPrefix(line, "!")
	line, rule.dirOnly = strings.CutSuffix(line, "/")
	line = strings.TrimPrefix(line, "\\") // "\#" and "\!" are literal
	// A pattern with a slash is meant from the root, others at any depth.
	anchored := strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	prefix := "^(?:.*/)?"
	if anchored {
		prefix = "^"
	}
	rule.pattern, err = regexp.Compile(prefix + globToRegexp(line) + "$")
	return rule, err == nil, err
}

func globToRegexp(glob string) string {
	var b strings.Builder
	for i := 0; i < len(glob); i++ {
		rest := glob[i:]
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			i++
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '?':
			b.WriteString("[^/]")
		case rest[0] == '[' && strings.Contains(rest[1:], "]"):
			end := strings.Index(rest[1:], "]") + 1
			class := rest[1:end]
			if strings.HasPrefix(class, "!") {
				class = "^" + class[1:]
			}
			b.WriteString("[" + class + "]")
			i += end
		default:
			_, size := utf8.DecodeRuneInString(rest)
			b.WriteString(regexp.QuoteMeta(rest[:size]))
			i += size - 1
		}
	}
	return b.String()
}

// match reports whether path, with "/" between its parts, is left out. The
// last rule that matches decides. Parents are asked first by who walks.
func (rules ignoreRules) match(path string, dir bool) bool {
	ignored := false
	for _, r := range rules {
		if (dir || !r.dirOnly) && r.pattern.MatchString(path) {
			ignored = !r.keep
		}
	}
	return ignored
}
