package agenttest

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Tie relates a subordinate application to a principal one and puts a unit beside each of the principal's.
func (s *Store) Tie(subordinate, endpoint, principal, principalEndpoint string) (id int32) {
	s.Txn(func() {
		id = s.relate(
			&controllerv1.Endpoint{Application: subordinate, Name: endpoint, Interface: principalEndpoint, Role: "requirer", Scope: "container"},
			&controllerv1.Endpoint{Application: principal, Name: principalEndpoint, Interface: principalEndpoint, Role: "provider", Scope: "global"})
		s.beside(principal)
	})
	s.Elect(subordinate)
	return id
}

// tied says whether the relation puts units beside others, and of which side they are.
func tied(r *controllerv1.Relation) (subordinate, principal string) {
	if len(r.GetEndpoints()) != 2 || r.Endpoints[0].Scope != "container" {
		return "", ""
	}
	return r.Endpoints[0].Application, r.Endpoints[1].Application
}

// beside puts a unit of each subordinate application that the principal is tied to beside every unit that has none.
func (s *Store) beside(principal string) {
	for _, r := range s.relations(principal) {
		sub, of := tied(r)
		if sub == "" || of != principal || r.Life != controllerv1.Life_LIFE_ALIVE {
			continue
		}
		for _, u := range s.unitsOf(principal) {
			if s.get(key.OfUnit(key.Unit, u)).GetUnit().Life == controllerv1.Life_LIFE_ALIVE && !s.has(u, sub) {
				s.addBeside(sub, u)
			}
		}
	}
}

// has says whether a unit of the subordinate application stays beside the principal.
func (s *Store) has(principal, sub string) bool {
	return slices.ContainsFunc(s.get(key.OfUnit(key.Unit, principal)).GetUnit().Subordinates, func(u string) bool {
		return key.AppOf(u) == sub && s.get(key.OfUnit(key.Unit, u)).GetUnit().Life == controllerv1.Life_LIFE_ALIVE
	})
}

func (s *Store) addBeside(sub, principal string) {
	name := s.addUnit(sub, nil)
	u := proto.CloneOf(s.get(key.OfUnit(key.Unit, name)).GetUnit())
	u.Principal = principal
	s.Put(key.OfUnit(key.Unit, name), unitRecord(u))
	p := proto.CloneOf(s.get(key.OfUnit(key.Unit, principal)).GetUnit())
	p.Subordinates = append(p.Subordinates, name)
	event.SortUnits(p.Subordinates)
	s.Put(key.OfUnit(key.Unit, principal), unitRecord(p))
}

// untie ends the units that only the relation kept beside others.
func (s *Store) untie(r *controllerv1.Relation) {
	sub, principal := tied(r)
	for _, other := range s.relations(principal) {
		if again, _ := tied(other); again == sub && other.Id != r.Id && other.Life == controllerv1.Life_LIFE_ALIVE {
			return
		}
	}
	for _, u := range s.unitsOf(principal) {
		for _, beside := range s.get(key.OfUnit(key.Unit, u)).GetUnit().GetSubordinates() {
			if key.AppOf(beside) == sub {
				s.killUnit(beside, false)
			}
		}
	}
}

// part takes a unit that is gone out of its principal's record.
func (s *Store) part(unit string) {
	principal := s.get(key.OfUnit(key.Unit, unit)).GetUnit().GetPrincipal()
	if p := proto.CloneOf(s.get(key.OfUnit(key.Unit, principal)).GetUnit()); p != nil {
		p.Subordinates = slices.DeleteFunc(p.Subordinates, func(u string) bool { return u == unit })
		s.Put(key.OfUnit(key.Unit, principal), unitRecord(p))
	}
}
