package hook

import (
	"fmt"
	"maps"
	"sort"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"google.golang.org/protobuf/proto"
)

// Limits of one changeset. Juju has no limit on the number of databags that a hook may write; these are what one
// transaction of the store bears with room to spare.
const (
	MaxChangesetKeys  = 4000     // databags written, and everything else counted as one
	MaxChangesetBytes = 8 << 20  // encoded
	MaxStateBytes     = 2 << 20  // charm state of one unit
	maxMessageBytes   = 64 << 10 // a status message
)

// Normalize returns the changeset without writes that change nothing against the view, in a fixed order. The argument
// is not changed; view may be nil (then only the order is fixed).
func Normalize(cs *hookv1.Changeset, view *hookv1.View) *hookv1.Changeset {
	out := proto.CloneOf(cs)
	out.Bags = normalBags(out.GetBags(), view)
	if view != nil {
		for k, v := range out.GetStateSet() {
			if old, ok := view.GetCharmState()[k]; ok && old == v {
				delete(out.StateSet, k)
			}
		}
		out.StateDelete = keep(out.GetStateDelete(), func(k string) bool { _, ok := view.GetCharmState()[k]; return ok })
		for k, v := range out.GetLeaderSettings() {
			if view.GetLeaderSettings()[k] == v {
				delete(out.LeaderSettings, k)
			}
		}
		if out.WorkloadVersion != nil && out.GetWorkloadVersion() == view.GetApplication().GetWorkloadVersion() {
			out.WorkloadVersion = nil
		}
	}
	normalSecrets(out)
	sort.Strings(out.StateDelete)
	sortPorts(out.OpenPorts)
	sortPorts(out.ClosePorts)
	sort.SliceStable(out.StorageAdd, func(i, j int) bool { return out.StorageAdd[i].GetName() < out.StorageAdd[j].GetName() })
	return out
}

func keep(in []string, want func(string) bool) []string {
	var out []string
	for _, s := range in {
		if want(s) {
			out = append(out, s)
		}
	}
	return out
}

// normalBags merges writes to the same bag (later ones win), drops values that are already there, and sorts.
func normalBags(bags []*hookv1.BagWrite, view *hookv1.View) []*hookv1.BagWrite {
	type key struct {
		id  int32
		app bool
	}
	merged := map[key]map[string]string{}
	for _, b := range bags {
		k := key{b.GetRelationId(), b.GetApp()}
		if merged[k] == nil {
			merged[k] = map[string]string{}
		}
		maps.Copy(merged[k], b.GetSet())
	}
	var out []*hookv1.BagWrite
	for k, set := range merged {
		for name, v := range set {
			if old, known := ownBag(view, k.id, k.app); known && old[name] == v {
				delete(set, name)
			}
		}
		if len(set) > 0 {
			out = append(out, &hookv1.BagWrite{RelationId: k.id, App: k.app, Set: set})
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].RelationId != out[j].RelationId {
			return out[i].RelationId < out[j].RelationId
		}
		return out[i].App && !out[j].App
	})
	return out
}

// ownBag finds the unit's own bag, or its application's when the view holds it.
func ownBag(view *hookv1.View, id int32, app bool) (map[string]string, bool) {
	for _, r := range view.GetRelations() {
		if r.GetId() != id {
			continue
		}
		if app {
			return r.GetLocalApp(), r.GetLocalAppReadable()
		}
		return r.GetLocalUnit(), true
	}
	return nil, false
}

// Validate checks what can be checked of a changeset without the model: forms, allowed values and size. The runtime
// runs it for a good message, the controller again because it does not trust the agent. Errors are of class Invalid,
// or Exhausted when it is too large.
func Validate(cs *hookv1.Changeset, event *hookv1.Event) []error {
	var found []error
	bad := func(format string, args ...any) { found = append(found, errs.E(errs.Invalid, format, args...)) }
	if cs.GetEventId() != event.GetId() {
		bad("cannot commit changeset: it names event %q, the event that ran is %q", cs.GetEventId(), event.GetId())
	}
	for what, s := range map[string]*hookv1.Status{"unit": cs.GetUnitStatus(), "application": cs.GetAppStatus()} {
		if s == nil {
			continue
		}
		if !api.SettableStatus(s.GetCurrent()) {
			bad("cannot set %s status %q: allowed are active, blocked, maintenance, waiting", what, s.GetCurrent())
		}
		if len(s.GetMessage()) > maxMessageBytes {
			bad("cannot set %s status: its message has %d bytes, allowed are %d", what, len(s.GetMessage()), maxMessageBytes)
		}
	}
	for _, b := range cs.GetBags() {
		for k := range b.GetSet() {
			if k == "" {
				bad("cannot write databag of relation %d: empty key", b.GetRelationId())
			}
		}
	}
	for _, p := range append(append([]*hookv1.PortRange{}, cs.GetOpenPorts()...), cs.GetClosePorts()...) {
		if err := checkPort(p); err != nil {
			found = append(found, err)
		}
	}
	if cs.GetAction() != nil && event.GetKind() != api.EventAction {
		bad("cannot set action results in %s: not running an action", event.GetName())
	}
	found = append(found, checkSecrets(cs)...)
	for _, p := range cs.GetPayloads() {
		if err := checkPayload(p.GetPayload()); err != nil {
			found = append(found, err)
		}
	}
	return append(found, checkSize(cs)...)
}

func checkSize(cs *hookv1.Changeset) []error {
	var found []error
	state := 0
	for k, v := range cs.GetStateSet() {
		state += len(k) + len(v)
	}
	if state > MaxStateBytes {
		found = append(found, errs.E(errs.Exhausted, "cannot commit charm state: %d bytes were set, allowed are %d", state, MaxStateBytes))
	}
	keys, size := len(cs.GetBags())+8, proto.Size(cs)
	if keys > MaxChangesetKeys || size > MaxChangesetBytes {
		found = append(found, errs.E(errs.Exhausted, "cannot commit changeset: %d keys and %d bytes, allowed are %d and %d; largest: %s",
			keys, size, MaxChangesetKeys, MaxChangesetBytes, largest(cs)))
	}
	return found
}

// largest names the three largest databag writes.
func largest(cs *hookv1.Changeset) string {
	bags := append([]*hookv1.BagWrite{}, cs.GetBags()...)
	sort.Slice(bags, func(i, j int) bool { return proto.Size(bags[i]) > proto.Size(bags[j]) })
	var found []string
	for _, b := range bags[:min(3, len(bags))] {
		kind := "unit"
		if b.GetApp() {
			kind = "application"
		}
		found = append(found, fmt.Sprintf("%s databag of relation %d (%d bytes)", kind, b.GetRelationId(), proto.Size(b)))
	}
	if len(found) == 0 {
		return "charm state"
	}
	return strings.Join(found, " ")
}
