package abi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
)

// Calls answers one event's host calls.
type Calls struct {
	hook       *hook.Context
	host       hook.Host
	supervisor Supervisor
	outside    Outside
	handlers   map[Function]handler // made with the first call; most events make none
	count      int32
}

// NewCalls answers from the event's context. What the context cannot know goes to host, requests for a container to
// supervisor; either may be nil, then such calls are answered with an error.
func NewCalls(h *hook.Context, host hook.Host, supervisor Supervisor) *Calls {
	return &Calls{hook: h, host: host, supervisor: supervisor}
}

// Count is how many calls were made.
func (c *Calls) Count() int32 { return c.count }

type handler func(ctx context.Context, c *Calls, request []byte) (any, error)

// Call answers one call: {"ok": value}, {"error": {"class": …, "message": …}}, or nothing for a success without a value.
func (c *Calls) Call(ctx context.Context, f Function, request []byte) []byte {
	if c.count++; c.handlers == nil {
		c.handlers = handlers()
	}
	handle := c.handlers[f]
	if handle == nil {
		return failure(errs.E(errs.Unsupported, "cannot call %s: there is no such function", f))
	}
	value, err := handle(ctx, c, request)
	if err != nil {
		return failure(err)
	}
	if value == nil {
		return nil
	}
	answer, err := json.Marshal(map[string]any{"ok": value})
	if err != nil {
		return failure(errs.E(errs.Internal, "cannot answer %s: %w", f, err))
	}
	return answer
}

func failure(err error) []byte {
	answer, marshalErr := json.Marshal(map[string]any{"error": map[string]string{
		"class": errs.Class(err).String(), "message": err.Error()}})
	if marshalErr != nil { // strings always marshal
		return []byte(`{"error":{"class":"INTERNAL","message":"cannot write the answer"}}`)
	}
	return answer
}

// read decodes a request strictly; an empty one is {}.
func read(request []byte, into any) error {
	if len(bytes.TrimSpace(request)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(request))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return errs.E(errs.Invalid, "cannot read the request: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errs.E(errs.Invalid, "cannot read the request: more text follows the object")
	}
	return nil
}

func logLine(_ context.Context, c *Calls, request []byte) (any, error) {
	var in struct{ Level, Message string }
	if err := read(request, &in); err != nil {
		return nil, err
	}
	c.hook.Log(in.Level, in.Message)
	return nil, nil
}

func setStatus(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		Current, Message string
		App              bool
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	if in.App {
		return nil, c.hook.SetAppStatus(ctx, in.Current, in.Message)
	}
	return nil, c.hook.SetUnitStatus(in.Current, in.Message)
}

func logAction(_ context.Context, c *Calls, request []byte) (any, error) {
	var in struct{ Message string }
	if err := read(request, &in); err != nil {
		return nil, err
	}
	return nil, c.hook.LogAction(in.Message)
}

func isLeader(ctx context.Context, c *Calls, request []byte) (any, error) {
	if err := read(request, &struct{}{}); err != nil {
		return nil, err
	}
	return c.hook.IsLeader(ctx)
}

func getBag(ctx context.Context, c *Calls, request []byte) (any, error) {
	var in struct {
		RelationID int32 `json:"relation_id"`
		Owner      string
		App        bool
	}
	if err := read(request, &in); err != nil {
		return nil, err
	}
	return c.hook.Bag(ctx, in.RelationID, in.Owner, in.App || !strings.Contains(in.Owner, "/"))
}

func getGoal(ctx context.Context, c *Calls, request []byte) (any, error) {
	if err := read(request, &struct{}{}); err != nil {
		return nil, err
	}
	goal, err := c.hook.GoalState(ctx)
	if err != nil {
		return nil, err
	}
	text, err := hook.EncodeGoal(goal)
	return json.RawMessage(text), err
}

// ask passes a request to the host as it is.
func ask(operation string) handler {
	return func(ctx context.Context, c *Calls, request []byte) (any, error) {
		if len(bytes.TrimSpace(request)) == 0 {
			request = []byte("{}")
		}
		if !json.Valid(request) || !utf8.Valid(request) {
			return nil, errs.E(errs.Invalid, "cannot read the request: it is not JSON in UTF-8")
		}
		if c.host == nil {
			return nil, errs.E(errs.Unavailable, "cannot call %s: this event runs without a host", operation)
		}
		answer, err := c.host.Call(ctx, operation, string(request))
		if err != nil {
			return nil, err
		}
		if !json.Valid([]byte(answer)) {
			return nil, errs.E(errs.Internal, "cannot call %s: the host did not answer JSON", operation)
		}
		return json.RawMessage(answer), nil
	}
}
