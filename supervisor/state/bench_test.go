package state_test

import (
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/state"
)

// BenchmarkChange is what a change costs the request that makes it.
func BenchmarkChange(b *testing.B) {
	k, err := state.Open(b.TempDir(), quiet())
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	v := change.View{
		ID: "1", Kind: "exec", Summary: "Execute command \"true\"", Status: change.Done, Spawned: time.Now(), ReadyTime: time.Now(),
		Tasks: []change.TaskView{{ID: "1", Kind: "exec", Summary: "Execute command \"true\"", Status: change.Done, Data: map[string]any{"exit-code": 0}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		k.Change(v)
	}
}
