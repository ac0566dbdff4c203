package e2e_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
)

// patience is how long a story waits for anything; a machine under load needs it, a quiet one does not.
var patience = flag.Duration("patience", time.Minute, "how long a story waits for anything")

// between is how long a story waits between two looks: each starts a program.
const between = 60 * time.Millisecond

// setup gives a story a home of its own, the built programs on PATH and the charms beside it. What the story started is
// ended with it.
func setup(e *testscript.Env) error {
	stage := os.Getenv(stageVariable)
	e.Setenv("BANGLE_HOME", filepath.Join(e.WorkDir, "home"))
	e.Setenv("HOME", filepath.Join(e.WorkDir, "user"))
	e.Setenv("XDG_RUNTIME_DIR", "")
	e.Setenv("PATH", filepath.Join(stage, "bin")+":"+os.Getenv("PATH"))
	e.Setenv("CHARMS", filepath.Join(stage, "charms"))
	e.Setenv("STAGE", stage)
	if err := os.Mkdir(filepath.Join(e.WorkDir, "user"), 0o700); err != nil {
		return err
	}
	e.Defer(func() { sweep(e) })
	return nil
}

// sweep ends the controllers that a story left, as one that failed does.
func sweep(e *testscript.Env) {
	for _, home := range []string{"home", "home2"} {
		dirs, _ := filepath.Glob(filepath.Join(e.WorkDir, home, "controllers", "*"))
		for _, dir := range dirs {
			cmd := exec.Command(filepath.Join(e.Getenv("STAGE"), "bin", "bangle"), "destroy-controller", "--no-prompt", "--force", filepath.Base(dir))
			cmd.Env = append(os.Environ(), "BANGLE_HOME="+filepath.Join(e.WorkDir, home), "XDG_RUNTIME_DIR=")
			if out, err := cmd.CombinedOutput(); err != nil {
				e.T().Log(fmt.Sprintf("cannot end %s: %v: %s", dir, err, out))
			}
		}
	}
}

// poll looks until done says so, or fails with what it said last.
func poll(ts *testscript.TestScript, done func() (bool, string)) {
	deadline := time.Now().Add(*patience)
	tick := time.NewTicker(between)
	defer tick.Stop()
	for {
		ok, text := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %s: %s", *patience, text)
		}
		<-tick.C
	}
}

// await REGEXP COMMAND… runs a command again and again until what it prints matches (with ! until it does not).
func await(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await REGEXP COMMAND ARGUMENT…")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	poll(ts, func() (bool, string) {
		out, _ := output(ts, args[1:])
		return want.MatchString(out) != neg, fmt.Sprintf("%v to print %q (negated: %v); last:\n%s", args[1:], args[0], neg, out)
	})
}

// eventual COMMAND… runs a command until it succeeds (with ! until it fails).
func eventual(ts *testscript.TestScript, neg bool, args []string) {
	poll(ts, func() (bool, string) {
		out, err := output(ts, args)
		return (err == nil) != neg, fmt.Sprintf("%v: %v\n%s", args, err, out)
	})
}

// output is what a command prints on both outputs, in the story's directory and environment.
func output(ts *testscript.TestScript, args []string) (string, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		path = filepath.Join(ts.Getenv("STAGE"), "bin", args[0])
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"BANGLE_HOME", "HOME", "XDG_RUNTIME_DIR", "PATH", "TMPDIR", "WORK", "JUJU_MODEL", "JUJU_CONTROLLER"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// trace UNIT GOLDEN [REGEXP] waits until what the unit's charm says it saw, of that only the lines that match, is the
// golden file. The probe charms log every event with who else is concerned, so a unit that is gone can be asked too. An
// event too many is found by the next trace of the unit: a story ends with one.
func trace(ts *testscript.TestScript, _ bool, args []string) {
	compare(ts, args, func() (string, error) {
		out, err := output(ts, []string{"bangle", "debug-log", "--replay", "--no-tail", "--include", args[0]})
		var text strings.Builder
		for line := range strings.SplitSeq(out, "\n") {
			if _, saw, found := strings.Cut(line, " saw "); found {
				fmt.Fprintln(&text, strings.TrimSpace(saw))
			}
		}
		return text.String(), err
	})
}

// events UNIT GOLDEN [REGEXP] is the same for what the agent says it committed, with the outcome where it is not ok.
func events(ts *testscript.TestScript, _ bool, args []string) {
	compare(ts, args, func() (string, error) {
		out, err := output(ts, []string{"bangle", "show-unit", args[0], "--events", "--format", "json"})
		if err != nil {
			return out, err
		}
		var units map[string][]struct{ Event, Remote, Outcome, Message string }
		if err := json.Unmarshal([]byte(out), &units); err != nil {
			return out, err
		}
		var text strings.Builder
		for _, e := range units[args[0]] {
			line := strings.TrimSpace(e.Event + " " + e.Remote)
			if e.Outcome != "ok" || e.Message != "" {
				line = strings.TrimSpace(line + " " + e.Outcome + ": " + e.Message)
			}
			fmt.Fprintln(&text, line)
		}
		return text.String(), nil
	})
}

// compare waits until the lines that match are those of the golden file.
func compare(ts *testscript.TestScript, args []string, read func() (string, error)) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: trace|events UNIT GOLDEN [REGEXP]")
	}
	wanted := regexp.MustCompile("")
	if len(args) == 3 {
		var err error
		wanted, err = regexp.Compile(args[2])
		ts.Check(err)
	}
	golden := strings.TrimSpace(ts.ReadFile(args[1]))
	poll(ts, func() (bool, string) {
		all, err := read()
		var lines []string
		for line := range strings.SplitSeq(all, "\n") {
			if line != "" && wanted.MatchString(line) {
				lines = append(lines, line)
			}
		}
		got := strings.Join(lines, "\n")
		return err == nil && got == golden, fmt.Sprintf("%s (error %v) saw\n%s\nwant %s:\n%s", args[0], err, got, args[1], golden)
	})
}

// unstable are the parts of messages that differ from run to run.
var unstable = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`[0-9a-f]{64}`), "SHA256"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d`), "TIME"},
	{regexp.MustCompile(`/units/[0-9a-f]{8}/`), "/units/MODEL/"},
	{regexp.MustCompile(`; the processes said:\n(  .*\n)*`), "; the processes said: …\n"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`/tmp/bangle-\d+/[0-9a-f]{8}`), "RUN"},
}

// refused CASE COMMAND… runs a command that must fail with exactly the message of testdata/refused/CASE.txt and leave the
// store and the status as they were.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: refused CASE COMMAND ARGUMENT…")
	}
	revision, before := state(ts)
	err := ts.Exec(args[1], args[2:]...)
	if err == nil {
		ts.Fatalf("%v succeeded", args[1:])
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr") + strings.ReplaceAll(err.Error(), "exit status", "exit code") + "\n"
	if text, want := message(ts, args[1:], said), golden(ts, args[0], message(ts, args[1:], said)); text != want {
		ts.Fatalf("the message is\n%s\nwant %s:\n%s", text, args[0], want)
	}
	if again, after := state(ts); again != revision || after != before {
		ts.Fatalf("what was refused changed the store: revision %d before, %d after\nbefore:\n%s\nafter:\n%s", revision, again, before, after)
	}
}

// exits N COMMAND… runs a command that must end with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits N COMMAND ARGUMENT…")
	}
	err := ts.Exec(args[1], args[2:]...)
	if want := "exit status " + args[0]; err == nil || err.Error() != want {
		ts.Fatalf("%v ended with %v, want %s", args[1:], err, want)
	}
}

// told CASE COMMAND… waits until a command prints exactly testdata/refused/CASE.txt: what is wrong shows later than the
// command that brought it.
func told(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: told CASE COMMAND ARGUMENT…")
	}
	poll(ts, func() (bool, string) {
		said, err := output(ts, args[1:])
		text := message(ts, args[1:], said)
		want := golden(ts, args[0], text)
		return err == nil && text == want, fmt.Sprintf("%v to print\n%s\nlast, error %v:\n%s", args[1:], want, err, text)
	})
}

// message is what a command said, as it is in every run.
func message(ts *testscript.TestScript, args []string, said string) string {
	text := fmt.Sprintf("$ %s\n%s", strings.Join(args, " "), said)
	text = strings.NewReplacer(ts.MkAbs("."), "$WORK", ts.Getenv("STAGE"), "$STAGE").Replace(text)
	for _, u := range unstable {
		text = u.find.ReplaceAllString(text, u.with)
	}
	return text
}

// golden is the message of a case; -update makes it the one that is given.
func golden(ts *testscript.TestScript, name, text string) string {
	file := filepath.Join("testdata", "refused", name+".txt")
	if *update {
		ts.Check(os.WriteFile(file, []byte(text), 0o644))
		return text
	}
	want, err := os.ReadFile(file)
	if err != nil {
		ts.Fatalf("%v; the message is:\n%s", err, text)
	}
	return string(want)
}

// forget removes what agents say of themselves and nobody stores: it comes later than what they wrote.
func forget(status map[string]any) {
	delete(status, "juju-status")
	for _, v := range status {
		if m, ok := v.(map[string]any); ok {
			forget(m)
		}
	}
}

// state is the revision of the store and the status without its time. Without a controller both are empty.
func state(ts *testscript.TestScript) (int64, string) {
	dirs, _ := filepath.Glob(filepath.Join(ts.Getenv("BANGLE_HOME"), "controllers", "*"))
	if len(dirs) == 0 {
		return 0, ""
	}
	status := map[string]any{}
	out, err := output(ts, []string{"bangle", "status", "--format", "json"})
	if err == nil { // there is a model
		ts.Check(json.Unmarshal([]byte(out), &status))
	}
	delete(status, "controller")
	forget(status)
	text, err := json.MarshalIndent(status, "", " ")
	ts.Check(err)
	config, err := controller.ReadConfig(dirs[0])
	ts.Check(err)
	tls, err := pki.Client(dirs[0])
	ts.Check(err)
	transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := clientv1connect.NewClientClient(&http.Client{Transport: transport}, "https://"+config.ClientEndpoint)
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	info, err := client.ControllerInfo(ctx, connect.NewRequest(&clientv1.ControllerInfoRequest{}))
	ts.Check(err)
	return info.Msg.GetRevision(), string(text)
}
