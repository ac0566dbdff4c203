// Package e2e tells stories with the built binaries: a command line, a controller, an agent, plugins, charms.
package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write the messages that stories compare with anew")

// atOnce is how many stories run at the same time at most: each has a controller, an agent and their plugins.
const atOnce = 4

// nobody is the ordinary user that root becomes for the stories of ordinary users.
const nobody = 65534

func TestMain(m *testing.M) {
	flag.Parse()
	// Whatever a story's processes leave behind becomes a child of this one, where it cannot hide under any name.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "cannot gather orphans:", err)
		os.Exit(1)
	}
	code := 1
	if s, err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		if code = m.Run(); code == 0 {
			code = orphans()
		}
		s.remove()
	}
	os.Exit(code)
}

func TestStories(t *testing.T) { stories(t, "testdata/stories") }

// TestOrdinaryUser tells the stories that root and others see differently once more as somebody else, when this is root.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("TestStories runs as an ordinary user already")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skipf("no setpriv (package util-linux): %v", err)
	}
	t.Parallel()
	stage := os.Getenv(stageVariable)
	work, err := os.MkdirTemp(stage, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(work, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(nobody)
	cmd := exec.Command(setpriv, "--reuid="+id, "--regid="+id, "--clear-groups", filepath.Join(stage, "e2e.test"),
		"-test.v", "-test.run=^TestStories$/^(first-unit|no-namespaces|workload|killed|wasm|refused-plugins|python-library|documents)$", "-test.parallel=1", "-test.timeout=6m")
	cmd.Dir = stage
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "TMPDIR=" + work, stageVariable + "=" + stage}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// condition knows [engines]: the engines of script charms, which the build fetches from npm where there is one.
func condition(name string) (bool, error) {
	if name != "engines" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	found, err := filepath.Glob("../../runtimes/wasm/script/engines/*.wasm.gz")
	if len(found) == 0 && os.Getenv("BANGLE_TOOLCHAINS") == "all" {
		return false, errors.New("there are no engines for scripts: run `go tool task engines build`")
	}
	return len(found) > 0, err
}

// stories runs the scripts of a directory.
func stories(t *testing.T, dir string) {
	turns := make(chan struct{}, atOnce)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		WorkdirRoot:         t.TempDir(), // its own directory stays behind when -run leaves stories out
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			turns <- struct{}{}
			e.Defer(func() { <-turns })
			return setup(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"events":   events,
			"trace":    trace,
			"refused":  refused,
			"told":     told,
			"kill9":    kill9,
			"freeze":   freeze,
			"modules":  modules,
			"nothing":  nothing,
			"eventual": eventual,
			"exits":    exits,
			"serve":    serve,
		},
	})
}
