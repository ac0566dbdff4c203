package clients

import (
	"context"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/logbook"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// ShowUnit shows units with the databags that they may read.
func (s *Service) ShowUnit(_ context.Context, req *connect.Request[clientv1.ShowUnitRequest]) (*connect.Response[clientv1.ShowUnitResponse], error) {
	in := req.Msg
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	units, err := unitNames(m, in.GetUnits())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.ShowUnitResponse{}
	for _, name := range units {
		app := m.Applications[appOf(name)].Value
		d := &clientv1.UnitDetails{Status: s.unitStatus(m, app, name), Charm: app.GetCharmUrl(), Agent: m.Units[name].Value.GetAgent()}
		for _, r := range m.RelationsOf(app.GetName()) {
			if own, _ := model.Ends(r, app.GetName()); in.GetEndpoint() == "" || in.GetEndpoint() == own.GetName() {
				if rd := relationDetails(m, r, name, in); rd != nil {
					d.Relations = append(d.Relations, rd)
				}
			}
		}
		resp.Units = append(resp.Units, d)
	}
	return connect.NewResponse(resp), nil
}

// relationDetails shows one relation as a unit sees it; nil if the request is
// about a unit that is not at its other end.
func relationDetails(m *snapshot.Model, r *controllerv1.Relation, unit string, in *clientv1.ShowUnitRequest) *clientv1.RelationDetails {
	own, remote := model.Ends(r, appOf(unit))
	out := &clientv1.RelationDetails{
		Id: r.GetId(), Endpoint: own.GetName(), RelatedEndpoint: remote.GetName(), RemoteApp: remote.GetApplication(),
		ApplicationData:      bag(m, key.AppBag(r.GetId(), remote.GetApplication())),
		LocalApplicationData: bag(m, key.AppBag(r.GetId(), own.GetApplication())),
		RelatedUnits:         map[string]*clientv1.UnitBag{},
	}
	if in.GetApp() {
		return out
	}
	out.LocalUnitData = bag(m, key.UnitBag(r.GetId(), unit))
	for _, other := range m.UnitsOf(remote.GetApplication()) {
		if other == unit || in.GetRelatedUnit() != "" && other != in.GetRelatedUnit() {
			continue
		}
		if model.IsContainer(r) && m.Units[other].Value.GetPrincipal() != unit && m.Units[unit].Value.GetPrincipal() != other {
			continue
		}
		out.RelatedUnits[other] = &clientv1.UnitBag{
			InScope: m.Scopes[key.ScopeOf(r.GetId(), other).String()].Exists(), Data: bag(m, key.UnitBag(r.GetId(), other)),
		}
	}
	if in.GetRelatedUnit() != "" && len(out.GetRelatedUnits()) == 0 {
		return nil
	}
	return out
}

func bag(m *snapshot.Model, k key.Key) map[string]string { return m.Bags[k.String()].Value.GetValues() }

// ShowApplication shows applications; none named means all.
func (s *Service) ShowApplication(_ context.Context, req *connect.Request[clientv1.ShowApplicationRequest]) (*connect.Response[clientv1.ShowApplicationResponse], error) {
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	wanted := req.Msg.GetApplications()
	if len(wanted) == 0 {
		wanted = sortedKeys(m.Applications)
	}
	resp := &clientv1.ShowApplicationResponse{}
	var bad problems
	for _, name := range wanted {
		app, err := anyApplication(m, name)
		if err != nil {
			bad.add(err)
			continue
		}
		d := &clientv1.ApplicationDetails{Record: app.Value, Principal: !app.Value.GetSubordinate(), Status: s.applicationStatus(m, app.Value, m.RelationsOf(name))}
		if ch, err := s.charmOf(app.Value); err == nil && len(ch.Manifest.Bases) > 0 {
			d.Base = ch.Manifest.Bases[0].Name + "@" + ch.Manifest.Bases[0].Channel
		}
		resp.Applications = append(resp.Applications, d)
	}
	return connect.NewResponse(resp), bad.err()
}

// Journal shows the events that a unit ran, up to the last one that its status shows.
func (s *Service) Journal(ctx context.Context, req *connect.Request[clientv1.JournalRequest]) (*connect.Response[clientv1.JournalResponse], error) {
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	if err := model.CheckUnitName(req.Msg.GetUnit()); err != nil {
		return nil, err
	}
	entries, err := s.journal(ctx, m, req.Msg.GetUnit(), int(req.Msg.GetLimit()))
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 && !m.Units[req.Msg.GetUnit()].Exists() {
		return nil, errs.E(errs.NotFound, "cannot find unit %q in model %q: there is no such unit%s", req.Msg.GetUnit(), m.Record.Value.GetName(), unitHint(m, appOf(req.Msg.GetUnit())))
	}
	return connect.NewResponse(&clientv1.JournalResponse{Entries: entries}), nil
}

// DebugLog shows a model's log, and with follow what comes.
func (s *Service) DebugLog(ctx context.Context, req *connect.Request[clientv1.DebugLogRequest], stream *connect.ServerStream[clientv1.LogLines]) error {
	in := req.Msg
	m, err := s.model(in.GetModel())
	if err != nil {
		return err
	}
	q := logbook.Query{Replay: in.GetReplay(), Follow: in.GetFollow(), Lines: int(in.GetLines()), Limit: int(in.GetLimit()), Include: in.GetInclude(), Exclude: in.GetExclude(),
		IncludeModule: in.GetIncludeModule(), ExcludeModule: in.GetExcludeModule(), Level: in.GetLevel()}
	return s.cfg.Book.Stream(ctx, m.UUID, q, func(records []*controllerv1.LogRecord) error {
		return stream.Send(&clientv1.LogLines{Records: records})
	})
}
