package model

import (
	"slices"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Ends finds the application's own endpoint of a relation and the one at the other side; in a peer relation both are
// the same. Both are nil if the application is not in the relation.
func Ends(r *controllerv1.Relation, app string) (own, remote *controllerv1.Endpoint) {
	for _, end := range r.GetEndpoints() {
		if end.Application == app && own == nil {
			own = end
		} else {
			remote = end
		}
	}
	if own == nil {
		return nil, nil
	}
	if remote == nil {
		remote = own
	}
	return own, remote
}

// IsPeer says whether the relation is one application's with itself.
func IsPeer(r *controllerv1.Relation) bool { return len(r.GetEndpoints()) == 1 }

// IsContainer says whether only units beside each other meet in the relation.
func IsContainer(r *controllerv1.Relation) bool {
	for _, end := range r.GetEndpoints() {
		if end.Scope == "container" {
			return true
		}
	}
	return false
}

// InRelation says whether the unit's application is in the relation.
func (g *Graph) InRelation(relation int32, app string) bool { return g.rels[app][relation] }

// Meets says whether two units see each other in the relation: they are of its two sides (or peers), and in one of scope
// container one is the other's principal, or was before the other went.
func (g *Graph) Meets(relation int32, reader, other, readerApp, otherApp string) bool {
	r, _ := g.Relation(relation)
	own, remote := Ends(r, readerApp)
	if own == nil || reader == other || remote.Application != otherApp {
		return false
	}
	if !IsContainer(r) {
		return true
	}
	a, _ := g.Unit(reader)
	b, _ := g.Unit(other)
	return a.GetPrincipal() == other || b.GetPrincipal() == reader || slices.Contains(a.GetFormerSubordinates(), other)
}

// RelationBetween finds the relation between two endpoints, 0 if there is none. Order does not matter.
func (g *Graph) RelationBetween(appA, endpointA, appB, endpointB string) int32 {
	for _, id := range g.Relations(appA) {
		r, _ := g.Relation(id)
		var a, b bool
		for _, end := range r.Endpoints {
			a = a || end.Application == appA && end.Name == endpointA
			b = b || end.Application == appB && end.Name == endpointB
		}
		if a && b {
			return id
		}
	}
	return 0
}
