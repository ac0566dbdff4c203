// Package charmtest runs a charm natively, without an agent and without WASM: the model is a view that the test fills, the
// containers are fakes that remember, and the rules that a charm meets are those of the runtime.
//
//	h := charmtest.New(t, newCharm())
//	h.Config("port", 4222)
//	h.Container("nats")
//	h.OK(charmtest.Hook(charm.ConfigChanged))
//	h.Status("active", "")
//
// A successful event's writes are applied to the view, so that events told one after the other are a story.
package charmtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

// Harness is one unit and what it sees. The view may be changed between events.
type Harness struct {
	View    *hookv1.View
	Log     []string          // "INFO text", of all events; an action's own lines too
	Calls   []string          // functions that the charm called, of all events
	Answers map[string]string // what the host answers to operations such as "resource", JSON
	Trace   []Step            // all events, as vectors of sdk/wasm/vectors
	// Outside is what the charm reaches beyond the model; nil = such calls are answered with UNSUPPORTED. Package
	// sdk/wasm/outside has the real one.
	Outside abi.Outside

	secrets    map[string][]map[string][]byte // revisions of contents by id
	t          testing.TB
	charm      *charm.Charm
	containers Containers
	events     int
}

// New makes a harness for unit UNIT/0 of a charm, where UNIT is "app".
func New(t testing.TB, c *charm.Charm) *Harness {
	return &Harness{t: t, charm: c, containers: Containers{}, secrets: map[string][]map[string][]byte{}, Answers: map[string]string{}, View: &hookv1.View{
		Revision:    1,
		Model:       &hookv1.ModelView{Name: "test", Uuid: "00000000-0000-4000-8000-000000000001", JujuVersion: "3.6.14"},
		Unit:        &hookv1.UnitView{Name: "app/0", Life: "alive", PrivateAddress: "10.0.0.5"},
		Application: &hookv1.ApplicationView{Name: "app", Life: "alive"},
		Config:      map[string]*hookv1.ConfigValue{},
	}}
}

// Config sets an option: a string, int, float64 or bool.
func (h *Harness) Config(option string, value any) {
	h.t.Helper()
	v := &hookv1.ConfigValue{}
	switch x := value.(type) {
	case string:
		v.Value = &hookv1.ConfigValue_StringValue{StringValue: x}
	case int:
		v.Value = &hookv1.ConfigValue_IntValue{IntValue: int64(x)}
	case float64:
		v.Value = &hookv1.ConfigValue_FloatValue{FloatValue: x}
	case bool:
		v.Value = &hookv1.ConfigValue_BoolValue{BoolValue: x}
	default:
		h.t.Fatalf("cannot set option %s to a %T; allowed are string, int, float64, bool", option, value)
	}
	h.View.Config[option] = v
}

// Leader says whether the unit leads its application.
func (h *Harness) Leader(leads bool) {
	h.View.Leadership = &hookv1.Leadership{Leader: leads, SecondsLeft: 60, Term: 1}
}

// Container adds a container whose supervisor answers, and returns its fake.
func (h *Harness) Container(name string) *Container {
	h.View.Containers = append(h.View.Containers, &hookv1.ContainerView{Name: name, Socket: "/run/test/" + name + "/pebble.socket"})
	h.containers[name] = newContainer()
	return h.containers[name]
}

// Relation adds a relation with a remote application and returns it; Join adds its units.
func (h *Harness) Relation(endpoint, remoteApp string) *hookv1.RelationView {
	r := &hookv1.RelationView{Id: int32(len(h.View.GetRelations()) + 1), Endpoint: endpoint, RemoteApp: remoteApp, Life: "alive",
		LocalUnit: map[string]string{}, LocalApp: map[string]string{}, LocalAppReadable: true}
	h.View.Relations = append(h.View.Relations, r)
	return r
}

// Join adds a remote unit and its databag to a relation.
func Join(r *hookv1.RelationView, unit string, bag map[string]string) {
	r.Members = append(r.Members, &hookv1.MemberView{Unit: unit, Bag: bag, Version: 1})
}

// Hook is an event that is known by its name alone.
func Hook(name string) *hookv1.Event { return &hookv1.Event{Kind: name, Name: name} }

// OfRelation is an event of a relation: kind is "relation-changed" and so on; unit is "" for created and broken.
func OfRelation(r *hookv1.RelationView, kind, unit string) *hookv1.Event {
	return &hookv1.Event{Kind: kind, Name: r.GetEndpoint() + "-" + kind, RelationId: r.GetId(), Endpoint: r.GetEndpoint(),
		RemoteApp: r.GetRemoteApp(), RemoteUnit: unit}
}

// Action is an action with its parameters as JSON.
func Action(name, params string) *hookv1.Event {
	return &hookv1.Event{Kind: "action", Name: name, TaskId: "1", ActionParams: params}
}

// Run runs one event. handled is false when the charm has no handler; err is what a hook's failure would show.
func (h *Harness) Run(event *hookv1.Event) (cs *hookv1.Changeset, handled bool, err error) {
	h.t.Helper()
	h.events++
	if event.Id == "" {
		event.Id = fmt.Sprintf("%d-%s", h.events, event.GetName())
	}
	hctx := hook.New(event, h.View, host{h}, hook.WithClock(func() time.Duration { return 0 }))
	calls := abi.NewCalls(hctx, host{h}, h.containers).Reach(h.Outside)
	step := Step{Name: event.GetName(), Input: hookjson.EncodeEvent(event, h.View), Calls: []Call{}}
	output, err := h.charm.Dispatch(step.Input, func(function string, request []byte) []byte {
		h.Calls = append(h.Calls, function)
		dot := strings.LastIndexByte(function, '.')
		answer := calls.Call(h.t.Context(), abi.Function{Module: function[:dot], Name: function[dot+1:]}, slices.Clone(request))
		step.Calls = append(step.Calls, newCall(function, request, answer))
		return answer
	})
	h.Trace = append(h.Trace, step.end(output, err))
	if err != nil || output == nil {
		return nil, output != nil, err
	}
	cs, err = abi.Finish(h.t.Context(), hctx, output)
	if err != nil {
		return nil, true, err
	}
	h.apply(cs)
	return cs, true, nil
}

// OK runs one event that must be handled without an error.
func (h *Harness) OK(event *hookv1.Event) *hookv1.Changeset {
	h.t.Helper()
	cs, handled, err := h.Run(event)
	if err != nil || !handled {
		h.t.Fatalf("%s: handled %v, error %v", event.GetName(), handled, err)
	}
	return cs
}

// Status compares the unit's status.
func (h *Harness) Status(current, message string) {
	h.t.Helper()
	if s := h.View.GetUnit().GetWorkloadStatus(); s.GetCurrent() != current || s.GetMessage() != message {
		h.t.Errorf("status is %s %q, want %s %q", s.GetCurrent(), s.GetMessage(), current, message)
	}
}

// apply commits a changeset to the view.
func (h *Harness) apply(cs *hookv1.Changeset) {
	v := h.View
	if cs.GetUnitStatus() != nil {
		v.Unit.WorkloadStatus = cs.GetUnitStatus()
	}
	if cs.GetAppStatus() != nil {
		v.Application.Status = cs.GetAppStatus()
	}
	if cs.WorkloadVersion != nil {
		v.Application.WorkloadVersion = cs.GetWorkloadVersion()
	}
	for _, b := range cs.GetBags() {
		for _, r := range v.GetRelations() {
			switch {
			case r.GetId() != b.GetRelationId():
			case b.GetApp():
				r.LocalApp = merged(r.GetLocalApp(), b.GetSet())
			default:
				r.LocalUnit = merged(r.GetLocalUnit(), b.GetSet())
			}
		}
	}
	v.Ports = hook.ApplyPorts(v.GetPorts(), cs.GetOpenPorts(), cs.GetClosePorts())
	if v.CharmState == nil {
		v.CharmState = map[string]string{}
	}
	maps.Copy(v.CharmState, cs.GetStateSet())
	for _, key := range cs.GetStateDelete() {
		delete(v.CharmState, key)
	}
	v.LeaderSettings = merged(v.GetLeaderSettings(), cs.GetLeaderSettings())
	h.applySecrets(cs)
}

func merged(base, set map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, base)
	for k, value := range set {
		if value == "" {
			delete(out, k)
		} else {
			out[k] = value
		}
	}
	return out
}

// host is the agent of the harness.
type host struct{ h *Harness }

func (o host) Call(_ context.Context, operation, request string) (string, error) {
	if operation == "secret-get" && o.h.Answers[operation] == "" {
		return o.h.getSecret(request)
	}
	if answer, ok := o.h.Answers[operation]; ok {
		return answer, nil
	}
	return "", errs.E(errs.NotFound, "cannot answer %s: set Answers[%q]", operation, operation)
}

func (o host) Immediate(what *charmruntimev1.Immediate) {
	for _, line := range []*charmruntimev1.LogLine{what.GetLog(), what.GetActionLog()} {
		if line != nil {
			o.h.Log = append(o.h.Log, line.GetLevel()+" "+line.GetMessage())
		}
	}
}
