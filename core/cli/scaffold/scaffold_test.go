package scaffold_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/cli/scaffold"
	"github.com/bangle-dev/bangle/sdk/python"
)

// TestEveryLanguage: what is written is a charm, and its own tests pass where there is the language's interpreter.
func TestEveryLanguage(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts compilers")
	}
	for _, l := range scaffold.Languages() {
		t.Run(l.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			files, err := l.Write(dir, "my-web")
			if err != nil || len(files) < 4 {
				t.Fatalf("%v: %v", files, err)
			}
			if l.Build != "" {
				tool(t, dir, strings.TrimPrefix(l.Build, "npm install && ")) // CI has the compiler already
			}
			ch, list, err := charm.Read(dir, charm.ReadConfig{})
			runtime, test, findings := charm.Wasm, l.Test, 0
			if l.Name == "python" { // it is told which library it gets, and has no program of that name here
				runtime, findings = charm.Python, 1
				library, err := python.Unpack(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				test = strings.Replace(test, "PYTHONPATH=$(bangle python-library) ", "PYTHONPATH="+library+" ", 1)
			}
			if err != nil || len(list) != findings || len(list.Errors()) > 0 || ch.Meta.Name != "my-web" || ch.Runtime != runtime {
				t.Fatalf("%+v %v %v", ch, list, err)
			}
			tool(t, dir, test)
			if _, err := l.Write(dir, "again"); err == nil || !strings.Contains(err.Error(), "there are files in it") {
				t.Errorf("over another charm: %v", err)
			}
		})
	}
}

func TestUnknownLanguage(t *testing.T) {
	if _, err := scaffold.Find("cobol"); err == nil || !strings.Contains(err.Error(), `"cobol"; allowed: assemblyscript, c, go, javascript, micropython, python, rust`) {
		t.Error(err)
	}
}

// tool runs one of a language's commands. A toolchain that is not installed skips the test, unless BANGLE_TOOLCHAINS says that
// all of them are.
func tool(t *testing.T, dir, command string) {
	t.Helper()
	c := exec.Command("sh", "-c", command)
	c.Dir = dir
	c.Env = append(c.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	program, rest, _ := strings.Cut(command, " ")
	if strings.Contains(program, "=") {
		program, _, _ = strings.Cut(rest, " ")
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed", program)
	}
	out, err := c.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 3 && os.Getenv("BANGLE_TOOLCHAINS") != "all" {
		t.Skipf("%s", out)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}
