package model

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Entry finds a record by the text of its key, nil if there is none.
func (g *Graph) Entry(name string) *Entry {
	if g == nil {
		return nil
	}
	return g.entries[name]
}

// Len counts the records.
func (g *Graph) Len() int { return len(g.entries) }

// All goes over all records in no order.
func (g *Graph) All() iter.Seq[*Entry] { return maps.Values(g.entries) }

// Get finds a record with its type: Get[*controllerv1.Unit](g, key.OfUnit(key.Unit, "web/0")). The revision is that of the
// last write; a nil value and 0 if there is none, or the key holds another type.
func Get[T proto.Message](g *Graph, k key.Key) (value T, mod int64) {
	if e := g.Entry(k.String()); e != nil {
		if v, ok := e.Value.(T); ok {
			return v, e.Mod
		}
	}
	return value, 0
}

// OpenTasks goes over the records of tasks that have not ended, in no order.
func (g *Graph) OpenTasks() iter.Seq[*Entry] { return maps.Values(g.open) }

// Open says whether a task has not ended.
func Open(t *controllerv1.Task) bool {
	return slices.Contains([]string{api.TaskPending, api.TaskRunning, api.TaskAborting}, t.GetStatus())
}

// Model is the model's own record.
func (g *Graph) Model() (*controllerv1.Model, int64) {
	return Get[*controllerv1.Model](g, key.Named(key.Model, g.UUID))
}

// App is the record of an application, nil if there is none.
func (g *Graph) App(name string) (*controllerv1.Application, int64) {
	return Get[*controllerv1.Application](g, key.OfApp(key.App, name))
}

// Unit is the record of a unit, nil if there is none.
func (g *Graph) Unit(name string) (*controllerv1.Unit, int64) {
	return Get[*controllerv1.Unit](g, key.OfUnit(key.Unit, name))
}

// Relation is the record of a relation, nil if there is none.
func (g *Graph) Relation(id int32) (*controllerv1.Relation, int64) {
	return Get[*controllerv1.Relation](g, key.OfRelation(id))
}

// Leader names the unit that leads the application and the term; "" and 0 if none does.
func (g *Graph) Leader(app string) (unit string, term int64) {
	e := g.Entry(key.OfApp(key.Lead, app).String())
	if e == nil {
		return "", 0
	}
	return e.Value.(*controllerv1.Lead).Unit, e.Create
}

// Apps lists the names of all applications, sorted.
func (g *Graph) Apps() []string {
	var names []string
	for app, b := range g.byApp {
		if b[key.OfApp(key.App, app).String()] != nil {
			names = append(names, app)
		}
	}
	slices.Sort(names)
	return names
}

// Units lists the units of an application by number.
func (g *Graph) Units(app string) []string { return byNumber(g.units[app]) }

// AllUnits lists all units by application and number.
func (g *Graph) AllUnits() []string {
	var names []string
	for _, app := range slices.Sorted(maps.Keys(g.units)) {
		names = append(names, g.Units(app)...)
	}
	return names
}

func byNumber(set map[string]bool) []string {
	names := slices.Collect(maps.Keys(set))
	slices.SortFunc(names, CompareUnits)
	return names
}

// CompareUnits orders by application, then by number.
func CompareUnits(a, b string) int {
	if c := cmp.Compare(key.AppOf(a), key.AppOf(b)); c != 0 {
		return c
	}
	m, _ := key.UnitNumber(a)
	n, _ := key.UnitNumber(b)
	return cmp.Compare(m, n)
}

// Relations lists the relations that an application is in, sorted.
func (g *Graph) Relations(app string) []int32 { return slices.Sorted(maps.Keys(g.rels[app])) }

// AllRelations lists the ids of all relations, sorted.
func (g *Graph) AllRelations() []int32 {
	var ids []int32
	for id, b := range g.byRel {
		if b[key.OfRelation(id).String()] != nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Members lists the units in the scope of a relation by application and number.
func (g *Graph) Members(relation int32) []string {
	var units []string
	for _, e := range g.byRel[relation] {
		if e.Key.Kind == key.Scope {
			units = append(units, e.Key.Unit)
		}
	}
	slices.SortFunc(units, CompareUnits)
	return units
}

// OfUnit lists the own records of a unit with its tasks and storage, sorted by key.
func (g *Graph) OfUnit(unit string) []*Entry { return sorted(g.byUnit[unit]) }

// OfApp lists the own records of an application with its storage, sorted by key.
func (g *Graph) OfApp(app string) []*Entry { return sorted(g.byApp[app]) }

// OfRelation lists the record of a relation, its bags and scopes, sorted by key.
func (g *Graph) OfRelation(relation int32) []*Entry { return sorted(g.byRel[relation]) }

// Readers lists what units know of a secret, in the order of their keys.
func (g *Graph) Readers(secret string) []*Entry { return sorted(g.readers[secret]) }

// OfKind lists all records of a kind, sorted by key. It looks at every record.
func (g *Graph) OfKind(kind key.Kind) []*Entry {
	var found []*Entry
	for _, e := range g.entries {
		if e.Key.Kind == kind {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, byName)
	return found
}

func sorted(b bucket) []*Entry {
	return slices.SortedFunc(maps.Values(b), byName)
}

func byName(a, b *Entry) int { return cmp.Compare(a.Name, b.Name) }

// AgentUnits lists the units that an agent speaks for, by application and number.
func (g *Graph) AgentUnits(agent string) []string {
	var names []string
	for _, app := range slices.Sorted(maps.Keys(g.agents[agent])) {
		names = append(names, byNumber(g.agents[agent][app])...)
	}
	return names
}

// AgentUnitsOf goes over those of one application, in no order.
func (g *Graph) AgentUnitsOf(agent, app string) iter.Seq[string] {
	return maps.Keys(g.agents[agent][app])
}

// AgentHas says whether the agent speaks for a unit of the application.
func (g *Graph) AgentHas(agent, app string) bool { return len(g.agents[agent][app]) > 0 }

// AgentHasBeside says whether the agent speaks for another unit of the unit's application.
func (g *Graph) AgentHasBeside(agent, unit string) bool {
	units := g.agents[agent][key.AppOf(unit)]
	return len(units) > 1 || len(units) == 1 && !units[unit]
}

// AgentApps lists the applications of which the agent has units, sorted.
func (g *Graph) AgentApps(agent string) []string { return slices.Sorted(maps.Keys(g.agents[agent])) }

// AppAgents goes over the agents that speak for units of the application, in no order.
func (g *Graph) AppAgents(app string) iter.Seq[string] { return maps.Keys(g.appAgents[app]) }

// Agents goes over the agents that speak for units of the model, in no order.
func (g *Graph) Agents() iter.Seq[string] { return maps.Keys(g.agents) }

// AgentOf is the agent that speaks for the unit, "" if none does.
func (g *Graph) AgentOf(unit string) string {
	u, _ := g.Unit(unit)
	return u.GetAgent()
}
