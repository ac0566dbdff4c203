package clients

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// A look of WatchStatus is followed by a pause of so many times what it cost, within bounds: a watcher takes a tenth of
// a processor at most, and a change of a small model is shown at once.
const (
	coalesce    = 10
	coalesceMin = time.Millisecond
	coalesceMax = time.Second
)

// Status shows a model.
func (s *Service) Status(_ context.Context, req *connect.Request[clientv1.StatusRequest]) (*connect.Response[clientv1.StatusResponse], error) {
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	resp, err := s.status(m, req.Msg.GetSelectors())
	return connect.NewResponse(resp), err
}

// WatchStatus shows a model now and after every change, until it is gone.
func (s *Service) WatchStatus(ctx context.Context, req *connect.Request[clientv1.StatusRequest], stream *connect.ServerStream[clientv1.StatusResponse]) error {
	last := ""
	for {
		revision, err := s.cfg.Mirror.Wait(ctx, 0)
		if err != nil {
			return nil //nolint:nilerr // the caller or the controller went away, and nobody listens any longer
		}
		began := time.Now()
		m, err := s.model(req.Msg.GetModel())
		if err != nil {
			return err
		}
		resp, err := s.status(m, req.Msg.GetSelectors())
		if err != nil {
			return err
		}
		if now := fingerprint(resp); now != last {
			last = now
			if err := stream.Send(resp); err != nil {
				return err
			}
		}
		if !s.nextLook(ctx, revision, min(max(coalesce*time.Since(began), coalesceMin), coalesceMax)) {
			return nil
		}
	}
}

// nextLook returns after the pause when the store moved on, or after a second:
// what agents do right now is not in the store.
func (s *Service) nextLook(ctx context.Context, revision int64, least time.Duration) bool {
	pause := time.NewTimer(least)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
	}
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, _ = s.cfg.Mirror.Wait(wait, revision+1) // the time being up is a look too
	return ctx.Err() == nil
}

// fingerprint is the status without what differs at each look.
func fingerprint(resp *clientv1.StatusResponse) string {
	stamp, revision := resp.GetTimestamp(), resp.GetRevision()
	resp.Timestamp, resp.Revision = "", 0
	defer func() { resp.Timestamp, resp.Revision = stamp, revision }()
	data, err := marshal(resp)
	if err != nil {
		return stamp
	}
	return data
}

// status makes the whole answer in one pass over the snapshot.
func (s *Service) status(m *snapshot.Model, selectors []string) (*clientv1.StatusResponse, error) {
	info := s.cfg.Info()
	resp := &clientv1.StatusResponse{
		Model: m.Record.Value, Controller: info.GetName(), Cloud: m.Record.Value.GetSubstrate(), Version: api.JujuVersion,
		Timestamp: s.cfg.Now().UTC().Format(time.RFC3339), Revision: m.Revision,
		ModelStatus: &hookv1.Status{Current: modelStatus(m.Record.Value), Since: m.Record.Value.GetCreated()},
	}
	for _, p := range selectors {
		if _, err := path.Match(p, ""); err != nil {
			return nil, errs.E(errs.Invalid, "cannot show status: %q is not a valid pattern", p)
		}
	}
	ofApp := relationsByApp(m)
	for _, name := range slices.Sorted(maps.Keys(m.Applications)) {
		resp.Applications = append(resp.Applications, s.applicationStatus(m, m.Applications[name].Value, ofApp[name]))
	}
	resp.Applications = selectAll(resp.Applications, selectors)
	shown := map[string]bool{}
	for _, app := range resp.GetApplications() {
		shown[app.GetName()] = true
	}
	for _, id := range slices.Sorted(maps.Keys(m.Relations)) {
		if r := m.Relations[id].Value; slices.ContainsFunc(r.GetEndpoints(), func(e *controllerv1.Endpoint) bool { return shown[e.GetApplication()] }) {
			resp.Relations = append(resp.Relations, relationStatus(m, r))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.Storage)) {
		if st := m.Storage[id].Value; len(selectors) == 0 || shown[appOf(st.GetOwner())] {
			resp.Storage = append(resp.Storage, storageStatus(st))
		}
	}
	return resp, nil
}

// relationsByApp sorts all relations by application, once for all.
func relationsByApp(m *snapshot.Model) map[string][]*controllerv1.Relation {
	by := map[string][]*controllerv1.Relation{}
	for _, id := range slices.Sorted(maps.Keys(m.Relations)) {
		for _, e := range m.Relations[id].Value.GetEndpoints() {
			by[e.GetApplication()] = append(by[e.GetApplication()], m.Relations[id].Value)
		}
	}
	return by
}

func relationStatus(m *snapshot.Model, r *controllerv1.Relation) *clientv1.RelationStatusInfo {
	out := &clientv1.RelationStatusInfo{Id: r.GetId(), Key: relationKey(r), Type: "regular", Status: "joined", Life: life(r.GetLife())}
	for _, e := range r.GetEndpoints() {
		end := e.GetApplication() + ":" + e.GetName()
		out.Interface = e.GetInterface()
		switch e.GetRole() {
		case "peer":
			out.Provider, out.Requirer, out.Type = end, end, "peer"
		case "provider":
			out.Provider = end
		default:
			out.Requirer = end
		}
		if e.GetScope() == "container" && out.GetType() != "peer" {
			out.Type = "subordinate"
		}
	}
	switch {
	case r.GetSuspended():
		out.Status, out.Message = "suspended", r.GetSuspendedReason()
	case r.GetLife() != controllerv1.Life_LIFE_ALIVE:
		out.Status = "removing"
		if left := prefixed(m.Scopes, fmt.Sprintf("scope/%d/", r.GetId())); len(left) > 0 {
			out.Message = fmt.Sprintf("%d units have not left it yet", len(left))
		}
	}
	return out
}

func storageStatus(st *controllerv1.StorageInstance) *clientv1.StorageStatusInfo {
	return &clientv1.StorageStatusInfo{Id: st.GetId(), Kind: st.GetKind(), Life: life(st.GetLife()), Unit: st.GetOwner(), Location: st.GetLocation(), Pool: st.GetPool(),
		Status: cmp.Or(st.GetStatus(), model.StoragePending), SizeBytes: st.GetSizeBytes(), Since: st.GetSince(), Message: st.GetMessage()}
}

// life is the word for a life, empty while it is alive.
func life(l controllerv1.Life) string {
	switch l {
	case controllerv1.Life_LIFE_DYING:
		return "dying"
	case controllerv1.Life_LIFE_DEAD:
		return "dead"
	}
	return ""
}

// ports is the short form of a unit's open ports: "80/tcp".
func ports(p *controllerv1.Ports) []string {
	var out []string
	for _, r := range p.GetRanges() {
		switch {
		case r.GetProtocol() == "icmp":
			out = append(out, "icmp")
		case r.GetFrom() == r.GetTo():
			out = append(out, fmt.Sprintf("%d/%s", r.GetFrom(), r.GetProtocol()))
		default:
			out = append(out, fmt.Sprintf("%d-%d/%s", r.GetFrom(), r.GetTo(), r.GetProtocol()))
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
