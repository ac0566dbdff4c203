package daemon_test

import (
	"log/slog"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/client"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestChangesSurviveARestart(t *testing.T) {
	r := start(t, map[string]string{"001-base.yaml": "services:\n  a: {override: replace, command: sleep 1000}\n  bad: {override: replace, command: /none}\n"}, nil)
	ctx := t.Context()
	good := r.change(r.Start(ctx, "a"))
	bad := r.change(r.Start(ctx, "bad"))
	if err := exec(t, r, client.ExecOptions{Command: []string{"sh", "-c", "exit 3"}}); err == nil {
		t.Fatal("no exit code")
	}
	before, err := r.Changes(ctx, "all", "")
	if err != nil {
		t.Fatal(err)
	}
	r.stop()
	r = launch(t, r.dir, r.cfg)
	after, err := r.Changes(ctx, "all", "")
	if err != nil || len(after) != len(before)+1 { // and the one that stopped the services
		t.Fatalf("%d changes, %d before, %v", len(after), len(before), err)
	}
	for _, want := range []client.Change{good, bad} {
		got, err := r.Change(ctx, want.ID)
		if err != nil || got.Status != want.Status || got.Err != want.Err || got.Summary != want.Summary || len(got.Tasks) != 1 || got.Tasks[0].Status != want.Tasks[0].Status {
			t.Errorf("%+v %v, want %+v", got, err, want)
		}
	}
	for _, c := range after {
		if c.Kind == "exec" && (c.Status != "Done" || c.Tasks[0].Data["exit-code"] != 3.0) {
			t.Errorf("%+v", c)
		}
	}
	if list, err := r.Changes(ctx, "all", "bad"); err != nil || len(list) != 1 {
		t.Errorf("changes for bad: %v %v", list, err)
	}
}
