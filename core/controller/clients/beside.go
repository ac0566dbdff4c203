package clients

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// subordinates puts a unit of the relation's subordinate side beside each of
// the given units that has none yet, whatever relation brought it.
func (s *Service) subordinates(e *edit, m *snapshot.Model, r *controllerv1.Relation, principals []string) error {
	if len(principals) == 0 || model.IsPeer(r) {
		return nil
	}
	_, remote := model.Ends(r, appOf(principals[0]))
	sub, ok := m.Applications[remote.GetApplication()]
	if !ok || !sub.Value.GetSubordinate() || sub.Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
		return nil
	}
	ch, err := s.charmOf(sub.Value)
	if err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(principals), func(u string) bool { return e.hasBeside(m, u, sub.Value.GetName()) })
	made, err := s.newUnits(e, m, sub.Value, ch, newUnits{count: len(wanted), principals: wanted})
	if err != nil {
		return err
	}
	for i, u := range made {
		// The principal's record is written too: it cannot begin to die meanwhile without taking the new unit along.
		next := proto.CloneOf(e.unitNow(m, wanted[i]))
		next.Subordinates = append(next.Subordinates, u)
		slices.SortFunc(next.Subordinates, model.CompareUnits)
		e.unit(m, next)
	}
	return nil
}

// hasBeside says whether a unit of the subordinate application stays beside the
// principal.
func (e *edit) hasBeside(m *snapshot.Model, principal, sub string) bool {
	return slices.ContainsFunc(e.unitNow(m, principal).GetSubordinates(), func(u string) bool {
		return appOf(u) == sub && e.unitNow(m, u).GetLife() == controllerv1.Life_LIFE_ALIVE
	})
}

// besideNew puts subordinates beside new units, by the relations that are
// there: one made at the same time fails this edit, and it is decided anew.
func (s *Service) besideNew(e *edit, m *snapshot.Model, app string, made []string) error {
	e.still(m, "relation")
	for _, r := range m.RelationsOf(app) {
		if r.GetLife() == controllerv1.Life_LIFE_ALIVE && model.IsContainer(r) {
			if err := s.subordinates(e, m, r, made); err != nil {
				return err
			}
		}
	}
	return nil
}

// besideOld puts subordinates beside the units that a new relation finds; units
// added at the same time fail this edit, and it is decided anew.
func (s *Service) besideOld(e *edit, m *snapshot.Model, r *controllerv1.Relation) error {
	if !model.IsContainer(r) {
		return nil
	}
	for _, end := range r.GetEndpoints() {
		if app := end.GetApplication(); !m.Applications[app].Value.GetSubordinate() {
			e.still(m, "unit/"+app)
			return s.subordinates(e, m, r, m.AliveUnits(app))
		}
	}
	return nil
}

// endSubordinates ends the units that live beside others only because of the
// relation.
func endSubordinates(e *edit, m *snapshot.Model, r *controllerv1.Relation, force bool) {
	for _, end := range r.GetEndpoints() {
		sub := end.GetApplication()
		if !m.Applications[sub].Value.GetSubordinate() {
			continue
		}
		_, principal := model.Ends(r, sub)
		if tied(m, sub, principal.GetApplication(), r.GetId()) {
			continue
		}
		for _, u := range m.UnitsOf(sub) {
			if appOf(m.Units[u].Value.GetPrincipal()) == principal.GetApplication() {
				endUnit(e, m, u, force, false)
			}
		}
	}
}

// tied says whether another living relation than the given one keeps units of
// one application beside those of the other.
func tied(m *snapshot.Model, sub, principal string, but int32) bool {
	return slices.ContainsFunc(m.RelationsOf(sub), func(r *controllerv1.Relation) bool {
		_, remote := model.Ends(r, sub)
		return r.GetId() != but && r.GetLife() == controllerv1.Life_LIFE_ALIVE && model.IsContainer(r) && remote.GetApplication() == principal
	})
}
