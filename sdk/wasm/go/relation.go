package charm

import (
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/wasm/go/internal/wire"
)

// Relation is one relation of the unit.
type Relation struct {
	ID        int
	Endpoint  string
	RemoteApp string

	ctx             *Context
	v               wire.Value
	setUnit, setApp map[string]string
}

// Relations lists the relations of an endpoint by id.
func (ctx *Context) Relations(endpoint string) []*Relation {
	var out []*Relation
	for _, r := range ctx.allRelations() {
		if r.Endpoint == endpoint {
			out = append(out, r)
		}
	}
	return out
}

// Relation is the event's relation, nil when the event has none.
func (ctx *Context) Relation() *Relation {
	for _, r := range ctx.allRelations() {
		if r.ID == ctx.event.RelationID {
			return r
		}
	}
	return nil
}

func (ctx *Context) allRelations() []*Relation {
	if !ctx.loaded {
		ctx.loaded = true
		for v := range ctx.view["relations"].Elements() {
			ctx.relations = append(ctx.relations, &Relation{ctx: ctx, v: v, ID: int(v.Get("id").Int()),
				Endpoint: v.Get("endpoint").String(), RemoteApp: v.Get("remote_app").String()})
		}
	}
	return ctx.relations
}

// Units lists the remote units (of a peer relation the other units) that the charm has been told of.
func (r *Relation) Units() []string {
	var out []string
	for m := range r.v.Get("members").Elements() {
		out = append(out, m.Get("unit").String())
	}
	return out
}

// Broken says whether this is the relation's last hook.
func (r *Relation) Broken() bool { return r.v.Get("broken").Bool() }

// Read is the databag of a unit or an application. Own bags hold the handler's own writes. An error means that the unit
// has no right to it, or that it was left out of the view for its size and the host could not fetch it.
func (r *Relation) Read(owner string) (map[string]string, error) {
	switch {
	case owner == r.ctx.Unit():
		return overlay(r.v.Get("local_unit").Map(), r.setUnit), nil
	case owner == r.ctx.App() && r.v.Get("local_app_readable").Bool():
		return overlay(r.v.Get("local_app").Map(), r.setApp), nil
	case r.onDemand(owner):
		return r.fetch(owner)
	case owner == r.RemoteApp:
		return r.v.Get("remote_app_bag").Map(), nil
	}
	for _, list := range []string{"members", "departed"} {
		for m := range r.v.Get(list).Elements() {
			if m.Get("unit").String() == owner {
				return m.Get("bag").Map(), nil
			}
		}
	}
	return r.fetch(owner)
}

func (r *Relation) onDemand(owner string) bool {
	section := "bag/" + strconv.Itoa(r.ID) + "/" + owner
	for v := range r.ctx.view["on_demand"].Elements() {
		if v.String() == section {
			return true
		}
	}
	return false
}

func (r *Relation) fetch(owner string) (map[string]string, error) {
	var w wire.Writer
	w.Open('{')
	w.Int("relation_id", int64(r.ID))
	w.Text("owner", owner)
	w.Bool("app", !strings.Contains(owner, "/"))
	w.Close('}')
	answer, err := r.ctx.call(&bagGet, w.Bytes())
	return answer.Map(), err
}

// Set writes one key of the unit's own databag; "" deletes it.
func (r *Relation) Set(key, value string) {
	if r.setUnit == nil {
		r.setUnit = map[string]string{}
	}
	r.setUnit[key] = value
}

// SetApp writes one key of the application's databag; "" deletes it. The leader alone may.
func (r *Relation) SetApp(key, value string) {
	if r.setApp == nil {
		r.setApp = map[string]string{}
	}
	r.setApp[key] = value
}
