package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Roles of endpoints.
const (
	Provider = "provider"
	Requirer = "requirer"
	Peer     = "peer"
)

// implicit is the endpoint that every application has without declaring it.
const implicit = api.InfoEndpoint

// Side is one application of a wanted relation, with the endpoints that its charm declares.
type Side struct {
	Application string
	Endpoint    string // wanted by the user, "" = any that fits
	Endpoints   []*controllerv1.Endpoint
	Subordinate bool
}

// Candidate is one relation that is possible: two endpoints, the provider first.
type Candidate [2]*controllerv1.Endpoint

// String is how a user would ask for it.
func (c Candidate) String() string { return endName(c[0]) + " " + endName(c[1]) }

func endName(e *controllerv1.Endpoint) string { return e.Application + ":" + e.Name }

// Match finds the one relation between two sides. If none fits the error (class Invalid, or NotFound for an endpoint that is not there) lists what each side
// has, if several do it lists them.
func Match(a, b Side) (Candidate, error) {
	for _, s := range []Side{a, b} {
		if s.Endpoint != "" && len(s.wanted()) == 0 {
			return Candidate{}, errs.E(errs.NotFound, "cannot integrate %s: application %s has no endpoint %q; it has %s", s.Application, s.Application, s.Endpoint, s.list())
		}
	}
	if a.Application == b.Application {
		return Candidate{}, errs.E(errs.Invalid, "cannot integrate %s with itself: peer relations are made by deploy", a.Application)
	}
	found := Candidates(a, b)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Candidate{}, errs.E(errs.Invalid, "cannot integrate %s with %s: no endpoints fit; %s has %s, %s has %s",
			a.Application, b.Application, a.Application, a.list(), b.Application, b.list())
	}
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.String()
	}
	return Candidate{}, errs.E(errs.Invalid, "cannot integrate %s with %s: ambiguous relation: several are possible; say which: %s",
		a.Application, b.Application, strings.Join(names, ", "))
}

// Candidates lists every relation that is possible, sorted. Those over the implicit juju-info endpoint are left out if
// there is another.
func Candidates(a, b Side) []Candidate {
	var declared, implied []Candidate
	for _, x := range a.wanted() {
		for _, y := range b.wanted() {
			c, ok := pair(x, y)
			if !ok || !allowed(c, a, b) {
				continue
			}
			if c[0].Name == implicit {
				implied = append(implied, c)
			} else {
				declared = append(declared, c)
			}
		}
	}
	if len(declared) == 0 {
		declared = implied
	}
	slices.SortFunc(declared, func(x, y Candidate) int { return cmp.Compare(x.String(), y.String()) })
	return declared
}

// pair fits two endpoints together.
func pair(x, y *controllerv1.Endpoint) (Candidate, bool) {
	switch {
	case x.Interface != y.Interface:
		return Candidate{}, false
	case x.Role == Provider && y.Role == Requirer:
		return Candidate{x, y}, true
	case x.Role == Requirer && y.Role == Provider:
		return Candidate{y, x}, true
	}
	return Candidate{}, false
}

// allowed holds the rule of scope container: one side lives beside the other, so it must be a subordinate.
func allowed(c Candidate, a, b Side) bool {
	if c[0].Scope != "container" && c[1].Scope != "container" {
		return true
	}
	return a.Subordinate || b.Subordinate
}

// wanted lists the endpoints that may be used, with the implicit one.
func (s Side) wanted() []*controllerv1.Endpoint {
	var out []*controllerv1.Endpoint
	own := false
	for _, e := range s.Endpoints {
		own = own || e.Name == implicit
		if s.Endpoint == "" || s.Endpoint == e.Name {
			out = append(out, e)
		}
	}
	if !own && (s.Endpoint == "" || s.Endpoint == implicit) {
		out = append(out, &controllerv1.Endpoint{Application: s.Application, Name: implicit, Interface: implicit, Role: Provider, Scope: "global"})
	}
	return out
}

// list names the endpoints for an error.
func (s Side) list() string {
	var names []string
	for _, e := range s.Endpoints {
		if e.Role != Peer {
			names = append(names, e.Name+" ("+e.Role+" of "+e.Interface+")")
		}
	}
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// Peers lists the peer relations that deploy makes for an application, without ids.
func Peers(endpoints []*controllerv1.Endpoint) []*controllerv1.Relation {
	var out []*controllerv1.Relation
	for _, e := range endpoints {
		if e.Role == Peer {
			out = append(out, &controllerv1.Relation{Endpoints: []*controllerv1.Endpoint{e}, Life: controllerv1.Life_LIFE_ALIVE})
		}
	}
	slices.SortFunc(out, func(x, y *controllerv1.Relation) int { return cmp.Compare(x.Endpoints[0].Name, y.Endpoints[0].Name) })
	return out
}
