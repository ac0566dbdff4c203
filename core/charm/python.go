package charm

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
)

var importsOps = regexp.MustCompile(`^(?:import|from)\s+ops(?:\s|\.|,|$)`)

// opsPlaces are where charms carry the ops library, as patterns of fs.Glob.
func opsPlaces() []string {
	return []string{"venv/ops", "lib/ops", "src/ops", "venv/ops.py", "lib/ops.py", "src/ops.py",
		"venv/lib/python*/site-packages/ops", "mod/operator/ops", "wheelhouse/ops-*"}
}

// checkImports warns of a charm that imports ops and carries none. It is no
// error: another runtime may bring its own. What is imported inside a
// function or through another module is not seen.
func (r *reader) checkImports() {
	data, ok := r.read(pythonSource)
	if !ok {
		return
	}
	for i, line := range strings.Split(string(data), "\n") {
		if !importsOps.MatchString(line) {
			continue
		}
		for _, place := range opsPlaces() {
			if found, err := fs.Glob(r.fsys, place); err == nil && len(found) > 0 {
				return
			}
		}
		r.list = append(r.list, diag.Diagnostic{Severity: diag.Warning, File: pythonSource, Line: i + 1,
			Message: fmt.Sprintf("%q is not in the package; the python runtime refuses such a charm", strings.TrimSpace(line)),
			Hint:    "pack the charm with charmcraft, or run beside src: python3 -m pip install --target venv ops"})
		return
	}
}
