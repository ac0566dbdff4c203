package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// Live is what a model holds of what a bundle can ask for.
type Live struct {
	Applications map[string]LiveApplication
	// Relations name both endpoints.
	Relations []Relation
	// Saas maps the name of a consumed offer to its URL.
	Saas map[string]string
}

// LiveApplication is one application of a model.
type LiveApplication struct {
	// Charm is what it was deployed from, as in Application.Charm.
	Charm    string
	Channel  string
	Revision int
	// Scale is the number of units asked for.
	Scale int
	// Config holds the values that were set, without defaults.
	Config           map[string]any
	Resources        map[string]any
	Constraints      string
	Annotations      map[string]string
	Exposed          bool
	ExposedEndpoints map[string]ExposedEndpoint
	Trust            bool
	Grants           []string
	// Offers are the offers of its endpoints by name.
	Offers map[string]Offer
}

// Kind is what a Change does.
type Kind string

// The kinds, in the order a plan has them. Changes of one plan are carried out
// in its order.
const (
	Consume     Kind = "consume"     // Application consumes URL
	Deploy      Kind = "deploy"      // Deploy holds everything
	Refresh     Kind = "refresh"     // to Deploy's charm, channel and revision
	SetConfig   Kind = "config"      // Config
	Attach      Kind = "attach"      // Resources
	Constrain   Kind = "constraints" // Constraints
	SetTrust    Kind = "trust"       // gives trust
	Grant       Kind = "grant"       // Grants
	Scale       Kind = "scale"       // up to Units
	SetExpose   Kind = "expose"      // ExposedEndpoints, or all when empty
	Annotate    Kind = "annotate"    // Annotations
	Integrate   Kind = "integrate"   // Relation
	CreateOffer Kind = "offer"       // OfferName, Offer
)

// Change is one step towards the bundle. Only the fields its Kind names are set.
type Change struct {
	Kind        Kind   `json:"kind"`
	Application string `json:"application,omitempty"`
	// Deploy is the application as the bundle wants it, for Deploy and Refresh.
	Deploy           *Application               `json:"deploy,omitempty"`
	Config           map[string]any             `json:"config,omitempty"`
	Resources        map[string]any             `json:"resources,omitempty"`
	Constraints      string                     `json:"constraints,omitempty"`
	Annotations      map[string]string          `json:"annotations,omitempty"`
	Grants           []string                   `json:"grants,omitempty"`
	Units            int                        `json:"units,omitempty"`
	ExposedEndpoints map[string]ExposedEndpoint `json:"exposed-endpoints,omitempty"`
	Relation         *Relation                  `json:"relation,omitempty"`
	URL              string                     `json:"url,omitempty"`
	OfferName        string                     `json:"offer-name,omitempty"`
	Offer            *Offer                     `json:"offer,omitempty"`
}

// Plan returns what must be done to live so that it holds the bundle, in
// order; empty when nothing. It never removes, scales down or takes back. A
// deploy carries config, resources, constraints, storage, devices, bindings,
// placements, trust and grants with it. Machines are not planned: placements name them.
func Plan(b *Bundle, live Live) []Change {
	var plan []Change
	names := slices.Sorted(maps.Keys(b.Applications))
	for _, name := range slices.Sorted(maps.Keys(b.Saas)) {
		if live.Saas[name] != b.Saas[name].URL {
			plan = append(plan, Change{Kind: Consume, Application: name, URL: b.Saas[name].URL})
		}
	}
	for _, name := range names {
		if _, ok := live.Applications[name]; !ok {
			plan = append(plan, Change{Kind: Deploy, Application: name, Deploy: b.Applications[name]})
		}
	}
	for _, name := range names {
		have, ok := live.Applications[name]
		if ok {
			plan = append(plan, update(name, b.Applications[name], have)...)
		}
		plan = append(plan, reveal(name, b.Applications[name], have)...)
	}
	for _, r := range b.Relations {
		if !slices.ContainsFunc(live.Relations, r.covers) {
			plan = append(plan, Change{Kind: Integrate, Relation: &r})
		}
	}
	for _, name := range names {
		for _, offer := range slices.Sorted(maps.Keys(b.Applications[name].Offers)) {
			want := b.Applications[name].Offers[offer]
			if have, ok := live.Applications[name].Offers[offer]; !ok || !same(have, want) {
				plan = append(plan, Change{Kind: CreateOffer, Application: name, OfferName: offer, Offer: &want})
			}
		}
	}
	return plan
}

// update returns the changes of an application that is there.
func update(name string, want *Application, have LiveApplication) []Change {
	var plan []Change
	if want.Charm != have.Charm || want.Channel != "" && want.Channel != have.Channel ||
		want.Revision != nil && *want.Revision != have.Revision {
		plan = append(plan, Change{Kind: Refresh, Application: name, Deploy: want})
	}
	if config := differing(want.Options, have.Config); len(config) > 0 {
		plan = append(plan, Change{Kind: SetConfig, Application: name, Config: config})
	}
	if resources := differing(want.Resources, have.Resources); len(resources) > 0 {
		plan = append(plan, Change{Kind: Attach, Application: name, Resources: resources})
	}
	if want.Constraints != "" && want.Constraints != have.Constraints {
		plan = append(plan, Change{Kind: Constrain, Application: name, Constraints: want.Constraints})
	}
	if want.Trust && !have.Trust {
		plan = append(plan, Change{Kind: SetTrust, Application: name})
	}
	if grants := grant.Missing(want.Grants, have.Grants); len(grants) > 0 {
		plan = append(plan, Change{Kind: Grant, Application: name, Grants: grants})
	}
	if units, given := want.Units(); given && units > have.Scale {
		plan = append(plan, Change{Kind: Scale, Application: name, Units: units})
	}
	return plan
}

// reveal returns what a deploy does not carry.
func reveal(name string, want *Application, have LiveApplication) []Change {
	var plan []Change
	endpoints := map[string]ExposedEndpoint{}
	for endpoint, e := range want.ExposedEndpoints {
		if old, ok := have.ExposedEndpoints[endpoint]; !ok || !same(old, e) {
			endpoints[endpoint] = e
		}
	}
	if len(endpoints) > 0 || want.Expose && !have.Exposed {
		plan = append(plan, Change{Kind: SetExpose, Application: name, ExposedEndpoints: endpoints})
	}
	annotations := map[string]string{}
	for key, text := range want.Annotations {
		if old, ok := have.Annotations[key]; !ok || old != text {
			annotations[key] = text
		}
	}
	if len(annotations) > 0 {
		plan = append(plan, Change{Kind: Annotate, Application: name, Annotations: annotations})
	}
	return plan
}

// differing returns the wanted values that are not there. A null is no value.
func differing(want, have map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range want {
		if value == nil {
			continue
		}
		if old, ok := have[key]; !ok || plain(old) != plain(value) {
			out[key] = value
		}
	}
	return out
}

// plain is the text of a value, the same for 80 and 80.0 and "80": a model has
// the option's type, a bundle what its author wrote.
func plain(value any) string {
	switch v := value.(type) {
	case float64:
		if v == float64(int64(v)) {
			return fmt.Sprint(int64(v))
		}
	case float32:
		return plain(float64(v))
	}
	return fmt.Sprint(value)
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// String says what the change does, in one line for people.
func (c Change) String() string {
	switch c.Kind {
	case Consume:
		return fmt.Sprintf("consume offer %s as %s", c.URL, c.Application)
	case Deploy:
		text := fmt.Sprintf("deploy application %s from %s", c.Application, c.Deploy.Charm)
		if n, given := c.Deploy.Units(); given {
			text += fmt.Sprintf(" with %d units", n)
		}
		if len(c.Deploy.Grants) > 0 {
			text += ", granted " + strings.Join(c.Deploy.Grants, " ")
		}
		return text
	case Refresh:
		return fmt.Sprintf("refresh application %s to %s", c.Application, c.Deploy.Charm)
	case SetConfig:
		return fmt.Sprintf("set options %s of %s", list(c.Config), c.Application)
	case Attach:
		return fmt.Sprintf("attach resources %s to %s", list(c.Resources), c.Application)
	case Constrain:
		return fmt.Sprintf("set constraints of %s to %q", c.Application, c.Constraints)
	case SetTrust:
		return fmt.Sprintf("trust %s", c.Application)
	case Grant:
		return fmt.Sprintf("grant %s to %s", strings.Join(c.Grants, " "), c.Application)
	case Scale:
		return fmt.Sprintf("scale %s to %d units", c.Application, c.Units)
	case SetExpose:
		if len(c.ExposedEndpoints) > 0 {
			return fmt.Sprintf("expose endpoints %s of %s", list(c.ExposedEndpoints), c.Application)
		}
		return fmt.Sprintf("expose %s", c.Application)
	case Annotate:
		return fmt.Sprintf("annotate %s with %s", c.Application, list(c.Annotations))
	case Integrate:
		return fmt.Sprintf("integrate %s with %s", c.Relation[0], c.Relation[1])
	case CreateOffer:
		return fmt.Sprintf("offer %s of %s as %s", strings.Join(c.Offer.Endpoints, ", "), c.Application, c.OfferName)
	}
	return string(c.Kind)
}

func list[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
