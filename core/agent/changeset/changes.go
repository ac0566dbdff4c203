package changeset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/hook"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Changes says, for who reads it, what a changeset would change in the model as the snapshot has it. The contents of
// secrets are left out.
func Changes(s *source.Snapshot, cs *hookv1.Changeset) []*controllerv1.RehearsedChange {
	l := &changes{s: s}
	l.status("status", s.Status.GetWorkload(), cs.GetUnitStatus())
	l.status("application-status", s.AppStatus.GetStatus(), cs.GetAppStatus())
	if cs != nil && cs.WorkloadVersion != nil {
		l.add("version", "", "", s.Status.GetVersion(), cs.GetWorkloadVersion())
	}
	for _, b := range cs.GetBags() {
		l.bag(b)
	}
	for _, p := range cs.GetOpenPorts() {
		l.port(p, "", "open")
	}
	for _, p := range cs.GetClosePorts() {
		l.port(p, "open", "")
	}
	l.values("charm-state", s.CharmState.GetValues(), cs.GetStateSet(), cs.GetStateDelete())
	l.values("leader-settings", s.LeaderSettings.GetValues(), cs.GetLeaderSettings(), nil)
	for _, st := range cs.GetStorageAdd() {
		l.add("storage", st.GetName(), "", "", fmt.Sprintf("%d more", max(st.GetCount(), 1)))
	}
	l.secrets(cs)
	l.rest(cs)
	return l.all
}

type changes struct {
	s   *source.Snapshot
	all []*controllerv1.RehearsedChange
}

// add notes a change; one that changes nothing is none.
func (l *changes) add(kind, target, key, before, after string) {
	if before != after {
		l.all = append(l.all, &controllerv1.RehearsedChange{Kind: kind, Target: target, Key: key, Before: before, After: after})
	}
}

func (l *changes) status(kind string, before, after *hookv1.Status) {
	if after != nil {
		l.add(kind, "", "", statusText(before), statusText(after))
	}
}

// statusText is "blocked: no database".
func statusText(s *hookv1.Status) string {
	if s.GetMessage() == "" {
		return s.GetCurrent()
	}
	return s.GetCurrent() + ": " + s.GetMessage()
}

// bag lists the keys of one databag: "db:3 web/0".
func (l *changes) bag(b *hookv1.BagWrite) {
	owner := l.s.Name
	if b.GetApp() {
		owner = api.ApplicationOf(l.s.Name)
	}
	target, had := strconv.Itoa(int(b.GetRelationId()))+" "+owner, map[string]string{}
	if r := l.s.Relation(b.GetRelationId()); r != nil {
		target, had = r.Own.GetName()+":"+target, r.Bags[owner].GetValues()
	}
	for _, k := range slices.Sorted(maps.Keys(b.GetSet())) {
		l.add("databag", target, k, had[k], b.GetSet()[k])
	}
}

func (l *changes) port(p *hookv1.PortRange, before, after string) {
	l.add("port", hook.FormatPort(p), "", before, after)
}

func (l *changes) values(kind string, had, set map[string]string, gone []string) {
	for _, k := range slices.Sorted(maps.Keys(set)) {
		l.add(kind, "", k, had[k], set[k])
	}
	for _, k := range slices.Sorted(slices.Values(gone)) {
		l.add(kind, "", k, had[k], "")
	}
}

// secrets lists what happens to secrets, by id: never what is in them.
func (l *changes) secrets(cs *hookv1.Changeset) {
	for _, w := range cs.GetSecrets() {
		after := "changed"
		switch {
		case w.GetCreate():
			after = "new"
		case len(w.GetContent()) > 0:
			after = "new revision"
		}
		if keys := slices.Sorted(maps.Keys(w.GetContent())); len(keys) > 0 {
			after += " with " + strings.Join(keys, ", ")
		}
		l.add("secret", w.GetId(), w.GetLabel(), "", after)
	}
	for _, r := range cs.GetSecretRemove() {
		what := "removed"
		if r.GetRevision() > 0 {
			what = fmt.Sprintf("revision %d removed", r.GetRevision())
		}
		l.add("secret", r.GetId(), "", "", what)
	}
	for _, g := range cs.GetSecretGrants() {
		what := "granted to " + g.GetTarget()
		if g.GetRevoke() {
			what = "revoked from " + g.GetTarget()
		}
		l.add("secret", g.GetId(), "", "", what)
	}
}

// rest lists what is rare.
func (l *changes) rest(cs *hookv1.Changeset) {
	for _, p := range cs.GetPayloads() {
		after := p.GetPayload().GetStatus()
		if p.GetRemove() {
			after = "unregistered"
		}
		l.add("payload", p.GetPayload().GetClass()+"/"+p.GetPayload().GetId(), "", "", after)
	}
	if cs != nil && cs.PodSpec != nil {
		l.add("pod-spec", "", "", "", "set")
	}
	if a := cs.GetAction(); a != nil {
		for _, k := range slices.Sorted(maps.Keys(a.GetResults())) {
			l.add("action", "", k, "", a.GetResults()[k])
		}
	}
	if cs.GetReboot() != hookv1.Reboot_REBOOT_UNSPECIFIED {
		l.add("reboot", "", "", "", "the machine")
	}
}
