// Package authz decides what an agent may read and write. It is pure: a right follows from the graph of a model, the
// name of the unit and the key alone. Identity is the certificate's agent; which units that agent speaks for is asked of
// the graph at every call.
package authz

import (
	"math"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Speaks refuses an agent that does not speak for the unit.
func Speaks(g *model.Graph, agent, unit string) error {
	if g == nil || agent == "" || g.AgentOf(unit) != agent {
		return errs.E(errs.Denied, "cannot act for unit %s: agent %s does not speak for it", unit, agent)
	}
	return nil
}

// MayRead says whether the unit may see a record.
func MayRead(g *model.Graph, unit string, k key.Key) bool {
	if u, _ := g.Unit(unit); u == nil {
		return false
	}
	rule, ok := rights[k.Kind]
	return ok && rule.read(subject{g, unit, key.AppOf(unit)}, k)
}

// MayWrite says whether a commit of the unit may write a record. Rights of a leader are given to the unit that leads now;
// the transaction compares that it still does.
func MayWrite(g *model.Graph, unit string, k key.Key) bool {
	if u, _ := g.Unit(unit); u == nil {
		return false
	}
	rule, ok := rights[k.Kind]
	return ok && rule.write(subject{g, unit, key.AppOf(unit)}, k)
}

// AgentMayRead says whether any unit of the agent may see a record. Units of one application differ in their rights only
// by being the unit the key names, being the leader, and in relations of scope container; so few have to be asked, and an
// agent of thousands of units is judged as fast as one of a single unit.
func AgentMayRead(g *model.Graph, agent string, k key.Key) bool {
	if g == nil || agent == "" {
		return false
	}
	named := k.Unit
	if k.Kind == key.Task || k.Kind == key.Storage || k.Kind == key.Secret {
		named = ownerOf(g, k)
	}
	if named != "" && g.AgentOf(named) == agent && MayRead(g, named, k) {
		return true
	}
	for _, app := range concerned(g, agent, k) {
		if leader, _ := g.Leader(app); leader != "" && g.AgentOf(leader) == agent && MayRead(g, leader, k) {
			return true
		}
		ask := 2 // one may be the unit that the key names
		if r, _ := g.Relation(k.Relation); model.IsContainer(r) {
			ask = math.MaxInt
		}
		for unit := range g.AgentUnitsOf(agent, app) {
			if MayRead(g, unit, k) {
				return true
			}
			if ask--; ask == 0 {
				break
			}
		}
	}
	return false
}

// concerned lists the applications of the agent whose units may have a right to the key: usually one or two.
func concerned(g *model.Graph, agent string, k key.Key) []string {
	switch k.Kind {
	case key.Relation, key.Bag, key.Scope:
		r, _ := g.Relation(k.Relation)
		var apps []string
		for _, end := range r.GetEndpoints() {
			if g.AgentHas(agent, end.Application) {
				apps = append(apps, end.Application)
			}
		}
		return apps
	case key.Task, key.Storage, key.Secret:
		if app := appOf(ownerOf(g, k)); g.AgentHas(agent, app) {
			return []string{app}
		}
		return nil
	case key.Model, key.Charm:
		return g.AgentApps(agent)
	}
	if g.AgentHas(agent, k.App) {
		return []string{k.App}
	}
	return nil
}

// appOf is the application of an owner, which is a unit or an application.
func appOf(owner string) string {
	if app := key.AppOf(owner); app != "" {
		return app
	}
	return owner
}

// ownerOf is the unit of a task, the owner of a storage or a secret.
func ownerOf(g *model.Graph, k key.Key) string {
	if e := g.Entry(k.String()); e != nil {
		switch v := e.Value.(type) {
		case *controllerv1.Task:
			return v.Unit
		case *controllerv1.StorageInstance:
			return v.Owner
		case *controllerv1.Secret:
			return v.Owner
		}
	}
	return ""
}
