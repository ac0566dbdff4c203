package clients

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// applicationStatus shows one application. Its status is what the leader said,
// else that of its worst unit.
func (s *Service) applicationStatus(m *snapshot.Model, app *controllerv1.Application, relations []*controllerv1.Relation) *clientv1.ApplicationStatusInfo {
	out := &clientv1.ApplicationStatusInfo{
		Name: app.GetName(), Charm: app.GetCharmUrl(), CharmName: app.GetCharmName(), CharmOrigin: "local", CharmRev: app.GetCharmRevision(),
		Exposed: app.GetExposed(), Life: life(app.GetLife()), EndpointBindings: app.GetEndpointBindings(), Runtime: app.GetRuntime(),
		Status: &hookv1.Status{Current: api.StatusUnknown, Since: app.GetCreated()}, Subordinate: app.GetSubordinate(),
	}
	if rec := s.cfg.Mirror.Charm(app.GetCharmDigest()); rec != nil {
		out.CharmVersion = rec.GetVersion()
	}
	for _, name := range m.UnitsOf(app.GetName()) {
		u := s.unitStatus(m, app, name)
		out.Units = append(out.Units, u)
		if m.Units[name].Value.GetLife() == controllerv1.Life_LIFE_ALIVE {
			out.ScaleWanted++
		}
		if len(out.GetUnits()) == 1 || api.StatusSeverity(u.GetWorkload().GetCurrent()) > api.StatusSeverity(out.GetStatus().GetCurrent()) {
			out.Status = u.GetWorkload()
		}
		if u.GetWorkloadVersion() != "" && (out.GetWorkloadVersion() == "" || u.GetLeader()) {
			out.WorkloadVersion = u.GetWorkloadVersion()
		}
	}
	if st := m.AppStatuses[app.GetName()].Value.GetStatus(); st.GetCurrent() != "" && st.GetCurrent() != api.StatusUnknown {
		out.Status = st
	}
	out.Relations = related(app.GetName(), relations)
	if app.GetSubordinate() {
		out.SubordinateTo = principals(app.GetName(), relations)
	}
	return out
}

// principals lists the applications beside whose units those of a subordinate one live.
func principals(app string, relations []*controllerv1.Relation) []string {
	var out []string
	for _, r := range relations {
		if _, remote := model.Ends(r, app); model.IsContainer(r) && !model.IsPeer(r) && !slices.Contains(out, remote.GetApplication()) {
			out = append(out, remote.GetApplication())
		}
	}
	slices.Sort(out)
	return out
}

// related lists the applications at the other ends.
func related(app string, relations []*controllerv1.Relation) []*clientv1.RelatedApplication {
	var out []*clientv1.RelatedApplication
	for _, r := range relations {
		own, remote := model.Ends(r, app)
		out = append(out, &clientv1.RelatedApplication{Endpoint: own.GetName(), Application: remote.GetApplication(), Interface: own.GetInterface(), Scope: own.GetScope()})
	}
	slices.SortFunc(out, func(a, b *clientv1.RelatedApplication) int {
		return cmp.Or(cmp.Compare(a.GetEndpoint(), b.GetEndpoint()), cmp.Compare(a.GetApplication(), b.GetApplication()))
	})
	return out
}

// unitStatus shows one unit: what it said of its workload, and what its agent
// does right now.
func (s *Service) unitStatus(m *snapshot.Model, app *controllerv1.Application, name string) *clientv1.UnitStatusInfo {
	rec, said := m.Units[name].Value, m.Statuses[name].Value
	out := &clientv1.UnitStatusInfo{
		Name: name, Leader: m.Leads[app.GetName()].Value.GetUnit() == name, Life: life(rec.GetLife()), ProviderId: rec.GetProviderId(),
		Workload: said.GetWorkload(), WorkloadVersion: said.GetVersion(), OpenPorts: ports(m.Ports[name].Value), Failed: failed(m, name),
		Principal: rec.GetPrincipal(), Subordinates: rec.GetSubordinates(),
	}
	if a := m.Addresses[name].Value.GetAddresses(); len(a) > 0 {
		out.Address = a[0]
	}
	if d := m.States[name].Value.GetCursor().GetCharmDigest(); d != "" && d != app.GetCharmDigest() {
		out.UpgradingFrom = d
	}
	s.agentStatus(m, out)
	return out
}

// grace is how long after its start a controller does not call an agent lost.
const grace = 15 * time.Second

// agentStatus fills in what the agent does and what follows for the workload.
func (s *Service) agentStatus(m *snapshot.Model, out *clientv1.UnitStatusInfo) {
	rec, said, state := m.Units[out.GetName()].Value, m.Statuses[out.GetName()].Value, m.States[out.GetName()]
	doing := s.cfg.Presence.State(m.UUID, out.GetName())
	// Agents need a moment to come back after the controller's own restart.
	present := s.cfg.Presence.Connected(rec.GetAgent()) || s.cfg.Now().Sub(s.cfg.Started) < grace
	switch {
	case present && doing.GetCurrent() == api.AgentExecuting:
		out.Agent = &hookv1.Status{Current: api.AgentExecuting, Message: doing.GetMessage(), Since: doing.GetSince()}
		out.Executing = doing.GetMessage()
	case present && state.Exists():
		out.Agent = &hookv1.Status{Current: api.AgentIdle, Since: doing.GetSince()}
	case !state.Exists():
		out.Agent = &hookv1.Status{Current: api.AgentAllocating, Since: rec.GetCreated()}
	default:
		out.Agent = &hookv1.Status{Current: api.AgentLost, Message: "agent is not communicating with the controller"}
	}
	switch {
	case said.GetError() != nil:
		out.Workload = said.GetError()
	case out.GetAgent().GetCurrent() == api.AgentLost:
		out.Workload = &hookv1.Status{Current: api.StatusUnknown, Message: "agent lost, see 'bangle debug-log --include " + out.GetName() + "'", Since: said.GetWorkload().GetSince()}
	case out.GetWorkload() == nil && out.GetAgent().GetCurrent() == api.AgentAllocating:
		out.Workload = &hookv1.Status{Current: api.StatusWaiting, Message: "installing agent", Since: rec.GetCreated()}
	case out.GetWorkload() == nil:
		out.Workload = &hookv1.Status{Current: api.StatusMaintenance, Message: "installing charm software", Since: rec.GetCreated()}
	}
}

// marshal is the deterministic form of a message.
func marshal(m proto.Message) (string, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	return string(data), err
}

// sortedKeys lists a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
