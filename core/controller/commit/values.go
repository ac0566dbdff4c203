package commit

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// leaderWrites says whether the changeset has anything that only a leader may write.
func leaderWrites(cs *hookv1.Changeset) bool {
	return cs.GetAppStatus() != nil || len(cs.GetLeaderSettings()) > 0 || cs != nil && cs.PodSpec != nil || hook.LeaderSecrets(cs) ||
		slices.ContainsFunc(cs.GetBags(), func(b *hookv1.BagWrite) bool { return b.GetApp() })
}

// statuses drafts the statuses and the workload's version; a hook that is done ends the unit's error.
func (d *draft) statuses(event *hookv1.Event, cs *hookv1.Changeset) {
	k := key.OfUnit(key.Status, d.guard.Unit)
	erred := value[*controllerv1.UnitStatus](d.entry(k)).GetError() != nil && event.GetTaskId() == ""
	if cs.GetUnitStatus() != nil || cs.WorkloadVersion != nil || erred {
		st := merge[*controllerv1.UnitStatus](d, k)
		if erred {
			st.Error = nil
		}
		if cs.WorkloadVersion != nil {
			st.Version = cs.GetWorkloadVersion()
		}
		if cs.GetUnitStatus() != nil {
			st.Workload = d.status(st.Workload, cs.GetUnitStatus())
		}
		d.put(k, st)
	}
	if cs.GetAppStatus() != nil {
		k := key.OfApp(key.AppStatus, key.AppOf(d.guard.Unit))
		st := merge[*controllerv1.ApplicationStatus](d, k)
		st.Status, st.Term = d.status(st.Status, cs.GetAppStatus()), d.guard.LeaderTerm
		d.put(k, st)
	}
}

// status gives a new status the time since which it holds; one that says nothing new stays as it is.
func (d *draft) status(old, set *hookv1.Status) *hookv1.Status {
	set = proto.CloneOf(set)
	if set.Since == "" {
		set.Since = d.stamp()
	}
	if old != nil {
		same := proto.CloneOf(set)
		same.Since = old.Since
		if proto.Equal(old, same) {
			return old
		}
	}
	return set
}

// ports drafts opened and closed ranges; the same range may be open for several endpoints.
func (d *draft) ports(cs *hookv1.Changeset) {
	if len(cs.GetOpenPorts())+len(cs.GetClosePorts()) == 0 {
		return
	}
	k := key.OfUnit(key.Ports, d.guard.Unit)
	p := merge[*controllerv1.Ports](d, k)
	for _, r := range cs.GetClosePorts() {
		p.Ranges = slices.DeleteFunc(p.Ranges, func(have *hookv1.PortRange) bool {
			return sameRange(have, r) && (len(r.GetEndpoints()) == 0 || slices.Equal(have.GetEndpoints(), r.GetEndpoints()))
		})
	}
	for _, r := range cs.GetOpenPorts() {
		if !slices.ContainsFunc(p.Ranges, func(have *hookv1.PortRange) bool { return proto.Equal(have, r) }) {
			p.Ranges = append(p.Ranges, r)
		}
	}
	slices.SortFunc(p.Ranges, compareRanges)
	d.put(k, p)
}

func sameRange(a, b *hookv1.PortRange) bool {
	return a.GetProtocol() == b.GetProtocol() && a.GetFrom() == b.GetFrom() && a.GetTo() == b.GetTo()
}

func compareRanges(a, b *hookv1.PortRange) int {
	if c := strings.Compare(a.GetProtocol(), b.GetProtocol()); c != 0 {
		return c
	}
	if a.GetFrom() != b.GetFrom() {
		return int(a.GetFrom()) - int(b.GetFrom())
	}
	if a.GetTo() != b.GetTo() {
		return int(a.GetTo()) - int(b.GetTo())
	}
	return slices.Compare(a.GetEndpoints(), b.GetEndpoints())
}

// payloads drafts what the unit registered.
func (d *draft) payloads(cs *hookv1.Changeset) {
	if len(cs.GetPayloads()) == 0 {
		return
	}
	k := key.OfUnit(key.Payloads, d.guard.Unit)
	p := merge[*controllerv1.Payloads](d, k)
	p.Payloads = hook.MergePayloads(p.Payloads, cs.GetPayloads())
	d.put(k, p)
}

// charmState drafts state-set and state-delete.
func (d *draft) charmState(cs *hookv1.Changeset) {
	if len(cs.GetStateSet())+len(cs.GetStateDelete()) == 0 {
		return
	}
	k := key.OfUnit(key.CharmState, d.guard.Unit)
	state := merge[*controllerv1.CharmState](d, k)
	if state.Values == nil {
		state.Values = map[string]string{}
	}
	for _, name := range cs.GetStateDelete() {
		delete(state.Values, name)
	}
	maps.Copy(state.Values, cs.GetStateSet())
	d.put(k, state)
}

// leaderSettings drafts leader-set; an empty value deletes.
func (d *draft) leaderSettings(cs *hookv1.Changeset) {
	if len(cs.GetLeaderSettings()) == 0 {
		return
	}
	k := key.OfApp(key.LeaderSettings, key.AppOf(d.guard.Unit))
	settings := merge[*controllerv1.LeaderSettings](d, k)
	bag := &controllerv1.Bag{Values: settings.GetValues(), Version: settings.GetVersion()}
	if changes(bag, cs.GetLeaderSettings()) {
		writeBag(bag, cs.GetLeaderSettings())
		settings.Values, settings.Version = bag.Values, bag.Version
		d.put(k, settings)
	}
}

// sequence is the number in an event's id, "<sequence>-<hook name>"; 0 if it has none.
func sequence(event string) uint64 {
	number, _, _ := strings.Cut(event, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
