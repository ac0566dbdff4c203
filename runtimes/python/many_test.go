package python_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// TestManyUnitsShareAnInterpreter: events of units of one charm run side by side in one server that is killed now and then.
// Each has its own directory, environment, tools and output, whatever happens to its siblings; an event whose end nobody
// knows comes again, and only such a one.
func TestManyUnitsShareAnInterpreter(t *testing.T) {
	first := newPython(t, `import os, subprocess, sys, helper
me = os.environ["JUJU_UNIT_NAME"]
assert os.getcwd() == os.environ["CHARM_DIR"] and me.replace("/", "-") in os.getcwd(), os.getcwd()
assert helper.__file__.startswith(os.getcwd()), helper.__file__
title = subprocess.run(["config-get", "title"], capture_output=True, text=True, check=True).stdout.strip()
assert title == me, title
with open("parent", "w") as f: f.write(str(os.getppid()))
with open("count", "a") as f: f.write(".")
subprocess.check_call(["status-set", "active", me])
`)
	pristine := first.start.Workspace.CharmDir
	write(t, filepath.Join(pristine, "venv", "helper.py"), "", 0o644)
	const units, events = 6, 25
	var killed atomic.Int32
	parents := sync.Map{}
	var wg sync.WaitGroup
	for i := range units {
		name := fmt.Sprintf("web/%d", i)
		dir := filepath.Join(first.dir, fmt.Sprintf("web-%d", i))
		if out, err := exec.Command("cp", "-rpT", pristine, dir).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		run := filepath.Join(first.dir, fmt.Sprintf("run%d", i))
		if err := os.Mkdir(run, 0o700); err != nil {
			t.Fatal(err)
		}
		start := proto.CloneOf(first.start)
		start.Workspace.CharmDir, start.Workspace.RunDir, start.View.Unit.Name = dir, run, name
		start.View.Config["title"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: name}}
		wg.Go(func() {
			for n := 0; n < events; n++ {
				done, err := first.runtime.Dispatch(t.Context(), start, newHost())
				if errs.Is(err, errs.Unavailable) {
					n--
					continue
				}
				if err != nil || done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK || done.GetChangeset().GetUnitStatus().GetMessage() != name {
					t.Errorf("%s: %v, %v", name, done, err)
					return
				}
				text, err := os.ReadFile(filepath.Join(dir, "parent"))
				pid, conv := strconv.Atoi(string(text))
				if err := errors.Join(err, conv); err != nil {
					t.Error(err)
					return
				}
				if parents.Store(pid, true); pid != os.Getpid() && n%10 == 9 && i == 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
					killed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if killed.Load() == 0 {
		t.Error("nothing was killed: the events ran cold")
	}
	n := 0
	parents.Range(func(any, any) bool { n++; return true })
	if n > int(killed.Load())+3 {
		t.Errorf("%d servers served %d units with %d kills", n, units, killed.Load())
	}
}
