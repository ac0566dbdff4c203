package bundle_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/charm/bundle"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// apply is a model that carries a plan out as the contract of Kind says.
func apply(live bundle.Live, plan []bundle.Change) bundle.Live {
	out := bundle.Live{Applications: maps.Clone(live.Applications), Relations: slices.Clone(live.Relations), Saas: maps.Clone(live.Saas)}
	if out.Applications == nil {
		out.Applications = map[string]bundle.LiveApplication{}
	}
	if out.Saas == nil {
		out.Saas = map[string]string{}
	}
	for _, c := range plan {
		a := out.Applications[c.Application]
		switch c.Kind {
		case bundle.Consume:
			out.Saas[c.Application] = c.URL
			continue
		case bundle.Integrate:
			r := *c.Relation
			for i := range r {
				if !strings.Contains(r[i], ":") {
					r[i] += ":implied"
				}
			}
			out.Relations = append(out.Relations, r)
			continue
		case bundle.Deploy:
			n, given := c.Deploy.Units()
			if !given {
				n = 1
			}
			a = bundle.LiveApplication{Charm: c.Deploy.Charm, Channel: c.Deploy.Channel, Scale: n, Config: set(nil, c.Deploy.Options),
				Resources: set(nil, c.Deploy.Resources), Constraints: c.Deploy.Constraints, Trust: c.Deploy.Trust, Grants: c.Deploy.Grants}
			if c.Deploy.Revision != nil {
				a.Revision = *c.Deploy.Revision
			}
		case bundle.Refresh:
			a.Charm = c.Deploy.Charm
			if c.Deploy.Channel != "" {
				a.Channel = c.Deploy.Channel
			}
			if c.Deploy.Revision != nil {
				a.Revision = *c.Deploy.Revision
			}
		case bundle.SetConfig:
			a.Config = set(a.Config, c.Config)
		case bundle.Attach:
			a.Resources = set(a.Resources, c.Resources)
		case bundle.Constrain:
			a.Constraints = c.Constraints
		case bundle.SetTrust:
			a.Trust = true
		case bundle.Grant:
			a.Grants = append(slices.Clone(a.Grants), c.Grants...)
		case bundle.Scale:
			a.Scale = c.Units
		case bundle.SetExpose:
			a.Exposed, a.ExposedEndpoints = true, set(a.ExposedEndpoints, c.ExposedEndpoints)
		case bundle.Annotate:
			a.Annotations = set(a.Annotations, c.Annotations)
		case bundle.CreateOffer:
			a.Offers = set(a.Offers, map[string]bundle.Offer{c.OfferName: *c.Offer})
		default:
			panic("unknown kind " + c.Kind)
		}
		out.Applications[c.Application] = a
	}
	return out
}

func set[V any](have, add map[string]V) map[string]V {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]V{}
	}
	maps.Copy(out, add)
	return out
}

func genApplication(t *rapid.T, name string) *bundle.Application {
	a := &bundle.Application{Charm: rapid.SampledFrom([]string{"x", "/x", "y"}).Draw(t, "charm"),
		Channel:     rapid.SampledFrom([]string{"", "edge"}).Draw(t, "channel"),
		Trust:       rapid.Bool().Draw(t, "trust"),
		Grants:      rapid.SliceOfDistinct(rapid.SampledFrom([]string{"credential", "package=curl"}), rapid.ID).Draw(t, "grants"),
		Expose:      rapid.Bool().Draw(t, "expose"),
		Constraints: rapid.SampledFrom([]string{"", "mem=1G"}).Draw(t, "constraints"),
		Options: rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}),
			rapid.SampledFrom([]any{1, 1.0, "1", true, nil, 2.5}), 0, 2).Draw(t, "options"),
		Annotations: rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), rapid.SampledFrom([]string{"", "t"}), 0, 2).Draw(t, "annotations"),
		Resources:   rapid.MapOfN(rapid.Just("r"), rapid.SampledFrom([]any{1, "img"}), 0, 1).Draw(t, "resources"),
	}
	if rapid.Bool().Draw(t, "units given") {
		a.NumUnits = new(rapid.IntRange(0, 3).Draw(t, "units"))
	}
	if rapid.Bool().Draw(t, "revision given") {
		a.Revision = new(rapid.IntRange(0, 2).Draw(t, "revision"))
	}
	if rapid.Bool().Draw(t, "offered") {
		a.Offers = map[string]bundle.Offer{name: {Endpoints: []string{"db"}}}
		a.ExposedEndpoints = map[string]bundle.ExposedEndpoint{"db": {ExposeToSpaces: []string{"s"}}}
	}
	return a
}

func genBundle(t *rapid.T) *bundle.Bundle {
	b := &bundle.Bundle{Applications: map[string]*bundle.Application{}, Saas: map[string]*bundle.Saas{}}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID).Draw(t, "names") {
		b.Applications[name] = genApplication(t, name)
	}
	if rapid.Bool().Draw(t, "saas") {
		b.Saas["s"] = &bundle.Saas{URL: rapid.SampledFrom([]string{"u", "v"}).Draw(t, "url")}
	}
	names := slices.Sorted(maps.Keys(b.Applications))
	for i := range names {
		for _, other := range names[i+1:] {
			if rapid.Bool().Draw(t, "related") {
				b.Relations = append(b.Relations, bundle.Relation{
					names[i] + rapid.SampledFrom([]string{"", ":x"}).Draw(t, "left"), other + rapid.SampledFrom([]string{"", ":y"}).Draw(t, "right")})
			}
		}
	}
	return b
}

func TestPlanIsIdempotentAndAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := apply(bundle.Live{}, bundle.Plan(genBundle(t), bundle.Live{}))
		b := genBundle(t)
		plan := bundle.Plan(b, before)
		after := apply(before, plan)
		if left := bundle.Plan(b, after); len(left) > 0 {
			t.Fatalf("a second plan is not empty: %v", left)
		}
		for name, old := range before.Applications {
			now, ok := after.Applications[name]
			if !ok || now.Scale < old.Scale || old.Trust && !now.Trust || old.Exposed && !now.Exposed || len(grant.Missing(old.Grants, now.Grants)) > 0 {
				t.Fatalf("%s: %+v became %+v", name, old, now)
			}
		}
		deployed := map[string]bool{}
		for name := range before.Applications {
			deployed[name] = true
		}
		for _, c := range plan {
			if c.String() == string(c.Kind) {
				t.Fatalf("%+v has no text", c)
			}
			switch c.Kind {
			case bundle.Consume:
			case bundle.Deploy:
				deployed[c.Application] = true
			case bundle.Integrate:
				for _, side := range c.Relation {
					if app, _, _ := strings.Cut(side, ":"); !deployed[app] {
						t.Fatalf("%s comes before %s is deployed", c, app)
					}
				}
			default:
				if !deployed[c.Application] {
					t.Fatalf("%s comes before the deploy", c)
				}
			}
		}
	})
}

func TestPlan(t *testing.T) {
	b := &bundle.Bundle{
		Applications: map[string]*bundle.Application{
			"web": {Charm: "/web", NumUnits: new(3), Options: map[string]any{"port": "80", "name": "n"}, Trust: true, Expose: true,
				Constraints: "mem=1G", Resources: map[string]any{"img": "nginx"}, Annotations: map[string]string{"x": "1"}},
			"db":    {Charm: "pg", Channel: "edge", NumUnits: new(1), Offers: map[string]bundle.Offer{"o": {Endpoints: []string{"db"}}}},
			"cache": {Charm: "redis", NumUnits: new(2), Expose: true},
		},
		Saas:      map[string]*bundle.Saas{"logs": {URL: "admin/cos.logs"}},
		Relations: []bundle.Relation{{"web:db", "db:db"}, {"web", "cache"}, {"web", "logs"}},
	}
	live := bundle.Live{
		Applications: map[string]bundle.LiveApplication{
			"web": {Charm: "/web", Scale: 1, Config: map[string]any{"port": int64(80), "other": true}},
			"db":  {Charm: "pg", Channel: "stable", Scale: 5},
		},
		Relations: []bundle.Relation{{"db:db", "web:db"}},
	}
	var got []string
	for _, c := range bundle.Plan(b, live) {
		got = append(got, fmt.Sprint(c))
	}
	want := []string{
		"consume offer admin/cos.logs as logs",
		"deploy application cache from redis with 2 units",
		"expose cache",
		"refresh application db to pg",
		"set options name of web",
		"attach resources img to web",
		`set constraints of web to "mem=1G"`,
		"trust web",
		"scale web to 3 units",
		"expose web",
		"annotate web with x",
		"integrate web with cache",
		"integrate web with logs",
		"offer db of db as o",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
