package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// UnitInfo is a unit in show-unit.
type UnitInfo struct {
	WorkloadVersion string         `json:"workload-version,omitempty" yaml:"workload-version,omitempty"`
	Machine         string         `json:"machine,omitempty" yaml:"machine,omitempty"`
	OpenedPorts     []string       `json:"opened-ports" yaml:"opened-ports"`
	Charm           string         `json:"charm" yaml:"charm"`
	Leader          bool           `json:"leader" yaml:"leader"`
	Life            string         `json:"life,omitempty" yaml:"life,omitempty"`
	Relations       []RelationInfo `json:"relation-info,omitempty" yaml:"relation-info,omitempty"`
	ProviderID      string         `json:"provider-id,omitempty" yaml:"provider-id,omitempty"`
	Address         string         `json:"address,omitempty" yaml:"address,omitempty"`
}

// RelationInfo is a relation in show-unit.
type RelationInfo struct {
	ID              int32              `json:"relation-id" yaml:"relation-id"`
	Endpoint        string             `json:"endpoint" yaml:"endpoint"`
	CrossModel      bool               `json:"cross-model,omitempty" yaml:"cross-model,omitempty"`
	RelatedEndpoint string             `json:"related-endpoint" yaml:"related-endpoint"`
	ApplicationData map[string]string  `json:"application-data" yaml:"application-data"`
	LocalUnit       *BagInfo           `json:"local-unit,omitempty" yaml:"local-unit,omitempty"`
	RelatedUnits    map[string]BagInfo `json:"related-units,omitempty" yaml:"related-units,omitempty"`
}

// BagInfo is a unit's databag in show-unit.
type BagInfo struct {
	InScope bool              `json:"in-scope" yaml:"in-scope"`
	Data    map[string]string `json:"data" yaml:"data"`
}

// ShowUnits is show-unit in Juju's shape. With app, only the applications' databags are shown.
func ShowUnits(list []*clientv1.UnitDetails, app bool) map[string]UnitInfo {
	out := map[string]UnitInfo{}
	for _, d := range list {
		u := d.GetStatus()
		info := UnitInfo{WorkloadVersion: u.GetWorkloadVersion(), Machine: u.GetMachine(), OpenedPorts: u.GetOpenPorts(), Charm: d.GetCharm(),
			Leader: u.GetLeader(), Life: first(notAlive(u.GetLife()), "alive"), ProviderID: u.GetProviderId(), Address: u.GetAddress()}
		if info.OpenedPorts == nil {
			info.OpenedPorts = []string{}
		}
		for _, r := range d.GetRelations() {
			info.Relations = append(info.Relations, relationInfo(r, app))
		}
		out[u.GetName()] = info
	}
	return out
}

func relationInfo(r *clientv1.RelationDetails, app bool) RelationInfo {
	out := RelationInfo{ID: r.GetId(), Endpoint: r.GetEndpoint(), RelatedEndpoint: r.GetRelatedEndpoint(), CrossModel: r.GetCrossModel(), ApplicationData: filled(r.GetApplicationData())}
	if app {
		return out
	}
	out.LocalUnit = &BagInfo{InScope: true, Data: filled(r.GetLocalUnitData())}
	for name, bag := range r.GetRelatedUnits() {
		if out.RelatedUnits == nil {
			out.RelatedUnits = map[string]BagInfo{}
		}
		out.RelatedUnits[name] = BagInfo{InScope: bag.GetInScope(), Data: filled(bag.GetData())}
	}
	return out
}

func filled(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// ApplicationInfo is an application in show-application.
type ApplicationInfo struct {
	Charm            string            `json:"charm" yaml:"charm"`
	Base             string            `json:"base,omitempty" yaml:"base,omitempty"`
	Constraints      map[string]string `json:"constraints,omitempty" yaml:"constraints,omitempty"`
	Principal        bool              `json:"principal" yaml:"principal"`
	Exposed          bool              `json:"exposed" yaml:"exposed"`
	Remote           bool              `json:"remote" yaml:"remote"`
	Life             string            `json:"life" yaml:"life"`
	EndpointBindings map[string]string `json:"endpoint-bindings,omitempty" yaml:"endpoint-bindings,omitempty"`
	Runtime          string            `json:"runtime,omitempty" yaml:"runtime,omitempty"`
	CharmPath        string            `json:"charm-path,omitempty" yaml:"charm-path,omitempty"`
	CharmDigest      string            `json:"charm-digest,omitempty" yaml:"charm-digest,omitempty"`
	Trust            bool              `json:"trust,omitempty" yaml:"trust,omitempty"`
	HookTimeout      string            `json:"hook-timeout,omitempty" yaml:"hook-timeout,omitempty"`
	Resources        map[string]string `json:"resources,omitempty" yaml:"resources,omitempty"`
	Leader           string            `json:"leader,omitempty" yaml:"leader,omitempty"` // the unit that leads
}

// ShowApplications is show-application in Juju's shape, with what is ours beside it.
func ShowApplications(list []*clientv1.ApplicationDetails) map[string]ApplicationInfo {
	out := map[string]ApplicationInfo{}
	for _, d := range list {
		r := d.GetRecord()
		info := ApplicationInfo{Charm: r.GetCharmName(), Base: d.GetBase(), Constraints: r.GetConstraints(), Principal: d.GetPrincipal(), Exposed: r.GetExposed(),
			Life: first(notAlive(r.GetLife().String()), "alive"), EndpointBindings: r.GetEndpointBindings(), Runtime: r.GetRuntime(), CharmPath: r.GetCharmPath(),
			CharmDigest: r.GetCharmDigest(), Trust: r.GetTrust(), Resources: r.GetResources()}
		for _, u := range d.GetStatus().GetUnits() {
			if u.GetLeader() {
				info.Leader = u.GetName()
			}
		}
		switch ms := r.GetHookTimeoutMs(); {
		case ms < 0:
			info.HookTimeout = "none"
		case ms > 0:
			info.HookTimeout = (time.Duration(ms) * time.Millisecond).String()
		}
		out[r.GetName()] = info
	}
	return out
}

// Events is the journal of a unit: what happened, how long each part took and what came of it.
func Events(w io.Writer, list []*controllerv1.JournalEntry, zone Zone, colour bool) error {
	t := &Table{Columns: Columns("Time", "Event", ">Queued", ">Run", ">Commit", "Outcome", "Wrote", "Message")}
	for _, e := range list {
		outcome := Cell{Text: e.GetOutcome(), Colour: green}
		if e.GetOutcome() != "ok" {
			outcome.Colour = yellow
		}
		if e.GetOutcome() == "failed" || e.GetOutcome() == "killed" {
			outcome.Colour = red
		}
		t.Add(time.Unix(0, e.GetStartUnixNano()).In(zone.location()).Format("15:04:05.000"), eventName(e), micros(e.GetQueuedUs()), micros(e.GetRunUs()), micros(e.GetCommitUs()),
			outcome, first(e.GetWrote(), "-"), e.GetMessage())
	}
	return t.Write(w, colour)
}

// eventName is the event with whom it is about.
func eventName(e *controllerv1.JournalEntry) string {
	name := first(e.GetEvent().GetName(), e.GetEvent().GetKind())
	if about := first(e.GetEvent().GetRemoteUnit(), e.GetEvent().GetRemoteApp(), e.GetEvent().GetStorageId()); about != "" {
		name += " (" + about + ")"
	}
	return name
}

// micros is a duration in the unit that suits it: "0.31 ms", "12 ms", "3.4 s".
func micros(us int64) string {
	switch {
	case us < 10_000:
		return fmt.Sprintf("%.2f ms", float64(us)/1e3)
	case us < 1_000_000:
		return fmt.Sprintf("%d ms", us/1000)
	}
	return fmt.Sprintf("%.1f s", float64(us)/1e6)
}

// EventPart is an entry of the journal in YAML and JSON. Durations are microseconds.
type EventPart struct {
	Time     string `json:"time" yaml:"time"`
	Event    string `json:"event" yaml:"event"`
	ID       string `json:"id" yaml:"id"`
	Relation string `json:"relation,omitempty" yaml:"relation,omitempty"`
	Remote   string `json:"remote,omitempty" yaml:"remote,omitempty"`
	Queued   int64  `json:"queued-us" yaml:"queued-us"`
	Run      int64  `json:"run-us" yaml:"run-us"`
	Commit   int64  `json:"commit-us" yaml:"commit-us"`
	Outcome  string `json:"outcome" yaml:"outcome"`
	Wrote    string `json:"wrote,omitempty" yaml:"wrote,omitempty"`
	Message  string `json:"message,omitempty" yaml:"message,omitempty"`
	Revision int64  `json:"revision,omitempty" yaml:"revision,omitempty"`
	Recorded bool   `json:"recorded,omitempty" yaml:"recorded,omitempty"`
}

// EventParts is the journal for YAML and JSON.
func EventParts(list []*controllerv1.JournalEntry, zone Zone) []EventPart {
	out := make([]EventPart, 0, len(list))
	for _, e := range list {
		ev := e.GetEvent()
		part := EventPart{Time: time.Unix(0, e.GetStartUnixNano()).In(zone.location()).Format(time.RFC3339Nano), Event: first(ev.GetName(), ev.GetKind()), ID: ev.GetId(),
			Remote: first(ev.GetRemoteUnit(), ev.GetRemoteApp()), Queued: e.GetQueuedUs(), Run: e.GetRunUs(), Commit: e.GetCommitUs(), Outcome: e.GetOutcome(),
			Wrote: e.GetWrote(), Message: e.GetMessage(), Revision: e.GetRevision(), Recorded: e.GetRecorded()}
		if ev.GetRelationId() > 0 {
			part.Relation = fmt.Sprintf("%s:%d", ev.GetEndpoint(), ev.GetRelationId())
		}
		out = append(out, part)
	}
	return out
}

// ModelPartLong is a model in `models`.
type ModelPartLong struct {
	Name           string     `json:"name" yaml:"name"`
	ShortName      string     `json:"short-name" yaml:"short-name"`
	UUID           string     `json:"model-uuid" yaml:"model-uuid"`
	Type           string     `json:"model-type" yaml:"model-type"`
	ControllerName string     `json:"controller-name" yaml:"controller-name"`
	IsController   bool       `json:"is-controller" yaml:"is-controller"`
	Owner          string     `json:"owner" yaml:"owner"`
	Cloud          string     `json:"cloud" yaml:"cloud"`
	Life           string     `json:"life" yaml:"life"`
	Status         StatusPart `json:"status" yaml:"status"`
	Units          int32      `json:"unit-count" yaml:"unit-count"`
}

// ModelList is `models` in YAML and JSON.
type ModelList struct {
	Models  []ModelPartLong `json:"models" yaml:"models"`
	Current string          `json:"current-model,omitempty" yaml:"current-model,omitempty"`
}

// Models is `models` in Juju's shape.
func Models(list []*clientv1.ModelSummary, controller, current string) ModelList {
	out := ModelList{Models: []ModelPartLong{}, Current: current}
	for _, s := range list {
		m := s.GetModel()
		out.Models = append(out.Models, ModelPartLong{Name: first(m.GetOwner(), "admin") + "/" + m.GetName(), ShortName: m.GetName(), UUID: m.GetUuid(), Type: "caas",
			ControllerName: controller, Owner: first(m.GetOwner(), "admin"), Cloud: m.GetSubstrate(), Life: first(notAlive(m.GetLife().String()), "alive"),
			Status: StatusPart{Current: s.GetStatus()}, Units: s.GetUnits()})
	}
	return out
}

// ModelTable prints the models of a controller; the current one has a star.
func ModelTable(w io.Writer, list []*clientv1.ModelSummary, controller, current string, colour bool) error {
	if _, err := fmt.Fprintf(w, "Controller: %s\n\n", controller); err != nil {
		return err
	}
	t := &Table{Columns: Columns("Model", "Cloud/Region", "Type", "Status", ">Units", "Access", "Last connection")}
	for _, s := range list {
		name := s.GetModel().GetName()
		if name == current {
			name += "*"
		}
		t.Add(name, s.GetModel().GetSubstrate(), s.GetModel().GetSubstrate(), status(s.GetStatus()), s.GetUnits(), "admin", "just now")
	}
	return t.Write(w, colour)
}

// Pairs prints a map as a table, sorted by key.
func Pairs(w io.Writer, titles [2]string, values map[string]string) error {
	t := &Table{Columns: Columns(titles[0], titles[1])}
	for _, k := range slices.Sorted(maps.Keys(values)) {
		t.Add(k, strings.TrimSpace(values[k]))
	}
	return t.Write(w, false)
}
