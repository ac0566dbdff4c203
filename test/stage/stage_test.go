package stage_test

import (
	"path/filepath"
	"testing"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// TestWhole puts everything together once: two applications, a relation, a change, an action, kills, an end without a
// trace.
func TestWhole(t *testing.T) {
	s := stage.New(t, stage.Config{})
	root, err := stage.Root()
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(root, "test", "charms", "probe")
	s.Deploy(probe, &clientv1.DeployRequest{Application: "left", Units: 2})
	s.Deploy(probe, &clientv1.DeployRequest{Application: "right", Units: 1})
	s.Integrate("left:out", "right:in")
	s.Await(stage.All(stage.Active("left", 2, "quiet"), stage.Active("right", 1, "quiet")))

	s.Config("left", map[string]string{"note": "loud"})
	s.Await(stage.Active("left", 2, "loud"))
	for _, task := range s.Finished(s.Queue("say", `{"word":"hello"}`, "left/0")) {
		if task.GetStatus() != "completed" || task.GetResults()["said"] != "hello" {
			t.Errorf("task = %v, want completed with said=hello", task)
		}
	}
	s.Agent.Kill()
	s.Controller.Kill()
	s.Config("right", map[string]string{"note": "back"})
	s.Await(stage.Active("right", 1, "back"))
	s.Scale("left", 1)
	s.Await(stage.Active("left", 1, "loud"))
}
