// Package model holds what a controller knows in memory and the rules about it: which records there are, how they hang
// together, what may become of them. It does no input or output and knows no store.
package model

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Entry is one record at one revision. It is never changed: a write makes a new one, so a reader may keep it.
type Entry struct {
	Key    key.Key
	Name   string        // the key as text
	Value  proto.Message // never nil
	Mod    int64
	Create int64
	Lease  int64 // 0 = none
}

// New makes an empty message for a kind; nil for kinds whose values are no messages (counters, pieces of files).
func New(kind key.Kind) proto.Message {
	switch kind {
	case key.App:
		return &controllerv1.Application{}
	case key.Unit:
		return &controllerv1.Unit{}
	case key.Incarnation:
		return &controllerv1.Incarnation{}
	case key.State:
		return &controllerv1.UnitState{}
	case key.Members:
		return &controllerv1.MemberBlock{}
	case key.Status:
		return &controllerv1.UnitStatus{}
	case key.Addresses:
		return &controllerv1.Addresses{}
	case key.CharmState:
		return &controllerv1.CharmState{}
	case key.Ports:
		return &controllerv1.Ports{}
	case key.Relation:
		return &controllerv1.Relation{}
	case key.Bag:
		return &controllerv1.Bag{}
	case key.Scope:
		return &controllerv1.Scope{}
	}
	return newOther(kind)
}

// newOther continues New.
func newOther(kind key.Kind) proto.Message {
	switch kind {
	case key.Lead:
		return &controllerv1.Lead{}
	case key.LeaderSettings:
		return &controllerv1.LeaderSettings{}
	case key.AppStatus:
		return &controllerv1.ApplicationStatus{}
	case key.Operation:
		return &controllerv1.Operation{}
	case key.Task:
		return &controllerv1.Task{}
	case key.Resolved:
		return &controllerv1.Resolved{}
	case key.Storage:
		return &controllerv1.StorageInstance{}
	case key.StateFiles:
		return &controllerv1.StateFiles{}
	case key.Secret:
		return &controllerv1.Secret{}
	case key.SecretReader:
		return &controllerv1.SecretReader{}
	case key.Payloads:
		return &controllerv1.Payloads{}
	case key.PodSpec:
		return &controllerv1.PodSpec{}
	case key.Pool:
		return &controllerv1.StoragePool{}
	case key.Model:
		return &controllerv1.Model{}
	case key.Charm:
		return &controllerv1.Charm{}
	}
	return nil
}

// Decode reads a value; nil without an error for kinds that hold no message. Unknown fields are kept.
func Decode(k key.Key, value []byte) (proto.Message, error) {
	m := New(k.Kind)
	if m == nil {
		return nil, nil
	}
	if err := proto.Unmarshal(value, m); err != nil {
		return nil, fmt.Errorf("cannot read record %s: %w", k, err)
	}
	return m, nil
}

// Encode writes a value, the same bytes for equal messages.
func Encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// Object is the entry as an agent is told it. The value is shared, not copied.
func (e *Entry) Object(model string) *controllerv1.Object {
	o := &controllerv1.Object{Model: model, Key: e.Name, ModRevision: e.Mod, CreateRevision: e.Create}
	switch v := e.Value.(type) {
	case *controllerv1.Model:
		o.Value = &controllerv1.Object_ModelRecord{ModelRecord: v}
	case *controllerv1.Application:
		o.Value = &controllerv1.Object_Application{Application: v}
	case *controllerv1.Unit:
		o.Value = &controllerv1.Object_Unit{Unit: v}
	case *controllerv1.Incarnation:
		o.Value = &controllerv1.Object_Incarnation{Incarnation: v}
	case *controllerv1.UnitState:
		o.Value = &controllerv1.Object_UnitState{UnitState: v}
	case *controllerv1.MemberBlock:
		o.Value = &controllerv1.Object_Members{Members: v}
	case *controllerv1.UnitStatus:
		o.Value = &controllerv1.Object_UnitStatus{UnitStatus: v}
	case *controllerv1.CharmState:
		o.Value = &controllerv1.Object_CharmState{CharmState: v}
	case *controllerv1.Ports:
		o.Value = &controllerv1.Object_Ports{Ports: v}
	case *controllerv1.Addresses:
		o.Value = &controllerv1.Object_Addresses{Addresses: v}
	default:
		objectOther(o, e.Value)
	}
	return o
}

// objectOther continues Object.
func objectOther(o *controllerv1.Object, value proto.Message) {
	switch v := value.(type) {
	case *controllerv1.Relation:
		o.Value = &controllerv1.Object_Relation{Relation: v}
	case *controllerv1.Bag:
		o.Value = &controllerv1.Object_Bag{Bag: v}
	case *controllerv1.Scope:
		o.Value = &controllerv1.Object_Scope{Scope: v}
	case *controllerv1.Lead:
		o.Value = &controllerv1.Object_Lead{Lead: v}
	case *controllerv1.ApplicationStatus:
		o.Value = &controllerv1.Object_ApplicationStatus{ApplicationStatus: v}
	case *controllerv1.LeaderSettings:
		o.Value = &controllerv1.Object_LeaderSettings{LeaderSettings: v}
	case *controllerv1.Task:
		o.Value = &controllerv1.Object_Task{Task: v}
	case *controllerv1.Resolved:
		o.Value = &controllerv1.Object_Resolved{Resolved: v}
	case *controllerv1.StorageInstance:
		o.Value = &controllerv1.Object_Storage{Storage: v}
	case *controllerv1.Charm:
		o.Value = &controllerv1.Object_Charm{Charm: v}
	case *controllerv1.StateFiles:
		o.Value = &controllerv1.Object_StateFiles{StateFiles: v}
	case *controllerv1.Secret:
		o.Value = &controllerv1.Object_Secret{Secret: v}
	case *controllerv1.SecretReader:
		o.Value = &controllerv1.Object_SecretReader{SecretReader: v}
	case *controllerv1.Payloads:
		o.Value = &controllerv1.Object_Payloads{Payloads: v}
	case *controllerv1.PodSpec:
		o.Value = &controllerv1.Object_PodSpec{PodSpec: v}
	case *controllerv1.Operation:
		o.Value = &controllerv1.Object_Operation{Operation: v}
	case *controllerv1.StoragePool:
		o.Value = &controllerv1.Object_StoragePool{StoragePool: v}
	}
}
