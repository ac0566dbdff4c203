package agents_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// probe is one call with names that may not be the caller's. It gives a refusal as an error.
type probe func(ctx context.Context, h *holder, uuid, unit string) error

// probes has a row for each call; a call without one fails the test.
func probes() map[string]probe {
	return map[string]probe{
		"Join": func(ctx context.Context, h *holder, _, _ string) error {
			_, err := h.rpc.Join(ctx, &controllerv1.JoinRequest{Token: "guess", Csr: h.csr(), Agent: "a"})
			return err
		},
		"Renew": func(ctx context.Context, h *holder, _, _ string) error {
			other := h.c.stranger("x")
			_, err := h.rpc.Renew(ctx, &controllerv1.RenewRequest{Csr: other.csr()})
			return err
		},
		"Watch": func(ctx context.Context, h *holder, uuid, unit string) error {
			stream, err := h.rpc.Watch(ctx, &controllerv1.WatchRequest{Incarnation: "i-" + h.id})
			if err != nil {
				return err
			}
			d, err := stream.Recv()
			if err != nil {
				return plugin.FromStatus(err)
			}
			for _, o := range d.Objects {
				if o.Model == uuid && o.Key == key.OfUnit(key.State, unit).String() {
					return nil // it was told another's
				}
			}
			return errs.E(errs.Denied, "was not told")
		},
		"Begin": func(ctx context.Context, h *holder, uuid, unit string) error {
			resp, err := h.rpc.Begin(ctx, &controllerv1.BeginRequest{Guard: guard(h, uuid, unit), CommitId: strings.Repeat("0", 32), Cursor: &controllerv1.Cursor{Pending: &controllerv1.Pending{}}})
			return refusal(resp, err)
		},
		"Commit": func(ctx context.Context, h *holder, uuid, unit string) error {
			resp, err := h.rpc.Commit(ctx, &controllerv1.CommitRequest{Guard: guard(h, uuid, unit), CommitId: strings.Repeat("0", 32), Cursor: &controllerv1.Cursor{},
				Event: &hookv1.Event{Id: "1-start", Kind: "start"}, Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{}}})
			return refusal(resp, err)
		},
		"Lead": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, term := h.c.leader(uuid, "web")
			resp, err := h.rpc.Lead(ctx, &controllerv1.LeadRequest{Terms: []*controllerv1.LeadTerm{{Model: uuid, Application: key.AppOf(unit), Unit: unit, Term: term}}})
			if err == nil && resp.Promises[0].Seconds == 0 {
				err = errs.E(errs.Denied, "no promise")
			}
			return err
		},
		"Immediate": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.Immediate(ctx, &controllerv1.ImmediateRequest{Model: uuid, Unit: unit, EventId: "9-x", N: 1, Status: &hookv1.Status{Current: "active"}})
			return err
		},
		"Report": func(ctx context.Context, h *holder, uuid, unit string) error {
			tag := "unit-" + strings.ReplaceAll(unit, "/", "-")
			_, one := h.rpc.Report(ctx, &controllerv1.ReportRequest{Logs: []*controllerv1.LogRecord{{Model: uuid, Entity: tag}}})
			_, two := h.rpc.Report(ctx, &controllerv1.ReportRequest{States: []*controllerv1.AgentState{{Model: uuid, Unit: unit}}})
			_, three := h.rpc.Report(ctx, &controllerv1.ReportRequest{Journal: []*controllerv1.JournalEntry{{Model: uuid, Unit: unit}}})
			for _, err := range []error{one, two, three} {
				if err == nil {
					return nil
				}
			}
			return one
		},
		"FetchCharm": func(ctx context.Context, h *holder, uuid, unit string) error {
			stream, err := h.rpc.FetchCharm(ctx, &controllerv1.FetchCharmRequest{Model: uuid, Digest: "d-" + key.AppOf(unit) + "-" + uuid})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return plugin.FromStatus(err)
		},
		"ReadBag": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.ReadBag(ctx, &controllerv1.ReadBagRequest{Model: uuid, Reader: unit, RelationId: 2, Owner: unit})
			return err
		},
		"ReadSecret": func(ctx context.Context, h *holder, uuid, unit string) error {
			// on its own behalf another's secret, and another's secret on that one's behalf
			theirs := strings.ReplaceAll(unit, "/", "")
			if unit != "web/0" || uuid != "m1" {
				if _, err := h.rpc.ReadSecret(ctx, &controllerv1.ReadSecretRequest{Model: "m1", Unit: "web/0", Id: secretID("of-" + theirs)}); err == nil {
					return nil
				}
			}
			_, err := h.rpc.ReadSecret(ctx, &controllerv1.ReadSecretRequest{Model: uuid, Unit: unit, Id: secretID("of-" + theirs)})
			if errs.Is(err, errs.NotFound) && strings.Contains(err.Error(), "revision") {
				return nil // it may: the world has records of secrets and no content
			}
			return err
		},
		"EnqueueExec": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.EnqueueExec(ctx, &controllerv1.EnqueueExecRequest{Model: uuid, Unit: unit, Command: []string{"id"}, RequestId: strings.Repeat("e", 32)})
			return err
		},
		"FetchStateFiles": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.FetchStateFiles(ctx, &controllerv1.FetchStateFilesRequest{Model: uuid, Unit: unit})
			return err
		},
		"SetAddresses": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.SetAddresses(ctx, &controllerv1.SetAddressesRequest{Model: uuid, Unit: unit, Incarnation: "i-" + h.id, Addresses: []string{"6.6.6.6"}})
			return err
		},
		"Answer": func(ctx context.Context, h *holder, uuid, unit string) error {
			asked := ""
			h.c.mirror.Read(func(s *model.State) {
				if g := s.Model(uuid); g != nil {
					asked = g.AgentOf(unit)
				}
			})
			_, err := h.rpc.Answer(ctx, &controllerv1.AnswerRequest{Id: h.c.service.Expect(h.c.t.Context(), asked), Number: 1, Last: true})
			return err
		},
		"GoalState": func(ctx context.Context, h *holder, uuid, unit string) error {
			_, err := h.rpc.GoalState(ctx, &controllerv1.GoalStateRequest{Model: uuid, Unit: unit})
			return err
		},
		"FetchResource": func(ctx context.Context, h *holder, uuid, unit string) error {
			stream, err := h.rpc.FetchResource(ctx, &controllerv1.FetchResourceRequest{Model: uuid, Unit: unit, Name: "blob"})
			if err != nil {
				return err
			}
			_, err = stream.Recv()
			return plugin.FromStatus(err)
		},
		"SetStorage": func(ctx context.Context, h *holder, uuid, unit string) error {
			// One's own unit may not speak of another's storage either.
			for _, foreign := range []string{"sdb/0", "none/0"} {
				if _, err := h.rpc.SetStorage(ctx, &controllerv1.SetStorageRequest{Model: uuid, Unit: unit, Incarnation: "i-" + h.id, Storage: foreign, Status: "attached", Location: "/x"}); !errs.Is(plugin.FromStatus(err), errs.Denied) {
					return errs.E(errs.Internal, "storage %s: %v", foreign, err)
				}
			}
			_, err := h.rpc.SetStorage(ctx, &controllerv1.SetStorageRequest{Model: uuid, Unit: unit, Incarnation: "i-" + h.id, Storage: "s" + strings.ReplaceAll(unit, "1", "0"), Status: "attached", Location: "/x"})
			return err
		},
	}
}

func guard(h *holder, uuid, unit string) *controllerv1.Guard {
	g := &controllerv1.Guard{Model: uuid, Unit: unit, Incarnation: "i-" + h.id, Epoch: shared.Epoch()}
	h.c.mirror.Read(func(s *model.State) {
		_, g.StateRevision = model.Get[*controllerv1.UnitState](s.Model(uuid), key.OfUnit(key.State, unit))
	})
	return g
}

func refusal(resp *controllerv1.CommitResponse, err error) error {
	if err == nil && resp.Refusal != nil {
		return errs.E(errs.Denied, "%s: %s", resp.Refusal.Kind, resp.Refusal.Message)
	}
	return err
}

func (c *controller) leader(uuid, app string) (unit string, term int64) {
	c.mirror.Read(func(s *model.State) { unit, term = s.Model(uuid).Leader(app) })
	return unit, term
}

// calls lists every call of the service.
func calls() []string {
	var names []string
	for _, m := range controllerv1.Agents_ServiceDesc.Methods {
		names = append(names, m.MethodName)
	}
	for _, s := range controllerv1.Agents_ServiceDesc.Streams {
		names = append(names, s.StreamName)
	}
	slices.Sort(names)
	return names
}

// TestHostileAgent lets an agent, and a stranger without a certificate, make every call with the names of others.
func TestHostileAgent(t *testing.T) {
	c := start(t)
	c.world()
	a, stranger := c.agent("a"), c.stranger("a")
	rows := probes()
	for _, name := range calls() {
		row, caller := rows[name], authz.CallerOf(name)
		if row == nil || caller == authz.Nobody {
			t.Errorf("call %s has no row here or in authz.CallerOf", name)
			continue
		}
		for _, victim := range []struct{ uuid, unit, what string }{
			{"m1", "web/1", "a peer's"}, {"m1", "db/0", "another application's"}, {"m1", "lonely/0", "a stranger's"}, {"m2", "web/0", "another model's"}, {"none", "web/0", "no model's"},
		} {
			before := c.contents()
			if name == "FetchCharm" && victim.unit == "web/1" {
				continue // the same charm
			}
			if err := row(t.Context(), a, victim.uuid, victim.unit); !errs.Is(err, errs.Denied) && name != "Renew" {
				t.Errorf("%s with %s names: %v, want class Denied", name, victim.what, err)
			}
			if err := row(t.Context(), stranger, victim.uuid, victim.unit); !errs.Is(err, errs.Denied) {
				t.Errorf("%s without a certificate: %v, want class Denied", name, err)
			}
			if after := c.contents(); !maps.Equal(before, after) {
				t.Errorf("%s with %s names wrote", name, victim.what)
			}
		}
		if name != "Join" && name != "Renew" && name != "Lead" {
			if err := row(t.Context(), a, "m1", "web/0"); err != nil {
				t.Errorf("%s with its own names: %v", name, err)
			}
		}
	}
	if err := rows["Renew"](t.Context(), a, "", ""); !errs.Is(err, errs.Invalid) {
		t.Errorf("a certificate for another key: %v", err)
	}
}

// contents is every record with its revision, but for those of agents.
func (c *controller) contents() map[string]int64 {
	c.t.Helper()
	now, err := shared.Range(c.t.Context(), store.EpochKey, store.RangeOptions{})
	if err != nil || c.mirror.WaitRevision(c.t.Context(), now.Revision) != nil {
		c.t.Fatal("the mirror does not follow: ", err)
	}
	out := map[string]int64{}
	c.mirror.Read(func(s *model.State) {
		for _, g := range s.Models() {
			for e := range g.All() {
				out[g.UUID+" "+e.Name] = e.Mod
			}
		}
	})
	return out
}

// right says what unit web/0 of model m1 may do with the records of the world: r read, w write.
func right(k key.Key) string {
	own, peer := k.Unit == "web/0", k.Unit == "web/1"
	switch k.Kind {
	case key.App, key.Charm, key.Model, key.Relation:
		return "r"
	case key.Lead, key.LeaderSettings, key.AppStatus, key.PodSpec: // it leads
		return "rw"
	case key.Status:
		return "r" + map[bool]string{true: "w"}[own] // a leader reads its units'
	case key.Unit, key.Incarnation, key.State, key.Members, key.File, key.Addresses, key.CharmState, key.Ports, key.Resolved,
		key.StateFiles, key.Payloads, key.SecretReader:
		return map[bool]string{true: "rw"}[own]
	case key.Bag:
		switch {
		case own, k.Unit == "" && k.App == "web":
			return "rw"
		case peer && k.Relation == 2:
			return ""
		}
		return "r"
	case key.Scope:
		switch {
		case own:
			return "rw"
		case peer && k.Relation == 2:
			return ""
		}
		return "r"
	case key.Task:
		return map[bool]string{true: "rw"}[k.Name == "t-web0"]
	case key.Secret:
		return map[bool]string{true: "rw"}[k.Name == secretID("of-web0") || k.Name == secretID("of-web")]
	case key.Storage:
		return map[bool]string{true: "r"}[k.Name == "sweb/0"]
	}
	return ""
}

// TestRightsOfEveryKind holds the table of rights against what is said here, for every record of the world.
func TestRightsOfEveryKind(t *testing.T) {
	c := start(t)
	c.world()
	seen := map[key.Kind]bool{key.File: true, key.SecretContent: true, key.Next: true} // values that are no messages lie outside the mirror
	c.mirror.Read(func(s *model.State) {
		g := s.Model("m1")
		for e := range g.All() {
			k := e.Key
			seen[k.Kind] = true
			want := right(k)
			if k.App != "web" && k.App != "" && k.Kind != key.Bag && k.Kind != key.Scope {
				want = ""
			}
			got := ""
			if authz.MayRead(g, "web/0", k) {
				got += "r"
			}
			if authz.MayWrite(g, "web/0", k) {
				got += "w"
			}
			if got != want {
				t.Errorf("web/0 has %q to %s, want %q", got, k, want)
			}
			for _, unit := range []string{"web/7", "none/0", ""} {
				if authz.MayRead(g, unit, k) || authz.MayWrite(g, unit, k) {
					t.Errorf("unit %q, which is not there, has a right to %s", unit, k)
				}
			}
			if agentMay, want := authz.AgentMayRead(g, "a", k), authz.MayRead(g, "web/0", k); agentMay != want {
				t.Errorf("the agent may %v, its one unit %v: %s", agentMay, want, k)
			}
			if authz.MayRead(s.Model("m2"), "web/1", k) || authz.AgentMayRead(s.Model("m2"), "a", k) {
				t.Errorf("a unit of another model has a right to %s", k)
			}
		}
		seen[key.Charm] = true
		if !authz.MayRead(g, "web/0", key.Named(key.Charm, "d-web-m1")) || authz.MayRead(g, "web/0", key.Named(key.Charm, "d-db-m1")) {
			t.Error("charm")
		}
		for id, may := range map[string]bool{"of-web0": true, "of-web": true, "of-web1": false, "of-db": false, "none": false} {
			k := key.ContentOf(secretID(id), 1)
			if authz.MayRead(g, "web/0", k) || authz.MayWrite(g, "web/0", k) != may {
				t.Errorf("content of secret %s: read %v, write %v; want no, %v", id, authz.MayRead(g, "web/0", k), authz.MayWrite(g, "web/0", k), may)
			}
		}
		for _, k := range []key.Key{key.FileOf("web/0", "f", 0), key.Named(key.Next, "relation"), key.Named(key.Operation, "1"), key.Named(key.Pool, "fast")} {
			if got := authz.MayRead(g, "web/0", k); got != (k.Kind == key.File) {
				t.Errorf("web/0 may read %s: %v", k, got)
			}
		}
	})
	for _, kind := range key.Kinds() {
		if !seen[kind] {
			t.Errorf("kind %s has no record in the world", kind)
		}
	}
}

func drain(stream grpc.ServerStreamingClient[controllerv1.Chunk]) (n int, err error) {
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n += len(chunk.Data)
	}
}

// TestHostileAgentOnAFork lets an agent make every call on a fork with the names of others: what is about the world is
// refused, what is about the model is judged as on the model itself, and a fork that is not there is nobody's.
func TestHostileAgentOnAFork(t *testing.T) {
	c := start(t)
	c.world()
	a, stranger := c.agent("a"), c.stranger("a")
	for _, h := range []*holder{a, stranger} {
		h.fork = "f"
		h.dial()
	}
	lost := &holder{c: c, id: a.id, key: a.key, chain: a.chain, fork: "none"}
	lost.dial()
	for name, row := range probes() {
		if name == "Renew" || name == "Join" || name == "Answer" { // of nobody's names
			if err := row(t.Context(), lost, "m1", "web/0"); !errs.Is(err, errs.Denied) {
				t.Errorf("%s on a fork that is not there: %v, want class Denied", name, err)
			}
			continue
		}
		for _, victim := range [][2]string{{"m1", "web/1"}, {"m1", "db/0"}, {"m2", "web/0"}, {"none", "web/0"}} {
			if name == "FetchCharm" && victim[1] == "web/1" {
				continue // the same charm
			}
			for _, h := range []*holder{a, stranger, lost} {
				if err := row(t.Context(), h, victim[0], victim[1]); !errs.Is(err, errs.Denied) && name != "SetStorage" {
					t.Errorf("%s on fork %q with the names of %s in %s: %v, want class Denied", name, h.fork, victim[1], victim[0], err)
				}
			}
		}
		err := row(t.Context(), a, "m1", "web/0")
		if authz.OnFork(name) && err != nil || !authz.OnFork(name) && err == nil {
			t.Errorf("%s on a fork with its own names: %v; a call of forks: %v", name, err, authz.OnFork(name))
		}
	}
}
