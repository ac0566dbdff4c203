package authz

import (
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
)

// subject is a unit that wants something.
type subject struct {
	g    *model.Graph
	unit string
	app  string
}

type right func(subject, key.Key) bool

// rule has the two rights to one kind of key.
type rule struct {
	read, write right
}

// rights has a row for each kind; a kind without one is refused, and a test fails.
var rights = map[key.Kind]rule{
	key.App:            {ownApp, never},
	key.Unit:           {ownUnit, ownUnit}, // written when the unit is dead
	key.Incarnation:    {ownUnit, ownUnit}, // deleted when the unit is dead
	key.State:          {ownUnit, ownUnit},
	key.Members:        {ownUnit, ownUnit},
	key.File:           {ownUnit, ownUnit},
	key.Status:         {statuses, ownUnit},
	key.Addresses:      {ownUnit, ownUnit},
	key.CharmState:     {ownUnit, ownUnit},
	key.Ports:          {ownUnit, ownUnit},
	key.Relation:       {related, never}, // deleted by the controller
	key.Bag:            {bagRead, bagWrite},
	key.Scope:          {bagRead, ownScope},
	key.Lead:           {ownApp, ownLead}, // given up when the unit is dead
	key.LeaderSettings: {ownApp, leads},
	key.AppStatus:      {ownApp, leads},
	key.Operation:      {never, never},
	key.Task:           {ownedRead, ownTask},
	key.Resolved:       {ownUnit, ownUnit},
	key.Storage:        {ownedRead, never},
	key.StateFiles:     {ownUnit, ownUnit},
	key.Secret:         {ownSecret, ownSecret},
	key.SecretContent:  {never, ownContent}, // read by a call that asks for the right to it
	key.SecretReader:   {ownUnit, ownUnit},
	key.Payloads:       {ownUnit, ownUnit},
	key.PodSpec:        {leads, leads},
	key.Pool:           {never, never}, // the substrate's business
	key.Next:           {never, never},
	key.Model:          {ownModel, never},
	key.Charm:          {ownCharm, never},
}

func never(subject, key.Key) bool { return false }

func ownApp(s subject, k key.Key) bool { return k.App == s.app }

func ownUnit(s subject, k key.Key) bool { return k.Unit == s.unit }

func ownModel(s subject, k key.Key) bool { return k.Name == s.g.UUID }

func ownCharm(s subject, k key.Key) bool {
	a, _ := s.g.App(s.app)
	return a.GetCharmDigest() != "" && a.GetCharmDigest() == k.Name
}

// isLeader says whether the unit leads its application now.
func (s subject) isLeader() bool {
	leader, _ := s.g.Leader(s.app)
	return leader == s.unit
}

// leads: records of the own application that only the leader writes.
func leads(s subject, k key.Key) bool { return k.App == s.app && s.isLeader() }

// ownLead: the leadership that the unit holds.
func ownLead(s subject, k key.Key) bool { return leads(s, k) }

// statuses: the own one; a leader sees those of its application's units.
func statuses(s subject, k key.Key) bool { return k.Unit == s.unit || leads(s, k) }

func related(s subject, k key.Key) bool { return s.g.InRelation(k.Relation, s.app) }

// bagRead: the bags and scopes of the units met in the relation and the own ones, the other application's bag; the own
// application's bag is for its leader, or for all in a peer relation.
func bagRead(s subject, k key.Key) bool {
	r, _ := s.g.Relation(k.Relation)
	own, remote := model.Ends(r, s.app)
	switch {
	case own == nil:
		return false
	case k.Unit == s.unit:
		return true
	case k.Unit != "":
		return s.g.Meets(k.Relation, s.unit, k.Unit, s.app, k.App)
	case k.App == s.app:
		return model.IsPeer(r) || s.isLeader()
	}
	return k.App == remote.Application
}

// bagWrite: the own unit's bag; the application's as leader.
func bagWrite(s subject, k key.Key) bool {
	if !related(s, k) {
		return false
	}
	if k.Unit != "" {
		return k.Unit == s.unit
	}
	return leads(s, k)
}

func ownScope(s subject, k key.Key) bool { return related(s, k) && k.Unit == s.unit }

// ownedRead: tasks of the unit, storage of the unit or of its application.
func ownedRead(s subject, k key.Key) bool {
	owner := ownerOf(s.g, k)
	return owner == s.unit || owner == s.app && k.Kind == key.Storage
}

// ownSecret: the unit's own, or its application's as leader.
func ownSecret(s subject, k key.Key) bool {
	owner := ownerOf(s.g, k)
	return owner == s.unit || owner == s.app && s.isLeader()
}

func ownContent(s subject, k key.Key) bool { return ownSecret(s, key.Named(key.Secret, k.Name)) }

func ownTask(s subject, k key.Key) bool { return ownerOf(s.g, k) == s.unit }
