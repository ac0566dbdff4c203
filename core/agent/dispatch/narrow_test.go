package dispatch_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

const ownSecret = "aaaaaaaaaaaaaaaaaaa0"

// narrowly is a dispatcher whose charm says what it sees of its endpoints store (relation 1, with db) and cache (relation 2,
// with redis), and a job in which the charm was told of both. A bag of the first is too large for the view.
func narrowly(t *testing.T, rt dispatch.Runtimes, permissions string) (*dispatch.Dispatcher, dispatch.Job, *library) {
	t.Helper()
	l := &library{bags: map[string]*controllerv1.Bag{"db/0": bag("secret", "of db")}, asked: map[string]int{}}
	d, job := runnerWith(t, rt, l, func(context.Context, event.Key) (*hookv1.GoalState, error) {
		member := &hookv1.GoalRelation{Members: map[string]*hookv1.GoalStatus{"x/0": {Status: "active"}}}
		return &hookv1.GoalState{Relations: map[string]*hookv1.GoalRelation{"store": member, "cache": member}}, nil
	})
	file, digest := agenttest.Pack(t, "web", map[string]string{"charm.wasm": "\x00asm\x01\x00\x00\x00",
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\nrequires: {store: {interface: sql}, cache: {interface: kv}}\nextra-bindings: {admin: }\n" + permissions})
	d = dispatch.New(d.With(filepath.Join(t.TempDir(), "charms"), file))
	job.Cursor.CharmDigest, job.Model.Application.Runtime = digest, "wasm"
	own := &controllerv1.Endpoint{Application: "web", Name: "cache", Interface: "kv", Role: "requirer", Scope: "global"}
	remote := &controllerv1.Endpoint{Application: "redis", Name: "kv", Interface: "kv", Role: "provider"}
	job.Model.Relations = append(job.Model.Relations, &source.Relation{ID: 2, Own: own, Remote: remote, Units: []string{"redis/0", "web/1"},
		Record: &controllerv1.Relation{Id: 2, Life: controllerv1.Life_LIFE_ALIVE}, Bags: map[string]*controllerv1.Bag{"redis/0": bag("i", "0")}})
	job.Cursor.Relations[2] = &controllerv1.RelationCursor{Created: true, Endpoint: "cache", RemoteApp: "redis", Members: map[string]uint64{"redis/0": 3}}
	job.Model.Relations[0].Bags["db/0"] = bag("big", strings.Repeat("x", 1<<20))
	job.Model.Secrets = []*controllerv1.Secret{{Id: ownSecret, OwnerKind: "unit", LatestRevision: 1, Access: []*hookv1.SecretAccess{
		{Target: "db", RelationId: 1, Role: "view"}, {Target: "redis", RelationId: 2, Role: "view"}}}}
	return d, job, l
}

// seen is what a view tells of relations, in words.
func seen(ctx context.Context, s *charmruntimev1.Start, h charmruntime.Host) (string, error) {
	var out []string
	for _, r := range s.View.GetRelations() {
		out = append(out, fmt.Sprintf("%s:%d", r.GetEndpoint(), r.GetId()))
	}
	for _, n := range s.View.GetNetworks() {
		out = append(out, "net "+n.GetBinding())
	}
	for _, section := range s.View.GetOnDemand() {
		out = append(out, "later "+section)
	}
	for _, a := range s.View.GetSecrets()[0].GetAccess() {
		out = append(out, "shared with "+a.GetTarget())
	}
	goal, err := hook.New(s.Event, s.View, h).GoalState(ctx)
	for endpoint := range goal.GetRelations() {
		out = append(out, "goal "+endpoint)
	}
	slices.Sort(out)
	return strings.Join(out, ", "), err
}

// TestNarrowedToRelations: a charm sees the relations of the endpoints that it names and no trace of others; without the key
// it sees all, and a charm that is not confined is not held to it.
func TestNarrowedToRelations(t *testing.T) {
	const all = "cache:2, goal cache, goal store, later bag/1/db/0, later goal-state, net admin, net cache, net juju-info, net store, shared with db, shared with redis, store:1"
	for name, c := range map[string]struct{ permissions, runtime, want string }{
		"nothing said": {"", "wasm", all},
		"one": {"permissions: {relations: [cache]}\n", "wasm",
			"cache:2, goal cache, later goal-state, net admin, net cache, shared with redis"},
		"none":         {"permissions: {relations: []}\n", "wasm", "later goal-state, net admin"},
		"both":         {"permissions: {relations: [store, cache, juju-info]}\n", "wasm", all},
		"not confined": {"permissions: {relations: [cache]}\n", "python", all},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			rt := agenttest.NewRuntime(t, func(ctx context.Context, s *charmruntimev1.Start, h charmruntime.Host) (*charmruntimev1.Done, error) {
				var err error
				got, err = seen(ctx, s, h)
				return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, err
			})
			d, job, _ := narrowly(t, rt, c.permissions)
			job.Model.Application.Runtime = c.runtime
			if _, err := d.Run(t.Context(), job); err != nil || got != c.want {
				t.Errorf("it sees\n%s, %v; want\n%s", got, err, c.want)
			}
		})
	}
}

// TestForgedRelations: a charm that guesses the id of a relation that it does not see gets nothing from it and writes
// nothing into it, whichever way it asks, and its runtime neither.
func TestForgedRelations(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *hook.Context, charmruntime.Host) error{
		"the bag": func(ctx context.Context, c *hook.Context, _ charmruntime.Host) error {
			_, err := c.Bag(ctx, 1, "db/0", false)
			return err
		},
		"its own bag": func(ctx context.Context, c *hook.Context, _ charmruntime.Host) error {
			_, err := c.Bag(ctx, 1, "web/1", false)
			return err
		},
		"the bag of the host": func(ctx context.Context, _ *hook.Context, h charmruntime.Host) error {
			_, err := h.Call(ctx, "bag", `{"relation_id":1,"owner":"db/0"}`)
			return err
		},
		"writing": func(ctx context.Context, c *hook.Context, _ charmruntime.Host) error {
			return c.SetBag(ctx, 1, false, map[string]string{"k": "v"})
		},
		"writing the application's": func(ctx context.Context, c *hook.Context, _ charmruntime.Host) error {
			return c.SetBag(ctx, 1, true, map[string]string{"k": "v"})
		},
		"a secret's grant": func(ctx context.Context, c *hook.Context, _ charmruntime.Host) error {
			return c.GrantSecret(ctx, ownSecret, 1, "")
		},
		"the network": func(ctx context.Context, _ *hook.Context, h charmruntime.Host) error {
			_, err := h.Call(ctx, "network", `{"binding":"store"}`)
			return err
		},
	} {
		for permissions, hidden := range map[string]bool{"permissions: {relations: [cache]}\n": true, "": false} {
			t.Run(name+" "+permissions, func(t *testing.T) {
				var got error
				rt := agenttest.NewRuntime(t, func(ctx context.Context, s *charmruntimev1.Start, h charmruntime.Host) (*charmruntimev1.Done, error) {
					got = ask(ctx, hook.New(s.Event, s.View, h), h)
					return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
				})
				d, job, l := narrowly(t, rt, permissions)
				if _, err := d.Run(t.Context(), job); err != nil {
					t.Fatal(err)
				}
				if errs.Is(got, errs.NotFound) != hidden || hidden && len(l.asked) > 0 {
					t.Errorf("answered %v, and the controller was asked for %v", got, l.asked)
				}
			})
		}
	}
}

// TestEventsOfOtherRelations are committed without the charm; those of the others run, and so do replays, on the view that
// the replayed charm may see.
func TestEventsOfOtherRelations(t *testing.T) {
	var ran []string
	rt := &granting{Runtime: agenttest.NewRuntime(t, func(_ context.Context, s *charmruntimev1.Start, _ charmruntime.Host) (*charmruntimev1.Done, error) {
		ran = append(ran, fmt.Sprint(s.Event.Name, len(s.View.GetRelations())))
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
	})}
	d, job, _ := narrowly(t, replaying{rt}, "permissions: {relations: [cache]}\n")
	event := func(endpoint string, id int32, remote string) *hookv1.Event {
		return &hookv1.Event{Id: "2-" + endpoint, Kind: "relation-changed", Name: endpoint + "-relation-changed", RelationId: id, Endpoint: endpoint, RemoteApp: remote}
	}
	for _, c := range []struct {
		ev   *hookv1.Event
		want charmruntimev1.Outcome
	}{{event("store", 1, "db"), charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED}, {event("cache", 2, "redis"), charmruntimev1.Outcome_OUTCOME_OK}} {
		job.Event = c.ev
		r, err := d.Run(t.Context(), job)
		if err != nil || r.Done.Outcome != c.want || !r.Started {
			t.Errorf("%s: %v %v", c.ev.Name, r.Done, err)
		}
		recorded := &charmruntimev1.Start{Event: c.ev, View: &hookv1.View{Unit: &hookv1.UnitView{Name: "web/1"}, Relations: []*hookv1.RelationView{{Id: 1, Endpoint: "store"}, {Id: 2, Endpoint: "cache"}}}}
		done, err := d.Replay(t.Context(), dispatch.Again{Key: job.Key, Model: job.Model, Charm: job.Cursor.CharmDigest, Runtime: "wasm", Start: recorded})
		if err != nil || done.GetOutcome() != c.want || len(recorded.View.Relations) != 2 {
			t.Errorf("%s replayed: %v %v, of a view with %d relations", c.ev.Name, done, err, len(recorded.View.Relations))
		}
	}
	if want := []string{"cache-relation-changed1", "cache-relation-changed1"}; !slices.Equal(ran, want) {
		t.Errorf("ran %v, want %v", ran, want)
	}
}

// replaying is a runtime that can replay.
type replaying struct{ *granting }

func (r replaying) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return r, func() {}, nil
}

func (replaying) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "wasm", Capabilities: []string{"replay"}}, nil
}
