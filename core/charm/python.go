package charm

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/python"
)

var importsOps = regexp.MustCompile(`^(?:import|from)\s+ops(?:\s|\.|,|$)`)

// opsPlaces are where charms carry the ops library, as patterns of fs.Glob.
func opsPlaces() []string {
	return []string{"venv/ops", "lib/ops", "src/ops", "venv/ops.py", "lib/ops.py", "src/ops.py",
		"venv/lib/python*/site-packages/ops", "mod/operator/ops", "wheelhouse/ops-*"}
}

// checkImports says which ops library a charm that imports one is going to get: its own where it carries one, else ours.
// What is imported inside a function or through another module is not seen.
func (r *reader) checkImports() {
	data, ok := r.read(pythonSource)
	if !ok {
		return
	}
	for i, line := range strings.Split(string(data), "\n") {
		if !importsOps.MatchString(line) {
			continue
		}
		r.list = append(r.list, diag.Diagnostic{Severity: diag.Note, File: pythonSource, Line: i + 1,
			Message: fmt.Sprintf("%q gets %s", strings.TrimSpace(line), r.opsLibrary())})
		return
	}
}

func (r *reader) opsLibrary() string {
	for _, place := range opsPlaces() {
		if found, err := fs.Glob(r.fsys, place); err == nil && len(found) > 0 {
			return "the charm's own library, " + found[0]
		}
	}
	return "Bangle's library, with the API of ops " + python.Version() + ", as the package brings none"
}
