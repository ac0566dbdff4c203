package commit

import (
	"maps"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// begin drafts a Begin.
func (d *draft) begin(req *controllerv1.BeginRequest) *controllerv1.Refusal {
	if refusal := d.cursor(req.GetCursor(), req.GetMembers(), d.last()); refusal != nil {
		return refusal
	}
	if req.GetCursor().GetPending() == nil {
		return refuse(Invalid, "", "a Begin must say what is pending")
	}
	if req.GetTask() == "" {
		return nil
	}
	k := key.Named(key.Task, req.GetTask())
	t := merge[*controllerv1.Task](d, k)
	if t.Unit != d.guard.Unit {
		return refuse(Denied, k.String(), "task %s is not unit %s's", req.GetTask(), d.guard.Unit)
	}
	if t.Status != api.TaskPending {
		return refuse(Conflict, k.String(), "task %s is %s, not pending", req.GetTask(), t.Status)
	}
	t.Status, t.Started = api.TaskRunning, d.stamp()
	d.put(k, t)
	return nil
}

// commit drafts a Commit.
func (d *draft) commit(req *controllerv1.CommitRequest) *controllerv1.Refusal {
	if req.GetEvent().GetId() == "" {
		return refuse(Invalid, "", "a commit must name its event")
	}
	last := &controllerv1.Ended{EventId: req.GetEvent().GetId(), Attempt: req.GetEvent().GetAttempt(), AtUnixNano: d.now.UnixNano()}
	if refusal := d.cursor(req.GetCursor(), req.GetMembers(), last); refusal != nil {
		return refusal
	}
	if req.GetResolvedUsed() {
		d.delete(key.OfUnit(key.Resolved, d.guard.Unit))
	}
	switch outcome := req.GetOutcome().(type) {
	case *controllerv1.CommitRequest_Done:
		if refusal := d.stateFiles(outcome.Done.GetStateFiles(), req.GetCursor()); refusal != nil {
			return refusal
		}
		return d.done(req.GetEvent(), outcome.Done)
	case *controllerv1.CommitRequest_Failed:
		return d.failed(req, outcome.Failed)
	}
	return refuse(Invalid, "", "a commit must be done or failed")
}

// done drafts what a hook wrote and what its event means for the model.
func (d *draft) done(event *hookv1.Event, done *controllerv1.CommitDone) *controllerv1.Refusal {
	cs := done.GetChangeset()
	if cs == nil {
		cs = &hookv1.Changeset{EventId: event.GetId()}
	}
	if found := hook.Validate(cs, event); len(found) > 0 {
		return refuse(Invalid, "", "%v", found[0])
	}
	if refusal := d.storageAdd(cs.GetStorageAdd()); refusal != nil {
		return refusal
	}
	if event.GetKind() == api.EventRelationCreated {
		d.join(event.GetRelationId())
	}
	for _, b := range cs.GetBags() {
		if refusal := d.bag(b); refusal != nil {
			return refusal
		}
	}
	if refusal := d.secrets(event, cs); refusal != nil {
		return refusal
	}
	d.statuses(event, cs)
	d.ports(cs)
	d.payloads(cs)
	d.charmState(cs)
	d.leaderSettings(cs)
	switch event.GetKind() {
	case api.EventRelationBroken:
		d.delete(key.ScopeOf(event.GetRelationId(), d.guard.Unit))
	case api.EventStorageAttached:
		d.storageAttached(event.GetStorageId())
	case api.EventStorageDetaching:
		d.storageDetached(event.GetStorageId())
	case api.EventRemove:
		d.remove()
	case api.EventAction, api.EventExec:
		return d.task(event.GetTaskId(), func(t *controllerv1.Task) { finish(t, done, cs.GetAction()) })
	}
	return nil
}

// join puts the unit into the relation's scope and its addresses into its bag.
func (d *draft) join(relation int32) {
	if r := d.read(key.OfRelation(relation)); r == nil || !d.g.InRelation(relation, key.AppOf(d.guard.Unit)) {
		return // it is gone already; the unit will be told that it is broken
	}
	if k := key.ScopeOf(relation, d.guard.Unit); d.entry(k) == nil {
		d.put(k, &controllerv1.Scope{Since: d.stamp()})
		d.clear(relation)
	}
	addresses := value[*controllerv1.Addresses](d.read(key.OfUnit(key.Addresses, d.guard.Unit)))
	d.seed(relation, nil, addresses.GetAddresses())
}

// clear empties the bag of a unit that enters: what it, or an earlier unit of its name, left there is of another time.
func (d *draft) clear(relation int32) {
	k := key.UnitBag(relation, d.guard.Unit)
	if bag := merge[*controllerv1.Bag](d, k); len(bag.Values) > 0 {
		bag.Values = nil
		bag.Version++
		d.put(k, bag)
	}
}

// seed writes the address defaults of a unit's bag. A value that the charm set itself stays.
func (d *draft) seed(relation int32, old, addresses []string) {
	k := key.UnitBag(relation, d.guard.Unit)
	bag := merge[*controllerv1.Bag](d, k)
	was, is := hook.BagDefaults(old), hook.BagDefaults(addresses)
	set := map[string]string{}
	for name, v := range is {
		if have, ok := bag.Values[name]; !ok || have == was[name] {
			set[name] = v
		}
	}
	if d.entry(k) == nil || changes(bag, set) {
		writeBag(bag, set)
		d.put(k, bag)
	}
}

// changes says whether writing the values would change the bag.
func changes(bag *controllerv1.Bag, set map[string]string) bool {
	for name, v := range set {
		if have, ok := bag.GetValues()[name]; have != v || ok == (v == "") {
			if v != "" || ok {
				return true
			}
		}
	}
	return false
}

// writeBag merges values; an empty one deletes its key. Each write counts.
func writeBag(bag *controllerv1.Bag, set map[string]string) {
	if bag.Values == nil {
		bag.Values = map[string]string{}
	}
	maps.Copy(bag.Values, set)
	maps.DeleteFunc(bag.Values, func(_, v string) bool { return v == "" })
	bag.Version++
}

// bag merges one databag of a changeset. A relation that is gone meanwhile takes its bags along.
func (d *draft) bag(b *hookv1.BagWrite) *controllerv1.Refusal {
	app := key.AppOf(d.guard.Unit)
	if b.GetRelationId() < 1 {
		return refuse(Invalid, "", "there is no relation %d", b.GetRelationId())
	}
	k := key.UnitBag(b.GetRelationId(), d.guard.Unit)
	if b.GetApp() {
		k = key.AppBag(b.GetRelationId(), app)
	}
	if r := d.read(key.OfRelation(b.GetRelationId())); r == nil {
		return nil
	}
	if !d.g.InRelation(b.GetRelationId(), app) {
		return refuse(Denied, k.String(), "unit %s is not in relation %d", d.guard.Unit, b.GetRelationId())
	}
	bag := merge[*controllerv1.Bag](d, k)
	if changes(bag, b.GetSet()) {
		writeBag(bag, b.GetSet())
		d.put(k, bag)
	}
	return nil
}

// remove is the unit's end: dead, without an incarnation, out of every relation, leader no more.
func (d *draft) remove() {
	unit := d.guard.Unit
	k := key.OfUnit(key.Unit, unit)
	u := merge[*controllerv1.Unit](d, k)
	u.Life = controllerv1.Life_LIFE_DEAD
	d.put(k, u)
	d.delete(key.OfUnit(key.Incarnation, unit))
	for _, relation := range d.g.Relations(key.AppOf(unit)) {
		d.delete(key.ScopeOf(relation, unit))
	}
	lead := key.OfApp(key.Lead, key.AppOf(unit))
	if value[*controllerv1.Lead](d.read(lead)).GetUnit() == unit {
		d.delete(lead)
	}
}

// task changes the unit's task.
func (d *draft) task(id string, change func(*controllerv1.Task)) *controllerv1.Refusal {
	k := key.Named(key.Task, id)
	if d.read(k) == nil {
		return nil // its model's history was cleared; nobody waits for it
	}
	t := merge[*controllerv1.Task](d, k)
	if t.Unit != d.guard.Unit {
		return refuse(Denied, k.String(), "task %s is not unit %s's", id, d.guard.Unit)
	}
	t.Completed = d.stamp()
	change(t)
	d.put(k, t)
	return nil
}

// finish records how a task ended.
func finish(t *controllerv1.Task, done *controllerv1.CommitDone, action *hookv1.ActionResult) {
	t.Status, t.Message = ended(t, action.GetFailed()), done.GetMessage()
	t.ExitCode, t.Stdout, t.Stderr = done.GetExitCode(), done.GetStdout(), done.GetStderr()
	t.Results = action.GetResults()
	if action.GetMessage() != "" {
		t.Message = action.GetMessage()
	}
}

// ended is the state of a task that has ended. One that was cancelled too late to be kept from its work completed it.
func ended(t *controllerv1.Task, failed bool) string {
	switch {
	case !failed:
		return api.TaskCompleted
	case t.Status == api.TaskAborting:
		return api.TaskAborted
	}
	return api.TaskFailed
}

// failed drafts a hook's failure: only the cursor's pending part and the error status, or the end of a task.
func (d *draft) failed(req *controllerv1.CommitRequest, f *controllerv1.CommitFailed) *controllerv1.Refusal {
	event := req.GetEvent()
	if event.GetTaskId() != "" {
		return d.task(event.GetTaskId(), func(t *controllerv1.Task) {
			t.Status, t.Message, t.ExitCode = ended(t, true), f.GetMessage(), f.GetExitCode()
			t.Results, t.Stdout, t.Stderr = f.GetResults(), f.GetStdout(), f.GetStderr()
		})
	}
	k := key.OfUnit(key.Status, d.guard.Unit)
	st := merge[*controllerv1.UnitStatus](d, k)
	st.Error = &hookv1.Status{Current: api.StatusError, Message: `hook failed: "` + event.GetName() + `"`, Since: d.stamp(),
		Data: map[string]string{"hook": event.GetName(), "event": event.GetId(), "reason": f.GetMessage()}}
	if event.GetRemoteApp() != "" {
		st.Error.Data["remote"] = strings.TrimSuffix(event.GetRemoteApp()+" "+event.GetRemoteUnit(), " ")
	}
	d.put(k, st)
	return nil
}

// stamp is now, as records hold times.
func (d *draft) stamp() string { return d.now.UTC().Format(time.RFC3339) }
