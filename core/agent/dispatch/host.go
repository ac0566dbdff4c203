package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Lines are the agent's connections that a running hook may use.
type Lines interface {
	// Lead renews the unit's leadership and says what is left of it in that term, 0 if it leads no more.
	Lead(ctx context.Context, k event.Key, term int64) (time.Duration, error)
	// ReadBag reads a databag at its current revision.
	ReadBag(ctx context.Context, k event.Key, relation int32, owner string) (map[string]string, error)
	// ReadSecret reads a secret's content.
	ReadSecret(ctx context.Context, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error)
	// Immediate and Log never wait for the controller.
	Immediate(req *controllerv1.ImmediateRequest)
	Log(rec *controllerv1.LogRecord)
}

// host answers one running event.
type host struct {
	lines Lines
	goal  func(context.Context, event.Key) (*hookv1.GoalState, error)
	key   event.Key
	ev    *hookv1.Event
	view  *hookv1.View
	n     atomic.Uint64 // of the last thing shown; newHost says where it begins
	shelf *shelf
	// relates says whether the charm sees the relations of an endpoint.
	relates func(endpoint string) bool
}

// newHost is the host of one run of an event. What is shown is counted on from the time: a hook that is run again says
// what comes after what it said the first time.
func newHost(lines Lines, job Job, view *hookv1.View, s *shelf) *host {
	h := &host{lines: lines, key: job.Key, ev: job.Event, view: view, shelf: s}
	h.n.Store(uint64(max(job.Now.UnixMilli(), 0)) << 16)
	return h
}

// Call answers what the view cannot hold.
func (h *host) Call(ctx context.Context, operation, request string) (string, error) {
	switch operation {
	case "is-leader":
		return h.leads(ctx, request)
	case "bag":
		return h.bag(ctx, request)
	case "secret-get":
		return h.secret(ctx, request)
	case "resource":
		return h.shelf.answer(ctx, request)
	case "network":
		return h.network(request)
	case hook.GoalStateSection:
		if h.goal == nil {
			break
		}
		goal, err := h.goal(ctx, h.key)
		if err != nil {
			return "", err
		}
		return hook.EncodeGoal(narrowGoal(h.relates, goal))
	}
	return "", errs.E(errs.Unsupported, "cannot answer %q: this agent does not know the operation", operation)
}

// leads answers true or false; who asks for seconds is told how many are left, so that he can see for himself whether the
// answer came too late.
func (h *host) leads(ctx context.Context, request string) (string, error) {
	var ask struct {
		Seconds bool `json:"seconds"`
	}
	if err := json.Unmarshal([]byte(request), &ask); err != nil && request != "" {
		return "", errs.E(errs.Invalid, "cannot read the request for leadership: %w", err)
	}
	var left time.Duration
	if l := h.view.Leadership; l.GetLeader() {
		var err error
		if left, err = h.lines.Lead(ctx, h.key, l.GetTerm()); err != nil {
			return "", err
		}
	}
	if ask.Seconds {
		return encode(left.Seconds())
	}
	return encode(left > 0)
}

func (h *host) bag(ctx context.Context, request string) (string, error) {
	var ask struct {
		RelationID int32  `json:"relation_id"`
		Owner      string `json:"owner"`
	}
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return "", errs.E(errs.Invalid, "cannot read the request for a databag: %w", err)
	}
	if !slices.ContainsFunc(h.view.GetRelations(), func(r *hookv1.RelationView) bool { return r.GetId() == ask.RelationID }) {
		return "", errs.E(errs.NotFound, "relation not found")
	}
	bag, err := h.lines.ReadBag(ctx, h.key, ask.RelationID, ask.Owner)
	if err != nil {
		return "", err
	}
	return encode(bag)
}

// secret answers secret-get: hook.Context's form of it.
func (h *host) secret(ctx context.Context, request string) (string, error) {
	req := &controllerv1.ReadSecretRequest{Model: h.key.Model, Unit: h.key.Unit}
	ask := struct {
		ID       *string `json:"id"`
		Label    *string `json:"label"`
		Peek     *bool   `json:"peek"`
		Refresh  *bool   `json:"refresh"`
		Revision *int32  `json:"revision"`
	}{&req.Id, &req.Label, &req.Peek, &req.Refresh, &req.Revision}
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return "", errs.E(errs.Invalid, "cannot read the request for a secret: %w", err)
	}
	got, err := h.lines.ReadSecret(ctx, req)
	if err != nil {
		return "", err
	}
	return encode(map[string]any{"id": got.Id, "revision": got.Revision, "content": got.Content, "owned": got.Owned})
}

// named is the request of operations that ask for one thing by its name.
type named struct {
	Name    string `json:"name"`
	Binding string `json:"binding"`
}

func (h *host) network(request string) (string, error) {
	var ask named
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return "", errs.E(errs.Invalid, "cannot read the request for a network: %w", err)
	}
	for _, n := range h.view.Networks {
		if n.Binding == ask.Binding || n.Binding == ask.Name {
			return encode(n)
		}
	}
	return "", errs.E(errs.NotFound, "no network config found for binding %q", ask.Binding+ask.Name)
}

func encode(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", errs.E(errs.Internal, "cannot encode the answer: %w", err)
	}
	return string(data), nil
}

// Immediate passes on what shows before the hook ends.
func (h *host) Immediate(what *charmruntimev1.Immediate) {
	req := &controllerv1.ImmediateRequest{Model: h.key.Model, Unit: h.key.Unit, EventId: h.ev.Id}
	switch w := what.What.(type) {
	case *charmruntimev1.Immediate_Log:
		h.lines.Log(LogRecord(h.key, h.ev, w.Log))
		return
	case *charmruntimev1.Immediate_Status:
		req.Application, req.Status = w.Status.Application, w.Status.Status
		req.LeaderTerm = h.view.Leadership.GetTerm()
	case *charmruntimev1.Immediate_ActionLog:
		req.Task, req.TaskLog = h.ev.TaskId, &controllerv1.TaskLog{Message: w.ActionLog.Message}
	default:
		return // of a newer runtime
	}
	req.N = h.n.Add(1)
	h.lines.Immediate(req)
}

// LogRecord is a line of a hook as the controller keeps it.
func LogRecord(k event.Key, ev *hookv1.Event, line *charmruntimev1.LogLine) *controllerv1.LogRecord {
	module := line.Module
	if module == "" {
		module = event.Module(k.Unit, ev)
	}
	return &controllerv1.LogRecord{Model: k.Model, Entity: api.UnitTag(k.Unit), Module: module,
		Level: line.Level, Message: line.Message, TimeUnixNano: cmp.Or(line.TimeUnixNano, time.Now().UnixNano())}
}
