package charm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Assumption is one node of the assumes tree: either a feature with an
// optional version bound, or a list of which any or all must hold.
type Assumption struct {
	Feature string
	// Op is ">=" or "<", "" when any version will do.
	Op      string
	Version string
	AnyOf   []Assumption
	AllOf   []Assumption
}

var (
	assumePattern  = regexp.MustCompile(`^([a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:\s*(>=|<)\s*(\S+))?$`)
	versionPattern = regexp.MustCompile(`^[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}(?:-?(?:alpha|beta|rc)[0-9.]*)?$`)
)

const assumeRule = `a feature such as "k8s-api", a feature with a version such as "juju >= 3.1" or "juju < 4.0", or a mapping with any-of or all-of`

// parseAssumes returns the tree, all of which must hold. Each problem has the
// index of the top-level entry it is in.
func parseAssumes(list []any) (tree []Assumption, problems map[int]string) {
	problems = map[int]string{}
	for i, entry := range list {
		a, problem := parseAssume(entry)
		if problem != "" {
			problems[i] = problem
			continue
		}
		tree = append(tree, a)
	}
	return tree, problems
}

func parseAssume(entry any) (Assumption, string) {
	switch e := entry.(type) {
	case string:
		parts := assumePattern.FindStringSubmatch(strings.TrimSpace(e))
		if parts == nil || (parts[3] != "" && !versionPattern.MatchString(parts[3])) {
			return Assumption{}, fmt.Sprintf("assumption %q is not valid; allowed: %s", e, assumeRule)
		}
		return Assumption{Feature: parts[1], Op: parts[2], Version: parts[3]}, ""
	case map[string]any:
		return parseAssumeGroup(e)
	}
	return Assumption{}, fmt.Sprintf("assumption %v is not valid; allowed: %s", entry, assumeRule)
}

func parseAssumeGroup(group map[string]any) (Assumption, string) {
	keys := slices.Sorted(maps.Keys(group))
	if len(keys) != 1 || (keys[0] != "any-of" && keys[0] != "all-of") {
		return Assumption{}, fmt.Sprintf("a group of assumptions has the keys %s; allowed: one of any-of, all-of", strings.Join(keys, ", "))
	}
	entries, ok := group[keys[0]].([]any)
	if !ok || len(entries) == 0 {
		return Assumption{}, fmt.Sprintf("%s needs a list that is not empty", keys[0])
	}
	var inner []Assumption
	for _, entry := range entries {
		a, problem := parseAssume(entry)
		if problem != "" {
			return Assumption{}, problem
		}
		inner = append(inner, a)
	}
	if keys[0] == "any-of" {
		return Assumption{AnyOf: inner}, ""
	}
	return Assumption{AllOf: inner}, ""
}

// String returns the assumption as a charm would write it.
func (a Assumption) String() string {
	switch {
	case a.AnyOf != nil:
		return "any of (" + joinAssumptions(a.AnyOf) + ")"
	case a.AllOf != nil:
		return "all of (" + joinAssumptions(a.AllOf) + ")"
	case a.Op != "":
		return a.Feature + " " + a.Op + " " + a.Version
	}
	return a.Feature
}

func joinAssumptions(list []Assumption) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.String()
	}
	return strings.Join(texts, ", ")
}

// Unmet returns what the charm assumes (assumes and min-juju-version) and the
// model does not offer. features maps a feature to its version, "" for none.
func (m *Meta) Unmet(features map[string]string) []Assumption {
	tree, _ := parseAssumes(m.Assumes)
	if m.MinJujuVersion != "" {
		tree = append(tree, Assumption{Feature: "juju", Op: ">=", Version: m.MinJujuVersion})
	}
	var unmet []Assumption
	for _, a := range tree {
		if !a.holds(features) {
			unmet = append(unmet, a)
		}
	}
	return unmet
}

func (a Assumption) holds(features map[string]string) bool {
	holds := func(inner Assumption) bool { return inner.holds(features) }
	switch {
	case a.AnyOf != nil:
		return slices.ContainsFunc(a.AnyOf, holds)
	case a.AllOf != nil:
		return !slices.ContainsFunc(a.AllOf, func(inner Assumption) bool { return !inner.holds(features) })
	}
	have, ok := features[a.Feature]
	switch {
	case !ok || a.Op == "":
		return ok
	case a.Op == ">=":
		return compareVersions(have, a.Version) >= 0
	}
	return compareVersions(have, a.Version) < 0
}

// compareVersions compares number by number; a pre-release counts as its
// release, so that a charm for "juju >= 3.6" deploys on 3.6-rc1.
func compareVersions(a, b string) int {
	x, y := versionNumbers(a), versionNumbers(b)
	for len(x) < len(y) {
		x = append(x, 0)
	}
	for len(y) < len(x) {
		y = append(y, 0)
	}
	return slices.Compare(x, y)
}

func versionNumbers(version string) []int {
	release, _, _ := strings.Cut(version, "-")
	var numbers []int
	for part := range strings.SplitSeq(release, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break // "0rc1" and what comes after
		}
		numbers = append(numbers, n)
	}
	return numbers
}
