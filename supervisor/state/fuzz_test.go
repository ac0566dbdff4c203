package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/notice"
	"github.com/bangle-dev/bangle/supervisor/state"
)

// FuzzFile: whatever is in the file, a supervisor starts with what can be read of it.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"counters":{"change":5,"task":5,"notice":5}}` + "\n" + `{"change":{"id":"1","kind":"exec","status":"Doing","tasks":[{"id":"1","status":"Doing","log":["x"]}]}}` + "\n"))
	f.Add([]byte(`{"notice":{"id":"1","type":"custom","key":"a.b/c","last-occurred":"2030-01-02T03:04:05Z","expire-after":"1h"}}` + "\n" + `{"identities":{"a":{"access":"read"}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ".bangle.state"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := state.Open(dir, quiet())
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		kept, last := k.Notices()
		notice.New(notice.Config{Kept: kept, LastID: last}).List(notice.Filter{AllUsers: true})
		j := change.New(change.Config{Kept: k.Changes(), NextChange: k.NextChange, NextTask: k.NextTask, Saved: k.Change})
		for _, v := range j.Views() {
			if !v.Status.Ready() {
				t.Errorf("change %s is %s", v.ID, v.Status)
			}
		}
		j.Close()
	})
}
