package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/python"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// interpreters are the Pythons of this machine that charms may name, at least python3.
func interpreters(t *testing.T) []string {
	t.Helper()
	home, _ := os.UserHomeDir()
	list, err := filepath.Glob(filepath.Join(home, ".pyenv/versions/3.*/bin/python3"))
	if err != nil {
		t.Fatal(err)
	}
	system, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	return append(list, system)
}

// TestSyntaxErrorsAreFoundByLoad, with file and line, by the interpreter that will run the program, and nothing of it is run.
func TestSyntaxErrorsAreFoundByLoad(t *testing.T) {
	usual := "#!/bin/sh\nJUJU_DISPATCH_PATH=\"${JUJU_DISPATCH_PATH:-$0}\" PYTHONPATH=lib:venv exec INTERPRETER ./src/charm.py\n"
	for _, interpreter := range interpreters(t) {
		for name, c := range map[string]struct {
			dispatch, program, helper string
			want                      string // of the message; "" = nothing is found
		}{
			"fine":                     {usual, "import helper\nopen('RAN', 'w')\n", "def f(:\n", ""},
			"a syntax error":           {usual, "open('RAN', 'w')\n\ndef f(:\n    pass\n", "", `^SyntaxError: .+ \(src/charm\.py:3\)$`},
			"indentation":              {usual, "def f():\nreturn 1\n", "", `^IndentationError: .+ \(src/charm\.py:2\)$`},
			"a null byte":              {usual, "x = 1\x00\n", "", `^(ValueError|SyntaxError): source code .*null bytes \(src/charm\.py.*\)$`},
			"not UTF-8":                {usual, "x = '\xff'\n", "", `^SyntaxError: .+ \(src/charm\.py.*\)$`},
			"a coding of its own":      {usual, "# coding: latin-1\nx = '\xff'\n", "", ""},
			"a script with a shebang":  {"#!INTERPRETER\nif:\n", "", "", `^SyntaxError: .+ \(dispatch:2\)$`},
			"a dispatch of its own":    {"#!/bin/sh\nif true; then INTERPRETER src/charm.py; fi\n", "if:\n", "", ""},
			"a text that names itself": {usual, "\"\"\"%s\n", "", `^SyntaxError: .+ \(src/charm\.py:\d+\)$`},
		} {
			t.Run(interpreter+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.Mkdir(filepath.Join(dir, "src"), 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "dispatch"), strings.ReplaceAll(c.dispatch, "INTERPRETER", interpreter), 0o755)
				write(t, filepath.Join(dir, "src/charm.py"), c.program, 0o755)
				write(t, filepath.Join(dir, "src/helper.py"), c.helper, 0o644)
				r := python.New(python.Config{})
				defer r.Close()
				got, err := r.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: "d", Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(filepath.Join(dir, "RAN")); err == nil {
					t.Error("the program was run")
				}
				found := got.GetDiagnostics()
				if c.want == "" {
					if len(found) > 0 {
						t.Errorf("got %v, want nothing", found)
					}
					return
				}
				if len(found) != 1 || !regexp.MustCompile(c.want).MatchString(found[0].GetMessage()) || got.GetHandle() != "" || !strings.Contains(found[0].GetHint(), interpreter+", which is Python 3.") {
					t.Errorf("got %v, want %s", got, c.want)
				}
			})
		}
	}
}
