package commit

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// orphanTasks ends the tasks of units that are gone: nobody else will, and somebody may wait for them. It is not done with
// the removal of the unit, because a task may be queued in that moment.
func orphanTasks(g *model.Graph, now time.Time) []removal {
	var found []removal
	for e := range g.OpenTasks() {
		task, ok := e.Value.(*controllerv1.Task)
		if !ok {
			continue
		}
		if u, _ := g.Unit(task.GetUnit()); u != nil {
			continue
		}
		next := proto.CloneOf(task)
		next.Completed = now.UTC().Format(time.RFC3339)
		switch task.GetStatus() {
		case api.TaskPending:
			next.Status, next.Message = api.TaskCancelled, "cancelled before it ran: the unit was removed"
		case api.TaskRunning:
			next.Status, next.Message = api.TaskFailed, "interrupted: the unit was removed"
		default:
			next.Status, next.Message = api.TaskAborted, "aborted: the unit was removed"
		}
		r := removal{what: e.Name, did: "ended", compares: []store.Compare{store.Missing(store.In(g.UUID, key.OfUnit(key.Unit, task.GetUnit())))}}
		r.rewrite(g, e, next)
		found = append(found, r)
	}
	return found
}
