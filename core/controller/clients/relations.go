package clients

import (
	"context"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Integrate makes the one relation that is possible between two applications.
func (s *Service) Integrate(ctx context.Context, req *connect.Request[clientv1.IntegrateRequest]) (*connect.Response[clientv1.IntegrateResponse], error) {
	resp := &clientv1.IntegrateResponse{}
	_, err := s.writeModel(ctx, req.Msg.GetModel(), func(e *edit, m *snapshot.Model) error {
		a, b, err := s.sides(e, m, req.Msg.GetEndpoints())
		if err != nil {
			return err
		}
		pair, err := model.Match(a, b)
		if err != nil {
			return err
		}
		if err := s.mayIntegrate(m, pair); err != nil {
			return err
		}
		id, err := e.next(m, "relation", 1, 1)
		if err != nil {
			return err
		}
		r := &controllerv1.Relation{Id: int32(id), Endpoints: pair[:], Life: controllerv1.Life_LIFE_ALIVE, Created: e.stamp()}
		e.relation(m, r)
		resp.Relation = r
		return s.besideOld(e, m, r)
	})
	return connect.NewResponse(resp), err
}

// sides reads "app" or "app:endpoint", two of them.
func (s *Service) sides(e *edit, m *snapshot.Model, given []string) (a, b model.Side, err error) {
	if len(given) != 2 {
		return a, b, errs.E(errs.Invalid, "cannot integrate %d endpoints; give two, each as application or application:endpoint", len(given))
	}
	var bad problems
	var both [2]model.Side
	for i, text := range given {
		name, endpoint, _ := strings.Cut(text, ":")
		app, err := application(m, name)
		if err != nil {
			bad.add(err)
			continue
		}
		ch, err := s.charmOf(app.Value)
		if err != nil {
			bad.add(err)
			continue
		}
		e.saw(store.In(m.UUID, key.OfApp(key.App, name)), app.Mod)
		both[i] = model.Side{Application: name, Endpoint: endpoint, Endpoints: charms.Endpoints(name, ch), Subordinate: app.Value.GetSubordinate()}
	}
	return both[0], both[1], bad.err()
}

// mayIntegrate refuses a relation that is there already, or beyond an
// endpoint's limit.
func (s *Service) mayIntegrate(m *snapshot.Model, pair model.Candidate) error {
	counts := [2]int{}
	for _, rec := range m.Relations {
		same := 0
		for i, end := range pair {
			if hasEnd(rec.Value, end) {
				counts[i]++
				same++
			}
		}
		if same == 2 {
			if rec.Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
				return errs.E(errs.Conflict, "cannot integrate %s: relation %d between them is being removed; wait until it is gone", pair, rec.Value.GetId())
			}
			return errs.E(errs.AlreadyExists, "cannot integrate %s: they are integrated already (relation %d)", pair, rec.Value.GetId())
		}
	}
	for i, end := range pair {
		ch, err := s.charmOf(m.Applications[end.GetApplication()].Value)
		if err != nil {
			return err
		}
		if ep, ok := ch.Meta.Endpoint(end.GetName()); ok && ep.Limit > 0 && counts[i] >= ep.Limit {
			return errs.E(errs.Exhausted, "cannot integrate %s: a new relation for %s:%s would exceed its maximum relation limit of %d; it has %d, remove one first",
				pair, end.GetApplication(), end.GetName(), ep.Limit, counts[i])
		}
	}
	return nil
}

func hasEnd(r *controllerv1.Relation, end *controllerv1.Endpoint) bool {
	for _, e := range r.GetEndpoints() {
		if e.GetApplication() == end.GetApplication() && e.GetName() == end.GetName() {
			return true
		}
	}
	return false
}

// RemoveRelation begins the end of a relation, given by its number or its two
// ends.
func (s *Service) RemoveRelation(ctx context.Context, req *connect.Request[clientv1.RemoveRelationRequest]) (*connect.Response[clientv1.RemoveRelationResponse], error) {
	_, err := s.writeModel(ctx, req.Msg.GetModel(), func(e *edit, m *snapshot.Model) error {
		r, err := findRelation(m, req.Msg.GetEndpoints())
		if err != nil {
			return err
		}
		if model.IsPeer(r) {
			return errs.E(errs.Invalid, "cannot remove relation %d: it is the peer relation %q of %q, which lives as long as the application",
				r.GetId(), r.GetEndpoints()[0].GetName(), r.GetEndpoints()[0].GetApplication())
		}
		endRelation(e, m, r, req.Msg.GetForce())
		if model.IsContainer(r) {
			endSubordinates(e, m, r, req.Msg.GetForce())
		}
		return nil
	})
	return connect.NewResponse(&clientv1.RemoveRelationResponse{}), err
}

// findRelation finds a relation by its number or its two ends; an end without
// an endpoint fits any.
func findRelation(m *snapshot.Model, given []string) (*controllerv1.Relation, error) {
	if len(given) == 1 {
		id, err := strconv.ParseInt(given[0], 10, 32)
		if err != nil {
			return nil, errs.E(errs.Invalid, "cannot remove relation %q: give its number, or two of application or application:endpoint", given[0])
		}
		if r, ok := m.Relations[int32(id)]; ok {
			return r.Value, nil
		}
		return nil, errs.E(errs.NotFound, "cannot remove relation %d: there is no such relation in model %q", id, m.Record.Value.GetName())
	}
	if len(given) != 2 {
		return nil, errs.E(errs.Invalid, "cannot remove a relation of %d endpoints; give two, each as application or application:endpoint, or the relation's number", len(given))
	}
	var found []*controllerv1.Relation
	first, _, _ := strings.Cut(given[0], ":")
	for _, r := range m.RelationsOf(first) {
		ends := r.GetEndpoints()
		if len(ends) == 2 && (fits(ends[0], given[0]) && fits(ends[1], given[1]) || fits(ends[0], given[1]) && fits(ends[1], given[0])) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, errs.E(errs.NotFound, "cannot remove relation %s: there is no relation between them in model %q", strings.Join(given, " "), m.Record.Value.GetName())
	}
	var keys []string
	for _, r := range found {
		keys = append(keys, relationKey(r))
	}
	return nil, errs.E(errs.Invalid, "cannot remove relation %s: there are several; say which: %s", strings.Join(given, " "), strings.Join(keys, ", "))
}

func fits(end *controllerv1.Endpoint, text string) bool {
	app, name, _ := strings.Cut(text, ":")
	return end.GetApplication() == app && (name == "" || name == end.GetName())
}

// relationKey is the form in which people know a relation: "db:data web:db".
func relationKey(r *controllerv1.Relation) string {
	var ends []string
	for _, e := range r.GetEndpoints() {
		ends = append(ends, e.GetApplication()+":"+e.GetName())
	}
	return strings.Join(ends, " ")
}
