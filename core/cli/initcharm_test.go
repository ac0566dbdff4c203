package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my-web")
	for line, want := range map[string]string{
		"init " + dir:                       "language",
		"init " + dir + " --language cobol": `cannot write a charm in "cobol"; allowed: assemblyscript, c, go, javascript, micropython, python, rust`,
		"init " + dir + " --language javascript --name My_Web": `cannot write charm "My_Web"; allowed: lower-case letters`,
	} {
		if got := newShell(t, &fake{}).run(words(line)...); !strings.Contains(got, want) {
			t.Errorf("%s\n%s\nwant %q", line, got, want)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s left something", line)
		}
	}
	got := newShell(t, &fake{}).run("init", dir, "--language", "javascript")
	for _, want := range []string{dir + "/charm.js\n", "cd " + dir + " && node --test", "bangle deploy " + dir} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nwant %q", got, want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "charmcraft.yaml")); err != nil || !strings.Contains(string(text), "name: my-web\n") {
		t.Errorf("%v\n%s", err, text)
	}
}
