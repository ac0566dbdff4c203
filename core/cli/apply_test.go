package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"
)

// TestApplyStopsAtTheFirst change that cannot be made, and says which are made and which are not.
func TestApplyStopsAtTheFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "five.yaml")
	text := "changes:\n- [config, web, port=81]\n- [expose, web]\n- [integrate, web, db]\n- [config, web, port=82]\n- [remove-application, web]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for bad, want := range map[string]string{
		"SetConfig": "(config web port=81): no; none of the others is made",
		"Expose":    "(expose web): no; changes[0] is made and stays, changes[2] to changes[4] are not; what remains is for a file of its own",
		"Integrate": "(integrate web db): no; changes[0] to changes[1] are made and stay, changes[3] to changes[4] are not; what remains is for a file of its own",
	} {
		f := &fake{}
		f.entered = func(call string) {
			if call == bad {
				f.fail = connect.NewError(connect.CodeFailedPrecondition, errors.New("no"))
			}
		}
		said := newShell(t, f).run("apply", file)
		if !strings.Contains(said, want) || !strings.Contains(said, "exit 1") {
			t.Errorf("%s refused:\n%swant %s", bad, said, want)
		}
		after := said[strings.LastIndex(said, "asked| "+bad):]
		if strings.Contains(after, "RemoveApplication") {
			t.Errorf("it went on after %s:\n%s", bad, said)
		}
	}
	if got := remains(4, 5); got != "changes[0] to changes[3] are made and stay; only this one remains" {
		t.Error(got)
	}
	if got := remains(3, 5); got != "changes[0] to changes[2] are made and stay, changes[4] is not; what remains is for a file of its own" {
		t.Error(got)
	}
}
