package agenttest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Begin records an event or a task.
func (s *Store) Begin(req *controllerv1.BeginRequest) *controllerv1.CommitResponse {
	return s.once("Begin", req.CommitId, req.Guard, func() string {
		if req.Task != "" && s.get(key.Named(key.Task, req.Task)).GetTask().GetStatus() != "pending" {
			return "the task is not pending"
		}
		return ""
	}, func() {
		s.state(req.Guard, req.CommitId, req.Cursor, req.Members)
		if req.Task != "" {
			s.editTask(req.Task, func(t *controllerv1.Task) { t.Status = "running" })
		}
	})
}

// Commit writes what an event did, or nothing.
func (s *Store) Commit(req *controllerv1.CommitRequest) *controllerv1.CommitResponse {
	unit := req.Guard.Unit
	refuse := func() string {
		cs := req.GetDone().GetChangeset()
		if errs := hook.Validate(cs, req.Event); cs != nil && len(errs) > 0 {
			return "invalid: " + errs[0].Error()
		}
		lead := s.get(key.OfApp(key.Lead, key.AppOf(unit)))
		if LeaderWrites(cs) && (lead.GetLead().GetUnit() != unit || lead.CreateRevision != req.Guard.LeaderTerm) {
			return "denied: " + unit + " is not the leader any more"
		}
		return ""
	}
	return s.once("Commit", req.CommitId, req.Guard, refuse, func() {
		s.state(req.Guard, req.CommitId, req.Cursor, req.Members)
		if f := req.GetFailed(); f != nil {
			s.fail(req, f)
		} else {
			s.done(req)
		}
		if req.ResolvedUsed {
			s.Delete(key.OfUnit(key.Resolved, unit))
		}
	})
}

// LeaderWrites says whether a changeset has anything that only a leader may write.
func LeaderWrites(cs *hookv1.Changeset) bool {
	return cs.GetAppStatus() != nil || len(cs.GetLeaderSettings()) > 0 || hook.LeaderSecrets(cs) ||
		slices.ContainsFunc(cs.GetBags(), func(b *hookv1.BagWrite) bool { return b.App })
}

// once answers a commit id that was answered before with the same answer, and guards the rest.
func (s *Store) once(call, id string, g *controllerv1.Guard, refuse func() string, write func()) *controllerv1.CommitResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[call]++
	if had := s.answers[id]; had != nil {
		return s.written(had, g.Unit)
	}
	if r := s.guard(g); r != nil {
		return &controllerv1.CommitResponse{Revision: s.revision, Refusal: r}
	}
	if why := refuse(); why != "" {
		kind, _, ok := strings.Cut(why, ":")
		if !ok {
			kind = "conflict"
		}
		return &controllerv1.CommitResponse{Revision: s.revision, Refusal: &controllerv1.Refusal{Kind: kind, Message: why}}
	}
	d := s.txn(write)
	resp := &controllerv1.CommitResponse{Revision: d.Revision, Objects: own(d, g.Unit)}
	s.answers[id] = resp
	s.counts[call+" written"]++
	return resp
}

// written is what a controller knows of a commit that it wrote before: not what it deleted.
func (s *Store) written(had *controllerv1.CommitResponse, unit string) *controllerv1.CommitResponse {
	resp := &controllerv1.CommitResponse{Revision: had.Revision, Again: true}
	for _, o := range s.objects {
		if k, err := key.Parse(o.Key); err == nil && (k.Unit == unit || k.Kind == key.Task) {
			resp.Objects = append(resp.Objects, o)
		}
	}
	return resp
}

// own keeps a unit's own records.
func own(d *controllerv1.Delta, unit string) []*controllerv1.Object {
	var list []*controllerv1.Object
	for _, o := range d.Objects {
		if k, err := key.Parse(o.Key); err == nil && (k.Unit == unit || k.Kind == key.Task) {
			list = append(list, o)
		}
	}
	return list
}

func (s *Store) guard(g *controllerv1.Guard) *controllerv1.Refusal {
	state, inc := s.get(key.OfUnit(key.State, g.Unit)), s.get(key.OfUnit(key.Incarnation, g.Unit))
	switch {
	case g.Epoch != s.epoch:
		return &controllerv1.Refusal{Kind: "epoch", Message: "the store began another life"}
	case state.ModRevision != g.StateRevision:
		return &controllerv1.Refusal{Kind: "conflict", Message: fmt.Sprintf("the state is at %d, not %d", state.ModRevision, g.StateRevision)}
	case inc.GetIncarnation().GetId() != g.Incarnation:
		return &controllerv1.Refusal{Kind: "conflict", Message: "another incarnation"}
	}
	return nil
}

// state writes the cursor and the blocks of members beside it.
func (s *Store) state(g *controllerv1.Guard, id string, c *controllerv1.Cursor, blocks []*controllerv1.MemberBlock) {
	s.Put(key.OfUnit(key.State, g.Unit), &controllerv1.Object{Value: &controllerv1.Object_UnitState{
		UnitState: &controllerv1.UnitState{Cursor: proto.CloneOf(c), CommitId: id}}})
	for _, b := range blocks {
		k := key.MembersOf(g.Unit, b.RelationId, b.Block)
		if len(b.Members) == 0 {
			s.Delete(k)
			continue
		}
		s.Put(k, &controllerv1.Object{Value: &controllerv1.Object_Members{Members: proto.CloneOf(b)}})
	}
}

func (s *Store) fail(req *controllerv1.CommitRequest, f *controllerv1.CommitFailed) {
	if id := req.Event.TaskId; id != "" {
		s.editTask(id, func(t *controllerv1.Task) {
			aborting := t.Status == api.TaskAborting
			t.Results, t.Stdout, t.Stderr = f.Results, f.Stdout, f.Stderr
			if t.Status, t.Message, t.ExitCode = api.TaskFailed, f.Message, f.ExitCode; aborting {
				t.Status = api.TaskAborted
			}
		})
		return
	}
	s.status(req.Guard.Unit, func(st *controllerv1.UnitStatus) {
		st.Error = &hookv1.Status{Current: "error", Message: f.Message}
	})
}

func (s *Store) editTask(id string, edit func(*controllerv1.Task)) {
	t := proto.CloneOf(s.get(key.Named(key.Task, id)).GetTask())
	if t == nil {
		return
	}
	edit(t)
	s.Put(key.Named(key.Task, id), taskRecord(t))
}

func (s *Store) status(unit string, edit func(*controllerv1.UnitStatus)) {
	st := proto.CloneOf(s.get(key.OfUnit(key.Status, unit)).GetUnitStatus())
	if st == nil {
		st = &controllerv1.UnitStatus{}
	}
	edit(st)
	s.Put(key.OfUnit(key.Status, unit), &controllerv1.Object{Value: &controllerv1.Object_UnitStatus{UnitStatus: st}})
}

func (s *Store) writeBag(id int32, owner string, set map[string]string) {
	k := key.AppBag(id, owner)
	if strings.Contains(owner, "/") {
		k = key.UnitBag(id, owner)
	}
	bag := proto.CloneOf(s.get(k).GetBag())
	if bag == nil {
		bag = &controllerv1.Bag{}
	}
	if bag.Values == nil {
		bag.Values = map[string]string{}
	}
	maps.Copy(bag.Values, set)
	maps.DeleteFunc(bag.Values, func(_, v string) bool { return v == "" })
	bag.Version++
	s.Put(k, &controllerv1.Object{Value: &controllerv1.Object_Bag{Bag: bag}})
}

// done writes a changeset and what the kind of event does to the model.
func (s *Store) done(req *controllerv1.CommitRequest) {
	unit, cs, ev := req.Guard.Unit, req.GetDone().GetChangeset(), req.Event
	if st := s.get(key.OfUnit(key.Status, unit)).GetUnitStatus(); cs.GetUnitStatus() != nil || st.GetError() != nil && ev.TaskId == "" {
		s.status(unit, func(st *controllerv1.UnitStatus) {
			st.Error = nil
			if cs.GetUnitStatus() != nil {
				st.Workload = cs.UnitStatus
			}
		})
	}
	for _, b := range cs.GetBags() {
		owner := unit
		if b.App {
			owner = key.AppOf(unit)
		}
		s.writeBag(b.RelationId, owner, b.Set)
	}
	if len(cs.GetStateSet()) > 0 {
		s.Put(key.OfUnit(key.CharmState, unit), &controllerv1.Object{Value: &controllerv1.Object_CharmState{
			CharmState: &controllerv1.CharmState{Values: cs.StateSet}}})
	}
	s.effects(unit, ev)
	if ev.TaskId != "" {
		s.editTask(ev.TaskId, func(t *controllerv1.Task) {
			t.Status, t.ExitCode, t.Results = "completed", req.GetDone().ExitCode, cs.GetAction().GetResults()
			if cs.GetAction().GetFailed() {
				t.Status, t.Message = "failed", cs.Action.Message
			}
		})
	}
}

// effects are what an event's end means for the model.
func (s *Store) effects(unit string, ev *hookv1.Event) {
	switch ev.Kind {
	case api.EventRelationCreated:
		s.Put(key.ScopeOf(ev.RelationId, unit), &controllerv1.Object{Value: &controllerv1.Object_Scope{Scope: &controllerv1.Scope{}}})
		s.writeBag(ev.RelationId, unit, map[string]string{"ingress-address": "10.0.0.1"})
	case api.EventRelationBroken:
		s.leave(ev.RelationId, unit)
	case api.EventStorageDetaching:
		s.storage(ev.StorageId, func(st *controllerv1.StorageInstance) { st.Owner, st.Attached, st.Status = "", "", "detached" })
	case api.EventRemove:
		u := proto.CloneOf(s.get(key.OfUnit(key.Unit, unit)).GetUnit())
		u.Life = controllerv1.Life_LIFE_DEAD
		s.Put(key.OfUnit(key.Unit, unit), unitRecord(u))
		s.Delete(key.OfUnit(key.Incarnation, unit))
		for _, r := range s.relations(key.AppOf(unit)) {
			s.leave(r.Id, unit)
		}
		if s.get(key.OfApp(key.Lead, key.AppOf(unit))).GetLead().GetUnit() == unit {
			s.Delete(key.OfApp(key.Lead, key.AppOf(unit)))
		}
	}
}

func (s *Store) leave(id int32, unit string) {
	s.Delete(key.ScopeOf(id, unit))
	if r := s.get(key.OfRelation(id)).GetRelation(); r != nil {
		s.sweep(r)
	}
}
