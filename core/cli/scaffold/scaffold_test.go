package scaffold_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/cli/scaffold"
)

// TestEveryLanguage: what is written is a charm, and its own tests pass where there is the language's interpreter.
func TestEveryLanguage(t *testing.T) {
	for _, l := range scaffold.Languages() {
		t.Run(l.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			files, err := l.Write(dir, "my-web")
			if err != nil || len(files) < 4 {
				t.Fatalf("%v: %v", files, err)
			}
			ch, list, err := charm.Read(dir, charm.ReadConfig{})
			if err != nil || len(list) > 0 || ch.Meta.Name != "my-web" || ch.Runtime != charm.Wasm {
				t.Fatalf("%+v %v %v", ch, list, err)
			}
			test := exec.Command("sh", "-c", l.Test)
			test.Dir = dir
			test.Env = append(test.Environ(), "PYTHONDONTWRITEBYTECODE=1")
			program, _, _ := strings.Cut(l.Test, " ")
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("%s is not installed", program)
			}
			if out, err := test.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", l.Test, err, out)
			}
			if _, err := l.Write(dir, "again"); err == nil || !strings.Contains(err.Error(), "there are files in it") {
				t.Errorf("over another charm: %v", err)
			}
		})
	}
}

func TestUnknownLanguage(t *testing.T) {
	if _, err := scaffold.Find("cobol"); err == nil || !strings.Contains(err.Error(), `"cobol"; allowed: javascript, micropython`) {
		t.Error(err)
	}
}
