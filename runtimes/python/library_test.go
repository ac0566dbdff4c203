package python_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// opsCharm counts, sets a status, and says where its library is.
const opsCharm = `
import ops

class Charm(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(n=0)
        framework.observe(self.on.install, self._on_install)

    def _on_install(self, event):
        self._stored.n += 1
        self.unit.status = ops.ActiveStatus('n is %d' % self._stored.n)
        open('said', 'w').write(ops.__file__)

if __name__ == '__main__':
    ops.main(Charm)
`

// metadata makes a unit's charm one that ops can read.
func (u *unit) metadata(t *testing.T) *unit {
	t.Helper()
	write(t, filepath.Join(u.start.Workspace.CharmDir, "metadata.yaml"), "name: web\nsummary: s\ndescription: d\n", 0o644)
	return u
}

func TestCharmWithoutOpsGetsOurs(t *testing.T) {
	for name, dispatch := range map[string]string{
		"charmcraft's":  stock,
		"another of it": "#!/bin/sh\ndispatch_path=\"$(dirname $(realpath $0))\"\nexport PYTHONPATH=\"${dispatch_path}/lib:${dispatch_path}/src\"\nexec python3 ./src/charm.py\n",
		"plain":         "#!/bin/sh\nexec python3 src/charm.py\n",
		"not read":      "#!/bin/sh\ntrue && python3 src/charm.py\n", // runs cold
	} {
		t.Run(name, func(t *testing.T) {
			u := newPython(t, opsCharm).metadata(t)
			write(t, filepath.Join(u.start.Workspace.CharmDir, "dispatch"), dispatch, 0o755)
			// The library asks the runtime itself: there need be no tools.
			if err := errors.Join(os.RemoveAll(u.start.Workspace.ToolsDir), os.Mkdir(u.start.Workspace.ToolsDir, 0o700)); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"n is 1", "n is 2"} {
				done := u.ok(t)
				if got := done.GetChangeset().GetUnitStatus().GetMessage(); got != want {
					t.Fatalf("status %q, want %q", got, want)
				}
			}
			if place := u.report(t); !strings.HasPrefix(place, filepath.Dir(u.start.Workspace.ToolsDir)+"/python-") {
				t.Errorf("the library is %s", place)
			}
		})
	}
}

// A handler that raises is named with its line where the unit's status shows it, run warm or cold.
func TestUncaughtIsNamedWithItsLine(t *testing.T) {
	charm := strings.Replace(opsCharm, "self._stored.n += 1\n", "self.break_it()\n", 1) + "\n"
	charm = strings.Replace(charm, "if __name__", "def broken(self):\n    raise ValueError('two\\nlines')\n\nCharm.break_it = broken\n\nif __name__", 1)
	line := 2 + strings.Count(charm[:strings.Index(charm, "    raise ValueError")], "\n")
	for name, dispatch := range map[string]string{"warm": stock, "cold": "#!/bin/sh\ntrue && python3 src/charm.py\n"} {
		t.Run(name, func(t *testing.T) {
			u := newPython(t, charm).metadata(t)
			write(t, filepath.Join(u.start.Workspace.CharmDir, "dispatch"), dispatch, 0o755)
			done := u.dispatch(t, t.Context(), newHost())
			if got, want := done.GetMessage(), "ValueError: two lines (src/charm.py:"+strconv.Itoa(line)+")"; got != want {
				t.Errorf("the message is %q, want %q", got, want)
			}
		})
	}
}

// A charm that brings an ops, of whatever version, gets that one.
func TestCharmWithOpsGetsItsOwn(t *testing.T) {
	for _, place := range []string{"lib", "venv", "src"} {
		t.Run(place, func(t *testing.T) {
			u := newPython(t, "import ops\nopen('said', 'w').write(ops.mine)\n")
			dir := filepath.Join(u.start.Workspace.CharmDir, place, "ops")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "__init__.py"), "import os\nmine = 'own ' + os.environ.get('PYTHONUSERBASE', 'only')\n", 0o644)
			u.ok(t)
			if got := u.report(t); got != "own only" {
				t.Errorf("got %q", got)
			}
		})
	}
}

// The environment of a charm that has nothing to do with ops is what it always was.
func TestCharmThatImportsNoOps(t *testing.T) {
	u := newPython(t, "import os  # import ops\nopen('said', 'w').write(os.environ.get('PYTHONUSERBASE', 'none'))\n")
	u.ok(t)
	if got := u.report(t); got != "none" {
		t.Errorf("PYTHONUSERBASE is %s", got)
	}
}

// What a charm has of its own comes first: only ops is missing from this one.
func TestLibraryIsLast(t *testing.T) {
	u := newPython(t, "import ops, json, sys\nopen('said', 'w').write(json.where)\n")
	write(t, filepath.Join(u.start.Workspace.CharmDir, "lib", "json.py"), "where = 'the charm'\n", 0o644)
	u.ok(t)
	if got := u.report(t); got != "the charm" {
		t.Errorf("json is %q's", got)
	}
}
