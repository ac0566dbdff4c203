package source

import (
	"cmp"
	"slices"

	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Snapshot is what the model says to one unit at one revision. It is immutable: its records, slices and maps are
// shared with other units' snapshots and must not be changed.
type Snapshot struct {
	Revision int64
	Epoch    string
	Name     string // of the unit

	Model       *controllerv1.Model
	Application *controllerv1.Application
	Charm       *controllerv1.Charm // the application's newest; nil when not told
	Unit        *controllerv1.Unit
	Incarnation *controllerv1.Incarnation

	State         *controllerv1.UnitState
	StateRevision int64 // 0 = there is no state yet
	Blocks        []*controllerv1.MemberBlock

	Status         *controllerv1.UnitStatus
	CharmState     *controllerv1.CharmState
	Ports          *controllerv1.Ports
	Payloads       *controllerv1.Payloads
	Addresses      *controllerv1.Addresses
	Lead           *controllerv1.Lead // nil = nobody leads now
	LeadTerm       int64
	LeaderSettings *controllerv1.LeaderSettings
	AppStatus      *controllerv1.ApplicationStatus
	UnitStatuses   map[string]*controllerv1.UnitStatus // of the application's units

	Relations []*Relation // by id
	Tasks     []*controllerv1.Task
	Resolved  *controllerv1.Resolved
	Storage   []*controllerv1.StorageInstance
	Secrets   []*controllerv1.Secret       // of the unit, and of the application while the unit leads it, by id
	Reads     []*controllerv1.SecretReader // what the unit knows of others' secrets, by id
	Units     []string                     // of the application, sorted
}

// Relation is one relation as both sides see it; Own and Remote tell whose side the unit is on.
type Relation struct {
	ID     int32
	Record *controllerv1.Relation
	Own    *controllerv1.Endpoint
	Remote *controllerv1.Endpoint // the same as Own for peers
	Units  []string               // of both sides that are in the relation now, sorted
	Bags   map[string]*controllerv1.Bag
}

// Peer says whether the relation is among the units of one application.
func (r *Relation) Peer() bool { return r.Own == r.Remote }

// Container says whether only units beside each other meet in the relation.
func (r *Relation) Container() bool {
	return r.Own.GetScope() == "container" || r.Remote.GetScope() == "container"
}

// Implicit says whether the unit's side is the endpoint that every application has without declaring it. The charm is
// told nothing of such a relation; the other side is.
func (r *Relation) Implicit() bool { return api.ImplicitEndpoint(r.Own.GetName(), r.Own.GetRole()) }

// Meets says whether the unit sees another one in the relation: it is of the other side (or a peer) and, in a relation of
// scope container, one of the two lives beside the other, or did before the other went.
func (s *Snapshot) Meets(r *Relation, other string) bool {
	if other == s.Name || api.ApplicationOf(other) != r.Remote.GetApplication() {
		return false
	}
	return !r.Container() || s.Unit.GetPrincipal() == other || slices.Contains(s.Unit.GetSubordinates(), other) || slices.Contains(s.Unit.GetFormerSubordinates(), other)
}

// Leads says whether the unit is the leader that the model names.
func (s *Snapshot) Leads() bool { return s.Lead != nil && s.Lead.Unit == s.Name }

// Alive says whether the unit is to stay.
func (s *Snapshot) Alive() bool { return s.Unit.GetLife() == controllerv1.Life_LIFE_ALIVE }

// Relation finds one by id, nil if the unit's application is in none of that id.
func (s *Snapshot) Relation(id int32) *Relation {
	at, found := slices.BinarySearchFunc(s.Relations, id, func(r *Relation, id int32) int { return cmp.Compare(r.ID, id) })
	if !found {
		return nil
	}
	return s.Relations[at]
}
