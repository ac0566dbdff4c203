package commit

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// EnqueueExec queues a command on a unit on behalf of a process inside it (juju-exec). Asked twice with the same request
// id it is queued once. A unit may only ask for itself: its certificate says nothing about any other.
func (c *Committer) EnqueueExec(ctx context.Context, agent string, req *controllerv1.EnqueueExecRequest) (string, error) {
	if len(req.GetCommand()) == 0 || len(req.GetRequestId()) != 32 {
		return "", errs.E(errs.Invalid, "cannot queue a command for unit %s: it needs words and a request id of 32 hex digits", req.GetUnit())
	}
	if err := c.speaks(ctx, agent, req.GetModel(), req.GetUnit()); err != nil {
		return "", err
	}
	for range mergeTries {
		task, done, err := c.enqueue(ctx, req)
		if done || err != nil {
			return task, err
		}
	}
	return "", errs.E(errs.Unavailable, "cannot queue a command for unit %s: others took its number %d times in a row; try again", req.GetUnit(), mergeTries)
}

// enqueue makes one try; done is false when somebody else took the number.
func (c *Committer) enqueue(ctx context.Context, req *controllerv1.EnqueueExecRequest) (task string, done bool, err error) {
	counter := store.In(req.GetModel(), key.Named(key.Next, "operation"))
	found, err := c.cfg.Store.Range(ctx, counter, store.RangeOptions{})
	if err != nil {
		return "", false, err
	}
	next, mod := 1, int64(0)
	if len(found.KVs) == 1 {
		mod = found.KVs[0].Mod
		if next, err = model.ReadCounter(found.KVs[0].Value); err != nil {
			return "", false, err
		}
	}
	// The mirror then shows every task that was queued before the number was read.
	if err := c.cfg.Mirror.WaitRevision(ctx, mod); err != nil {
		return "", false, err
	}
	var epoch string
	c.cfg.Mirror.Read(func(s *model.State) {
		epoch = s.Epoch
		g := s.Model(req.GetModel())
		if err = authz.Speaks(g, agentOfUnit(g, req.GetUnit()), req.GetUnit()); err == nil {
			task = queuedBefore(g, req)
		}
	})
	if err != nil || task != "" {
		return task, task != "", err
	}
	now := c.cfg.Now().UTC().Format("2006-01-02T15:04:05Z07:00")
	op := &controllerv1.Operation{Id: strconv.Itoa(next), Summary: "exec run on " + req.GetUnit() + " from inside", Enqueued: now, Tasks: []string{strconv.Itoa(next + 1)}}
	t := &controllerv1.Task{Id: op.Tasks[0], Operation: op.Id, Unit: req.GetUnit(), Kind: api.EventExec, Command: req.GetCommand(), Status: api.TaskPending, Enqueued: now,
		TimeoutMs: req.GetTimeoutMs(), Origin: api.UnitTag(req.GetUnit()), RelationId: req.GetRelationId(), RemoteUnit: req.GetRemoteUnit(), Operator: req.GetOperator(), RequestId: req.GetRequestId()}
	ops := []store.Op{store.Put(counter, []byte(strconv.Itoa(next+2)))}
	for k, m := range map[key.Key]proto.Message{key.Named(key.Operation, op.Id): op, key.Named(key.Task, t.Id): t} {
		value, err := model.Encode(m)
		if err != nil {
			return "", false, errs.With(errs.Invalid, err)
		}
		ops = append(ops, store.Put(store.In(req.GetModel(), k), value))
	}
	result, err := c.cfg.Store.Txn(ctx, []store.Compare{store.ModIs(counter, mod), store.ValueIs(store.EpochKey, []byte(epoch))}, ops, nil)
	if err != nil {
		return "", false, err
	}
	return t.Id, result.Succeeded, nil
}

func agentOfUnit(g *model.Graph, unit string) string {
	if g == nil {
		return ""
	}
	return g.AgentOf(unit)
}

// queuedBefore is the task of an earlier call with the same id, "" if there is none.
func queuedBefore(g *model.Graph, req *controllerv1.EnqueueExecRequest) string {
	for _, e := range g.OfUnit(req.GetUnit()) {
		if t, ok := e.Value.(*controllerv1.Task); ok && t.GetRequestId() == req.GetRequestId() {
			return strings.TrimPrefix(e.Name, string(key.Task)+"/")
		}
	}
	return ""
}
