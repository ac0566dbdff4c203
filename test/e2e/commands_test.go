package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a story waits for anything; a machine under load needs it, a quiet one does not.
const patience = 90 * time.Second

// setup gives a story a home of its own, the built programs on PATH and the charms beside it. What the story started is
// ended with it.
func setup(e *testscript.Env, root string) error {
	e.Setenv("BANGLE_HOME", filepath.Join(e.WorkDir, "home"))
	e.Setenv("HOME", filepath.Join(e.WorkDir, "user"))
	e.Setenv("XDG_RUNTIME_DIR", "")
	e.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	e.Setenv("CHARMS", filepath.Join(root, "test", "charms"))
	e.Setenv("ROOT", root)
	if err := os.Mkdir(filepath.Join(e.WorkDir, "user"), 0o700); err != nil {
		return err
	}
	e.Defer(func() { sweep(e) })
	return nil
}

// sweep ends the controllers that a story left.
func sweep(e *testscript.Env) {
	for _, home := range []string{"home", "home2"} {
		dirs, _ := filepath.Glob(filepath.Join(e.WorkDir, home, "controllers", "*"))
		for _, dir := range dirs {
			cmd := exec.Command(filepath.Join(e.Getenv("ROOT"), "bin", "bangle"), "destroy-controller", "--no-prompt", "--force", filepath.Base(dir))
			cmd.Env = append(os.Environ(), "BANGLE_HOME="+filepath.Join(e.WorkDir, home), "XDG_RUNTIME_DIR=")
			if out, err := cmd.CombinedOutput(); err != nil {
				e.T().Log(fmt.Sprintf("cannot end %s: %v: %s", dir, err, out))
			}
		}
	}
}

// await REGEXP COMMAND… runs a command again and again until what it prints matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await REGEXP COMMAND ARGUMENT…")
	}
	want, err := regexp.Compile(args[0])
	ts.Check(err)
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		out, _ := output(ts, args[1:])
		if want.MatchString(out) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v did not print %q (negated: %v) within %s; last:\n%s", args[1:], args[0], neg, patience, out)
		}
		<-tick.C
	}
}

// eventual COMMAND… runs a command until it succeeds (with ! until it fails).
func eventual(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		out, err := output(ts, args)
		if (err == nil) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v within %s: %v\n%s", args, patience, err, out)
		}
		<-tick.C
	}
}

func output(ts *testscript.TestScript, args []string) (string, error) {
	path, err := exec.LookPath(args[0])
	if err != nil && args[0] == "bangle" {
		path = filepath.Join(ts.Getenv("ROOT"), "bin", "bangle")
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"BANGLE_HOME", "HOME", "XDG_RUNTIME_DIR", "PATH", "JUJU_MODEL", "WORK"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// events UNIT FILE writes what the unit saw, in order, one event a line: its hook, the remote unit, the outcome when it is
// not ok. Compare it with cmp.
func events(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: events UNIT FILE")
	}
	out, err := output(ts, []string{"bangle", "show-unit", args[0], "--events", "--format", "json"})
	if err != nil {
		ts.Fatalf("cannot read events: %v\n%s", err, out)
	}
	var journal []struct {
		Event   string `json:"event"`
		Remote  string `json:"remote-unit"`
		Start   string `json:"start"`
		Outcome string `json:"outcome"`
	}
	if err := json.Unmarshal([]byte(out), &journal); err != nil {
		ts.Fatalf("cannot read events: %v\n%s", err, out)
	}
	sort.SliceStable(journal, func(i, j int) bool { return journal[i].Start < journal[j].Start })
	var text strings.Builder
	for _, j := range journal {
		fmt.Fprintln(&text, strings.TrimSpace(j.Event+" "+j.Remote+map[bool]string{true: " " + j.Outcome}[j.Outcome != "ok"]))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text.String()), 0o644))
}

// nothing checks that no process, mount or socket of the story's home is left.
func nothing(ts *testscript.TestScript, _ bool, args []string) {
	home := ts.Getenv("BANGLE_HOME")
	if len(args) > 0 {
		home = ts.MkAbs(args[0])
	}
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		left := leftovers(home)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("still there:\n%s", strings.Join(left, "\n"))
		}
		<-tick.C
	}
}

// leftovers are processes that were started with the home in their environment or command line, mounts below it, and the
// directory of its sockets.
func leftovers(home string) []string {
	var found []string
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return []string{err.Error()}
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if strings.Contains(string(environ)+string(command), home+"/") || strings.Contains(string(environ), "BANGLE_HOME="+home+"\x00") {
			found = append(found, fmt.Sprintf("process %d: %s", pid, strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, home+"/") {
			found = append(found, "mount "+line)
		}
	}
	if controllers, _ := filepath.Glob(filepath.Join(home, "controllers", "*")); len(controllers) > 0 {
		found = append(found, controllers...)
	}
	if run, err := os.Readlink(filepath.Join(home, "run")); err == nil {
		sockets, _ := filepath.Glob(filepath.Join(run, "*"))
		found = append(found, sockets...)
	}
	return found
}
