package python_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

const stock = "#!/bin/sh\n\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv \\\n  exec ./src/charm.py\n"

// newPython is a unit whose charm is one Python program below the usual dispatch.
func newPython(t *testing.T, program string) *unit {
	t.Helper()
	u := newUnit(t, stock)
	dir := u.start.Workspace.CharmDir
	for _, d := range []string{"src", "lib", "venv"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "src", "charm.py"), "#!/usr/bin/python3\n"+program, 0o755)
	return u
}

// report is what a charm of the tests wrote with `say`.
func (u *unit) report(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(u.start.Workspace.CharmDir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (u *unit) ok(t *testing.T) *charmruntimev1.Done {
	t.Helper()
	h := newHost()
	done := u.dispatch(t, context.Background(), h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatalf("done = %v\n%s", done, h.all())
	}
	return done
}

// say writes the id of the process's parent, which is the warm interpreter where there is one.
const say = "import os\nopen('said', 'w').write('%d' % os.getppid())\n"

func TestEventsShareAnInterpreter(t *testing.T) {
	u := newPython(t, say)
	u.ok(t)
	first := u.report(t)
	if pid, _ := strconv.Atoi(first); pid == os.Getpid() {
		t.Fatal("the event ran cold")
	}
	u.ok(t)
	if got := u.report(t); got != first {
		t.Errorf("the second event has parent %s, the first had %s", got, first)
	}
}

func TestToolsAreAnsweredInTheProcess(t *testing.T) {
	u := newPython(t, `import subprocess as s
def out(*a, **k): return s.run(a, check=True, capture_output=True, **k).stdout
assert out("config-get", "title") == b"Hi\n"
assert out("config-get", "title", text=True) == "Hi\n"
assert s.check_output(["config-get", "--format=json"], encoding="utf-8").strip() == '{"title":"Hi"}'
assert s.call(["is-leader"]) == 0
s.check_call(["status-set", "active"])
bad = s.run(["config-get", "--no"], capture_output=True)
assert bad.returncode == 2 and b"no" in bad.stderr, bad
s.run(["relation-set", "-r", "db:1", "--file", "-"], input=b'{"a": "1"}', check=True)
assert s.run("relation-get -r 1 a web/0", shell=True, capture_output=True).stdout == b"1\n"
import os
forked = os.popen("config-get title").read()
assert forked == "Hi\n", forked
`)
	done := u.ok(t)
	if cs := done.GetChangeset(); cs.GetUnitStatus().GetCurrent() != "active" || cs.GetBags()[0].GetSet()["a"] != "1" {
		t.Errorf("changeset = %v", cs)
	}
}

// TestLibrariesThatTakeSubprocessByName: what a library imported from subprocess before the event was there is answered too.
func TestLibrariesThatTakeSubprocessByName(t *testing.T) {
	u := newPython(t, `import early, resource
assert early.run(["config-get", "title"], capture_output=True).stdout == b"Hi\n"
assert early.check_output(["config-get", "title"]) == b"Hi\n"
open("said", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
`)
	write(t, filepath.Join(u.start.Workspace.CharmDir, "venv", "early.py"), "from subprocess import check_output, run\n", 0o644)
	for range 4 { // it is loaded beforehand after two
		u.ok(t)
		if got := u.report(t); got != "0" {
			t.Errorf("a tool's program was started: its children had %s KiB", got)
		}
	}
}

func TestFailuresAreThoseOfAnInterpreter(t *testing.T) {
	u := newPython(t, "def f():\n    raise KeyError('port')\nf()\n")
	h := newHost()
	done := u.dispatch(t, context.Background(), h)
	if done.GetExitCode() != 1 || done.GetMessage() != "KeyError: 'port'" {
		t.Errorf("done = %v", done)
	}
	if strings.Contains(h.all(), "bangle\"") || !strings.Contains(h.all(), `src/charm.py", line 4, in <module>`) {
		t.Errorf("the trace is not the charm's:\n%s", h.all())
	}
}

// TestAKilledInterpreterLosesNothing: the event that runs in it goes on to its end, and the next has another.
func TestAKilledInterpreterLosesNothing(t *testing.T) {
	u := newPython(t, "import os, signal, subprocess\nopen('said', 'w').write('%d' % os.getppid())\n"+
		"if not os.path.exists('killed'):\n    open('killed', 'w').close()\n    os.kill(os.getppid(), signal.SIGKILL)\n"+
		"    try:\n        while open('/proc/' + open('said').read() + '/cmdline').read(): pass\n    except OSError: pass\n"+
		"subprocess.run(['status-set', 'active'], check=True)\n")
	if done := u.ok(t); done.GetChangeset().GetUnitStatus().GetCurrent() != "active" {
		t.Errorf("changeset = %v", done.GetChangeset())
	}
	first := u.report(t)
	u.ok(t)
	if got := u.report(t); got == first {
		t.Error("the second event ran in the interpreter that was killed")
	}
}

// TestAChildThatVanishesComesAgain: with its interpreter killed, nobody knows how an event that was killed too ended.
func TestAChildThatVanishesComesAgain(t *testing.T) {
	u := newPython(t, "import os, signal\nppid = os.getppid()\nos.kill(ppid, signal.SIGKILL)\n"+
		"while os.getppid() == ppid: pass\nos.kill(os.getpid(), signal.SIGKILL)\n")
	if done, err := u.runtime.Dispatch(t.Context(), u.start, newHost()); err == nil {
		t.Errorf("done = %v, want an error", done)
	}
}

func TestChangedLibrariesAreLoadedAnew(t *testing.T) {
	u := newPython(t, "import lib1, os\nopen('said', 'w').write('%d %s' % (os.getppid(), lib1.VALUE))\n")
	lib := filepath.Join(u.start.Workspace.CharmDir, "venv", "lib1.py")
	write(t, lib, "VALUE = 'old'\n", 0o644)
	for range 4 { // it is known after two
		u.ok(t)
	}
	before, _, _ := strings.Cut(u.report(t), " ")
	write(t, lib, "VALUE = 'newer'\n", 0o644)
	u.ok(t)
	if after, value, _ := strings.Cut(u.report(t), " "); value != "newer" || after == before {
		t.Errorf("the event sees %s in interpreter %s, which was %s", value, after, before)
	}
}

// TestThreadsAreNotForked: what starts a thread when it is imported is imported by every event for itself.
func TestThreadsAreNotForked(t *testing.T) {
	u := newPython(t, "import spawner, os\nopen('said', 'w').write('%s %d' % (spawner.thread.is_alive(), os.getppid()))\n")
	write(t, filepath.Join(u.start.Workspace.CharmDir, "venv", "spawner.py"),
		"import threading\ngo = threading.Event()\nthread = threading.Thread(target=go.wait, daemon=True)\nthread.start()\n", 0o644)
	for range 4 {
		u.ok(t)
		if alive, parent, _ := strings.Cut(u.report(t), " "); alive != "True" || parent == strconv.Itoa(os.Getpid()) {
			t.Errorf("the event says %s", u.report(t))
		}
	}
}

// TestALibraryThatHangsOutsideOfEvents: loading it beforehand never ends, and no event waits for that.
func TestALibraryThatHangsOutsideOfEvents(t *testing.T) {
	u := newPython(t, "import hangs, os\nopen('said', 'w').write('%d' % os.getppid())\n")
	write(t, filepath.Join(u.start.Workspace.CharmDir, "venv", "hangs.py"),
		"import os, time\nwhile 'JUJU_UNIT_NAME' not in os.environ:\n    time.sleep(1)\n", 0o644)
	for range 3 {
		u.ok(t)
	}
	if got := u.report(t); got != strconv.Itoa(os.Getpid()) {
		t.Errorf("the event has parent %s, which loads libraries", got)
	}
}

func TestWhatIsNotTheUsualScriptRunsCold(t *testing.T) {
	for name, dispatch := range map[string]string{
		"a command before it": "#!/bin/sh\necho hello\nPYTHONPATH=lib exec ./src/charm.py\n",
		"bash":                "#!/bin/bash\nPYTHONPATH=lib exec ./src/charm.py\n",
		"an option":           "#!/bin/sh\nexec /usr/bin/python3 -I src/charm.py\n",
		"a pipe":              "#!/bin/sh\n./src/charm.py | cat\n",
	} {
		t.Run(name, func(t *testing.T) {
			u := newPython(t, say)
			write(t, filepath.Join(u.start.Workspace.CharmDir, "dispatch"), dispatch, 0o755)
			u.ok(t)
			pid, _ := strconv.Atoi(u.report(t))
			if line, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); strings.Contains(string(line), "bangle:") {
				t.Errorf("it ran in %q", line)
			}
		})
	}
}

func TestUsualScriptsRunWarm(t *testing.T) {
	for name, dispatch := range map[string]string{
		"first":           "#!/bin/sh\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv ./src/charm.py\n",
		"with env":        "#!/bin/sh\n# a comment\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv /usr/bin/env python3 ./src/charm.py\n",
		"generated":       "#!/bin/sh\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv \\\n  exec python3 src/charm.py\n", // for a source tree without one
		"an interpreter":  "#!/bin/sh\nPYTHONPATH=lib:venv exec /usr/bin/python3 src/charm.py",
		"options":         "#!/bin/sh\nexec /usr/bin/python3 -B -u \"$JUJU_CHARM_DIR/src/charm.py\"\n",
		"Python itself":   "#!/usr/bin/python3\nexec(open('src/charm.py').read())\n",
		"its environment": "#!/bin/sh\ndispatch_path=\"$(dirname $(realpath $0))\"\nvenv_bin_path=\"${dispatch_path}/venv/bin\"\npython_path=\"${venv_bin_path}/python\"\nif [ ! -e \"${python_path}\" ]; then\n    mkdir -p \"${venv_bin_path}\"\n    ln -s $(which python3) \"${python_path}\"\nfi\n\nexport PYTHONPATH=\"${dispatch_path}/lib:${dispatch_path}/src\"\nexport LD_LIBRARY_PATH=\"${dispatch_path}/usr/lib:${dispatch_path}/lib:${dispatch_path}/usr/lib/$(uname -m)-linux-gnu\"\n\nexec \"${python_path}\" \"${dispatch_path}/src/charm.py\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			u := newPython(t, say)
			write(t, filepath.Join(u.start.Workspace.CharmDir, "dispatch"), dispatch, 0o755)
			u.ok(t) // may run cold: it makes the link to the interpreter
			u.ok(t)
			first := u.report(t)
			u.ok(t)
			if got := u.report(t); got != first || got == strconv.Itoa(os.Getpid()) {
				t.Errorf("events ran in %s and %s", first, got)
			}
		})
	}
}

// TestUnclosedFilesAreWritten: an interpreter flushes at its end what is still open.
func TestUnclosedFilesAreWritten(t *testing.T) {
	u := newPython(t, "import atexit\nf = open('said', 'w')\nf.write('unclosed ')\natexit.register(lambda: f.write('and at exit'))\n")
	u.ok(t)
	if got := u.report(t); got != "unclosed and at exit" {
		t.Errorf("the file holds %q", got)
	}
}

func TestACancelledWarmEventIsEnded(t *testing.T) {
	u := newPython(t, "import subprocess, time\nsubprocess.Popen(['setsid', 'sleep', '1000'])\nopen('said', 'w').write('x')\ntime.sleep(1000)\n")
	u.start.TimeoutMs = 1500
	done := u.dispatch(t, context.Background(), newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED {
		t.Fatalf("done = %v", done)
	}
	write(t, filepath.Join(u.start.Workspace.CharmDir, "src", "charm.py"), "#!/usr/bin/python3\n"+say, 0o755)
	u.start.TimeoutMs = 0
	u.ok(t)
}

// TestLibrariesAreCompiledOnce: units that come after the first find bytecode in the charm that they are given.
func TestLibrariesAreCompiledOnce(t *testing.T) {
	u := newPython(t, say)
	dir := u.start.Workspace.CharmDir
	write(t, filepath.Join(dir, "venv", "some.py"), "VALUE = 1\n", 0o644)
	if _, err := u.runtime.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	u.runtime.Wait()
	if hits, _ := filepath.Glob(filepath.Join(dir, "venv", "__pycache__", "some.*.pyc")); len(hits) != 1 {
		t.Errorf("there is no bytecode: %v", hits)
	}
}
