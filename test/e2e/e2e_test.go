// Package e2e tells stories with the built binaries: a command line, a controller, an agent, plugins, charms.
package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the stories compare with anew")

func TestStories(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "bin", "bangle")); err != nil {
		t.Fatalf("build first: go tool task build: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		UpdateScripts: *update,
		Setup:         func(e *testscript.Env) error { return setup(e, root) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    await,
			"events":   events,
			"nothing":  nothing,
			"eventual": eventual,
		},
	})
}
