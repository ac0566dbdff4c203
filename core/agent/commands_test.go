package agent_test

import (
	"context"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func quiet(context.Context, *charmruntimev1.Start, charmruntime.Host) (*charmruntimev1.Done, error) {
	return ok(nil), nil
}

// TestCommandOfANewerController: what this agent does not know is answered, not swallowed.
func TestCommandOfANewerController(t *testing.T) {
	w := newWorld(t, quiet)
	w.start()
	w.server.Commands() <- &controllerv1.Command{Id: "c1", Model: agenttest.Model}
	got := <-w.server.Answers()
	if got.Id != "c1" || got.Number != 1 || !got.Last || got.ErrorClass != string(errs.Unsupported) {
		t.Errorf("got %v, want class Unsupported", got)
	}
}
