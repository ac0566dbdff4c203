// Package key spells the keys of the records within one model: "unit/web/0", "bag/3/app/web". The store puts its
// prefix and the model before them (core/controller/store), agents are told them as they are (Object.key).
package key

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the first element of a key and decides which message the value is.
type Kind string

// The kinds, in the order of Kinds.
const (
	App            Kind = "app"      // app/<app>: Application
	Unit           Kind = "unit"     // unit/<app>/<n>: Unit
	Incarnation    Kind = "uinc"     // uinc/<app>/<n>: Incarnation
	State          Kind = "ustate"   // ustate/<app>/<n>: UnitState, the guard of every commit
	Members        Kind = "ucur"     // ucur/<app>/<n>/<rel>/<block>: MemberBlock
	File           Kind = "ufile"    // ufile/<app>/<n>/<name>/<i>: a piece of a state file, raw
	Status         Kind = "ustat"    // ustat/<app>/<n>: UnitStatus
	Addresses      Kind = "uaddr"    // uaddr/<app>/<n>: Addresses
	CharmState     Kind = "cstate"   // cstate/<app>/<n>: CharmState
	Ports          Kind = "ports"    // ports/<app>/<n>: Ports
	Relation       Kind = "rel"      // rel/<id>: Relation
	Bag            Kind = "bag"      // bag/<rel>/app/<app>, bag/<rel>/unit/<app>/<n>: Bag
	Scope          Kind = "scope"    // scope/<rel>/<app>/<n>: Scope
	Lead           Kind = "lead"     // lead/<app>: Lead, bound to a lease
	LeaderSettings Kind = "lset"     // lset/<app>: LeaderSettings
	AppStatus      Kind = "astat"    // astat/<app>: ApplicationStatus
	Operation      Kind = "op"       // op/<id>: Operation
	Task           Kind = "task"     // task/<id>: Task
	Resolved       Kind = "resolved" // resolved/<app>/<n>: Resolved
	Storage        Kind = "stor"     // stor/<name>/<n>: StorageInstance
	StateFiles     Kind = "ufset"    // ufset/<app>/<n>: StateFiles, without the pieces
	Secret         Kind = "secret"   // secret/<id>: Secret
	SecretContent  Kind = "scont"    // scont/<id>/<revision>: SecretRevision; told to nobody
	SecretReader   Kind = "sread"    // sread/<id>/<app>/<n>: SecretReader
	Payloads       Kind = "payl"     // payl/<app>/<n>: Payloads
	PodSpec        Kind = "podspec"  // podspec/<app>: PodSpec
	Pool           Kind = "pool"     // pool/<name>: StoragePool
	Next           Kind = "next"     // next/relation, next/operation, next/unit/<app>: a decimal number
	// Model and Charm lie outside m/<uuid>/ in the store, but agents are told them with the model's records.
	Model Kind = "models" // models/<uuid>: Model
	Charm Kind = "charms" // charms/<digest>: Charm
)

// Kinds lists every kind; what decides about keys has a row for each.
func Kinds() []Kind {
	return []Kind{App, Unit, Incarnation, State, Members, File, Status, Addresses, CharmState, Ports, Relation, Bag, Scope,
		Lead, LeaderSettings, AppStatus, Operation, Task, Resolved, Storage, StateFiles, Secret, SecretContent, SecretReader, Payloads, PodSpec, Pool, Next, Model, Charm}
}

// Key is a parsed key. Fields that the kind does not have are zero.
type Key struct {
	Kind     Kind
	App      string // the application; set wherever a unit is
	Unit     string // "web/0"; "" in the bag of an application
	Relation int32
	Name     string // state file, task, operation, secret, storage id ("data/0"), pool, counter ("unit/web"), digest, model
	Part     uint32 // block of members, piece of a file, revision of a secret
}

// String spells the key; Parse reads it back.
func (k Key) String() string {
	switch k.Kind {
	case App, Lead, LeaderSettings, AppStatus, PodSpec:
		return string(k.Kind) + "/" + k.App
	case Unit, Incarnation, State, Status, Addresses, CharmState, Ports, Resolved, StateFiles, Payloads:
		return string(k.Kind) + "/" + k.Unit
	case SecretContent:
		return string(k.Kind) + "/" + k.Name + "/" + strconv.FormatUint(uint64(k.Part), 10)
	case SecretReader:
		return string(k.Kind) + "/" + k.Name + "/" + k.Unit
	case Members:
		return string(k.Kind) + "/" + k.Unit + "/" + id(k.Relation) + "/" + strconv.FormatUint(uint64(k.Part), 10)
	case File:
		return string(k.Kind) + "/" + k.Unit + "/" + k.Name + "/" + strconv.FormatUint(uint64(k.Part), 10)
	case Relation:
		return string(k.Kind) + "/" + id(k.Relation)
	case Bag:
		if k.Unit == "" {
			return string(k.Kind) + "/" + id(k.Relation) + "/app/" + k.App
		}
		return string(k.Kind) + "/" + id(k.Relation) + "/unit/" + k.Unit
	case Scope:
		return string(k.Kind) + "/" + id(k.Relation) + "/" + k.Unit
	default:
		return string(k.Kind) + "/" + k.Name
	}
}

func id(n int32) string { return strconv.FormatInt(int64(n), 10) }

// OfUnit makes a key of a kind that has one record for each unit.
func OfUnit(kind Kind, unit string) Key { return Key{Kind: kind, App: AppOf(unit), Unit: unit} }

// OfApp makes a key of a kind that has one record for each application.
func OfApp(kind Kind, app string) Key { return Key{Kind: kind, App: app} }

// Named makes a key of a kind whose records have names of their own: tasks, operations, storage, counters, charms, models.
func Named(kind Kind, name string) Key { return Key{Kind: kind, Name: name} }

// OfRelation is rel/<id>.
func OfRelation(relation int32) Key { return Key{Kind: Relation, Relation: relation} }

// UnitBag is the databag of one unit.
func UnitBag(relation int32, unit string) Key {
	return Key{Kind: Bag, Relation: relation, App: AppOf(unit), Unit: unit}
}

// AppBag is the databag of one application.
func AppBag(relation int32, app string) Key { return Key{Kind: Bag, Relation: relation, App: app} }

// ScopeOf is the membership of one unit.
func ScopeOf(relation int32, unit string) Key {
	return Key{Kind: Scope, Relation: relation, App: AppOf(unit), Unit: unit}
}

// MembersOf is one block of 64 members of the unit's cursor.
func MembersOf(unit string, relation int32, block uint32) Key {
	return Key{Kind: Members, App: AppOf(unit), Unit: unit, Relation: relation, Part: block}
}

// FileOf is one piece of a state file.
func FileOf(unit, name string, part uint32) Key {
	return Key{Kind: File, App: AppOf(unit), Unit: unit, Name: name, Part: part}
}

// ContentOf is the content of one revision of a secret.
func ContentOf(secret string, revision int32) Key {
	return Key{Kind: SecretContent, Name: secret, Part: uint32(revision)}
}

// ReaderOf is what one unit knows of a secret.
func ReaderOf(secret, unit string) Key {
	return Key{Kind: SecretReader, Name: secret, App: AppOf(unit), Unit: unit}
}

// AppOf is the application in a unit's name, "" if there is no number behind a slash.
func AppOf(unit string) string {
	app, _, ok := strings.Cut(unit, "/")
	if !ok {
		return ""
	}
	return app
}

// UnitNumber is N of "app/N"; ok is false for what is no unit's name in its one spelling.
func UnitNumber(unit string) (n int, ok bool) {
	_, number, found := strings.Cut(unit, "/")
	n, err := strconv.Atoi(number)
	return n, found && err == nil && n >= 0 && strconv.Itoa(n) == number
}

// errKey is the one form of Parse's errors.
func errKey(s, why string) error { return fmt.Errorf("cannot read key %q: %s", s, why) }
