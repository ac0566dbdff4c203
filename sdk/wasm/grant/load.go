package grant

import "slices"

// Load is what a runtime is told of a charm's rights: every capability of all that acts on the unit alone, those that opened
// names beside, and the grants.
func Load(all, opened, granted []string) []string {
	var out []string
	for _, m := range all {
		if !slices.Contains(Outside(), m) || slices.Contains(opened, m) {
			out = append(out, m)
		}
	}
	return append(out, granted...)
}
