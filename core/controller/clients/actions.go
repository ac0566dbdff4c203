package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Run queues an action or a command on units; WaitOperation tells how it went.
func (s *Service) Run(ctx context.Context, req *connect.Request[clientv1.RunRequest]) (*connect.Response[clientv1.RunResponse], error) {
	in, resp := req.Msg, &clientv1.RunResponse{}
	if (in.GetAction() == "") == (len(in.GetCommand()) == 0) {
		return nil, errs.E(errs.Invalid, "cannot run: give either an action or a command")
	}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		units, err := runUnits(m, in)
		if err != nil {
			return err
		}
		tasks, err := s.tasks(m, in, units)
		if err != nil {
			return err
		}
		first, err := e.next(m, "operation", 1, len(tasks)+1)
		if err != nil {
			return err
		}
		op := &controllerv1.Operation{Id: strconv.Itoa(first), Summary: summary(in, units), Enqueued: e.stamp()}
		for i, t := range tasks {
			t.Id, t.Operation, t.Enqueued = strconv.Itoa(first+1+i), op.GetId(), op.GetEnqueued()
			op.Tasks = append(op.Tasks, t.GetId())
			e.put(store.In(m.UUID, key.Named(key.Task, t.GetId())), 0, t)
		}
		e.put(store.In(m.UUID, key.Named(key.Operation, op.GetId())), 0, op)
		resp.Operation, resp.Tasks = op, tasks
		return nil
	})
	return connect.NewResponse(resp), err
}

func summary(in *clientv1.RunRequest, units []string) string {
	if in.GetAction() != "" {
		return fmt.Sprintf("action %s run on %s", in.GetAction(), strings.Join(units, ","))
	}
	return fmt.Sprintf("exec run on %s", strings.Join(units, ","))
}

// runUnits are the units that a request names, in the order named.
func runUnits(m *snapshot.Model, in *clientv1.RunRequest) ([]string, error) {
	units, err := unitNames(m, in.GetUnits())
	var bad problems
	bad.add(err)
	apps := in.GetApplications()
	if in.GetAll() {
		apps = slices.Sorted(maps.Keys(m.Applications))
	}
	for _, name := range apps {
		if _, err := anyApplication(m, name); err != nil {
			bad.add(err)
		}
		for _, u := range m.UnitsOf(name) {
			if !slices.Contains(units, u) {
				units = append(units, u)
			}
		}
	}
	if len(units) == 0 && bad.err() == nil {
		bad.addf("cannot run: no unit was named, or there is none")
	}
	if len(units) > maxUnits {
		bad.addf("cannot run on %d units at once; at most %d", len(units), maxUnits)
	}
	return units, bad.err()
}

// tasks makes one task for each unit; parameters are checked for each charm and
// get its defaults.
func (s *Service) tasks(m *snapshot.Model, in *clientv1.RunRequest, units []string) ([]*controllerv1.Task, error) {
	var tasks []*controllerv1.Task
	params := map[string]string{}
	var bad problems
	for _, unit := range units {
		t := &controllerv1.Task{Unit: unit, Status: api.TaskPending, Kind: "exec", Command: in.GetCommand(), TimeoutMs: in.GetTimeoutMs(),
			DefaultTimeoutMs: in.GetDefaultTimeoutMs(), Parallel: in.GetParallel(), ExecutionGroup: in.GetExecutionGroup()}
		if in.GetAction() != "" {
			app := appOf(unit)
			if _, done := params[app]; !done {
				text, err := s.actionParams(m.Applications[app].Value, in)
				bad.add(err)
				params[app] = text
			}
			t.Kind, t.Action, t.Params = "action", in.GetAction(), params[app]
		}
		tasks = append(tasks, t)
	}
	return tasks, bad.err()
}

// actionParams checks an action's parameters and inserts defaults.
func (s *Service) actionParams(app *controllerv1.Application, in *clientv1.RunRequest) (string, error) {
	ch, err := s.charmOf(app)
	if err != nil {
		return "", err
	}
	act, ok := ch.Actions[in.GetAction()]
	if !ok {
		return "", errs.E(errs.NotFound, "cannot run action %q on %q: its charm %q has no such action; it has %s", in.GetAction(), app.GetName(), ch.Meta.Name, names(ch.Actions, "none"))
	}
	params := map[string]any{}
	if in.GetParams() != "" {
		if err := json.Unmarshal([]byte(in.GetParams()), &params); err != nil {
			return "", errs.E(errs.Invalid, "cannot run action %q: its parameters are not a JSON object: %w", in.GetAction(), err)
		}
	}
	params = act.InsertDefaults(params)
	if err := act.Validate(params); err != nil {
		return "", err
	}
	text, err := json.Marshal(params)
	return string(text), err
}

// ListActions lists the actions of an application's charm.
func (s *Service) ListActions(_ context.Context, req *connect.Request[clientv1.ListActionsRequest]) (*connect.Response[clientv1.ListActionsResponse], error) {
	_, ch, err := s.described(req.Msg.GetModel(), req.Msg.GetApplication())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.ListActionsResponse{}
	for _, name := range slices.Sorted(maps.Keys(ch.Actions)) {
		schema, err := json.Marshal(ch.Actions[name].Schema)
		if err != nil {
			return nil, fmt.Errorf("cannot show action %q: %w", name, err)
		}
		resp.Actions = append(resp.Actions, &clientv1.ActionInfo{Name: name, Description: ch.Actions[name].Description, Schema: string(schema)})
	}
	return connect.NewResponse(resp), nil
}

// WaitOperation gives an operation, or the one of a task, once all its tasks
// have ended or the time is up.
func (s *Service) WaitOperation(ctx context.Context, req *connect.Request[clientv1.WaitOperationRequest]) (*connect.Response[clientv1.WaitOperationResponse], error) {
	in := req.Msg
	wait, cancel := context.WithTimeout(ctx, time.Duration(in.GetTimeoutMs())*time.Millisecond)
	defer cancel()
	for {
		began := time.Now()
		revision, err := s.cfg.Mirror.Wait(ctx, 0)
		if err != nil {
			return nil, err
		}
		resp, err := s.operation(in)
		if err != nil {
			return nil, err
		}
		if resp.GetFinished() {
			return connect.NewResponse(resp), nil
		}
		rest(wait, time.Since(began))
		if _, err := s.cfg.Mirror.Wait(wait, revision+1); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			return connect.NewResponse(resp), nil
		}
	}
}

// rest waits as long as a look took, so that looking at a large and busy model
// takes half of a core at most.
func rest(ctx context.Context, took time.Duration) {
	timer := time.NewTimer(took)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// operation finds what WaitOperation asks for, as it is now.
func (s *Service) operation(in *clientv1.WaitOperationRequest) (*clientv1.WaitOperationResponse, error) {
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	id := in.GetOperation()
	if in.GetTask() != "" {
		t, ok := m.Tasks[in.GetTask()]
		if !ok {
			return nil, errs.E(errs.NotFound, "cannot find task %q in model %q: there is no such task", in.GetTask(), m.Record.Value.GetName())
		}
		id = t.Value.GetOperation()
	}
	op, ok := m.Operations[id]
	if !ok {
		return nil, errs.E(errs.NotFound, "cannot find operation %q in model %q: there is no such operation", id, m.Record.Value.GetName())
	}
	resp := &clientv1.WaitOperationResponse{Operation: op.Value, Finished: true}
	for _, t := range op.Value.GetTasks() {
		if in.GetTask() != "" && t != in.GetTask() {
			continue
		}
		task := m.Tasks[t].Value
		resp.Tasks = append(resp.Tasks, task)
		resp.Finished = resp.GetFinished() && !model.Open(task)
	}
	return resp, nil
}

// ListOperations lists operations and tasks, oldest first.
func (s *Service) ListOperations(_ context.Context, req *connect.Request[clientv1.ListOperationsRequest]) (*connect.Response[clientv1.ListOperationsResponse], error) {
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.ListOperationsResponse{}
	for _, id := range byNumber(m.Operations) {
		resp.Operations = append(resp.Operations, m.Operations[id].Value)
	}
	for _, id := range byNumber(m.Tasks) {
		resp.Tasks = append(resp.Tasks, m.Tasks[id].Value)
	}
	return connect.NewResponse(resp), nil
}

func byNumber[T any](records map[string]T) []string {
	return slices.SortedFunc(maps.Keys(records), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
}

// CancelTask ends a task that waits, and asks one that runs to stop.
func (s *Service) CancelTask(ctx context.Context, req *connect.Request[clientv1.CancelTaskRequest]) (*connect.Response[clientv1.CancelTaskResponse], error) {
	resp := &clientv1.CancelTaskResponse{}
	_, err := s.write(ctx, func(e *edit) error {
		m, err := s.model(req.Msg.GetModel())
		if err != nil {
			return err
		}
		t, ok := m.Tasks[req.Msg.GetTask()]
		if !ok {
			return errs.E(errs.NotFound, "cannot cancel task %q: there is no such task in model %q", req.Msg.GetTask(), m.Record.Value.GetName())
		}
		next := proto.CloneOf(t.Value)
		switch next.GetStatus() {
		case api.TaskPending:
			next.Status, next.Completed, next.Message = api.TaskCancelled, e.stamp(), "cancelled before it ran"
		case api.TaskRunning:
			next.Status = api.TaskAborting
		case api.TaskAborting:
			resp.Task = t.Value
			return nil
		default:
			return errs.E(errs.Conflict, "cannot cancel task %q: it is %s already", next.GetId(), next.GetStatus())
		}
		e.put(store.In(m.UUID, key.Named(key.Task, next.GetId())), t.Mod, next)
		resp.Task = next
		return nil
	})
	return connect.NewResponse(resp), err
}

// Resolved says of failed events that they shall be tried again or passed over.
func (s *Service) Resolved(ctx context.Context, req *connect.Request[clientv1.ResolvedRequest]) (*connect.Response[clientv1.ResolvedResponse], error) {
	in, resp := req.Msg, &clientv1.ResolvedResponse{}
	_, err := s.write(ctx, func(e *edit) error {
		m, err := s.model(in.GetModel())
		if err != nil {
			return err
		}
		units, err := unitNames(m, in.GetUnits())
		if err != nil {
			return err
		}
		if in.GetAll() {
			for name := range m.Units {
				if failed(m, name) != nil && !slices.Contains(units, name) {
					units = append(units, name)
				}
			}
		}
		if len(units) == 0 && !in.GetAll() {
			return errs.E(errs.Invalid, "cannot resolve: no unit was named; name units, or say --all")
		}
		var bad problems
		for _, name := range units {
			p := failed(m, name)
			if p == nil {
				bad.add(errs.E(errs.Conflict, "cannot resolve unit %q: it is not in error", name))
				continue
			}
			e.saw(store.In(m.UUID, key.OfUnit(key.State, name)), m.States[name].Mod)
			e.put(store.In(m.UUID, key.OfUnit(key.Resolved, name)), m.Resolved[name].Mod,
				&controllerv1.Resolved{EventId: p.GetEvent().GetId(), Attempt: p.GetAttempt(), Retry: !in.GetNoRetry()})
		}
		resp.Units = units
		slices.Sort(resp.Units)
		return bad.err()
	})
	return connect.NewResponse(resp), err
}

// failed is the event that holds a unit in error, nil if none does.
func failed(m *snapshot.Model, unit string) *controllerv1.Pending {
	if p := m.States[unit].Value.GetCursor().GetPending(); p.GetStep() == "failed" {
		return p
	}
	if p := m.States[unit].Value.GetCursor().GetSuspended(); p.GetStep() == "failed" {
		return p
	}
	return nil
}
