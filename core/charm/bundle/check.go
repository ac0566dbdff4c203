package bundle

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/diag"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// checker finds what is wrong with a merged bundle.
type checker struct {
	*Bundle
	// where reports at the document that gave the key.
	where func(path ...string) diag.Reporter
}

func check(b *Bundle, where func(...string) diag.Reporter, list *diag.List) {
	if len(b.Applications)+len(b.Saas) == 0 {
		*list = append(*list, diag.Diagnostic{Severity: diag.Error, File: where().Doc.File(),
			Message: "the bundle has no applications; add a key \"applications\""})
		return
	}
	c := checker{Bundle: b, where: where}
	if b.Type != "" && b.Type != Kubernetes {
		c.errorf([]string{"bundle"}, "bundle is %q; allowed: %s, or leave it out", b.Type, Kubernetes)
	}
	if b.Type == Kubernetes && len(b.Machines) > 0 {
		c.errorf([]string{"machines"}, "a kubernetes bundle has no machines; remove the key or \"bundle: kubernetes\"")
	}
	for _, id := range slices.Sorted(maps.Keys(b.Machines)) {
		if n, err := strconv.Atoi(id); err != nil || n < 0 {
			c.errorf([]string{"machines", id}, "machine %q is not valid; allowed: a whole number", id)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Saas)) {
		if s := b.Saas[name]; s == nil || s.URL == "" {
			c.errorf([]string{"saas", name}, "saas %q has no url; add a key \"url\"", name)
		}
		if b.Applications[name] != nil {
			c.errorf([]string{"saas", name}, "saas %q has the name of an application; names are unique in a bundle", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Applications)) {
		c.application(name, b.Applications[name])
	}
	for _, r := range b.Relations {
		c.relation(r)
	}
}

func (c checker) errorf(path []string, format string, args ...any) {
	c.where(path...).Errorf(path, format, args...)
}

func (c checker) application(name string, a *Application) {
	at := func(keys ...string) []string { return append([]string{"applications", name}, keys...) }
	if !charm.ValidAppName(name) {
		c.errorf(at(), "application name %q is not valid; allowed: %s", name, charm.AppNameRule)
	}
	if a.Charm == "" {
		c.errorf(at(), "application %q has no charm; add a key \"charm\" with a name, or a path that starts with \"./\"", name)
	}
	if a.Revision != nil && *a.Revision < 0 {
		c.errorf(at("revision"), "application %q has revision %d; allowed: 0 or more", name, *a.Revision)
	}
	if a.Revision != nil && a.Channel == "" && !a.Local() {
		c.errorf(at("revision"), "application %q has a revision and no channel; add a key \"channel\" that later refreshes follow", name)
	}
	c.units(name, a, at)
	for _, resource := range slices.Sorted(maps.Keys(a.Resources)) {
		switch a.Resources[resource].(type) {
		case int, string:
		default:
			c.errorf(at("resources", resource), "resource %q of application %q is not valid; allowed: a revision, a path or an image", resource, name)
		}
	}
	if grants, err := grant.ParseAll(a.Grants); err != nil {
		c.errorf(at("grants"), "application %q: %s", name, err)
	} else {
		a.Grants = grants
	}
	c.exposed(name, a, at)
	for _, offer := range slices.Sorted(maps.Keys(a.Offers)) {
		if len(a.Offers[offer].Endpoints) == 0 {
			c.errorf(at("offers", offer), "offer %q of application %q has no endpoints; add a key \"endpoints\"", offer, name)
		}
		for _, user := range slices.Sorted(maps.Keys(a.Offers[offer].ACL)) {
			if access := a.Offers[offer].ACL[user]; access != "admin" && access != "consume" && access != "read" {
				c.errorf(at("offers", offer, "acl"), "offer %q gives user %q access %q; allowed: admin, consume, read", offer, user, access)
			}
		}
	}
}

func (c checker) exposed(name string, a *Application, at func(...string) []string) {
	for _, endpoint := range slices.Sorted(maps.Keys(a.ExposedEndpoints)) {
		for _, cidr := range a.ExposedEndpoints[endpoint].ExposeToCIDRs {
			if _, err := netip.ParsePrefix(cidr); err != nil {
				c.errorf(at("exposed-endpoints", endpoint), "application %q exposes %q to %q; allowed: an address with a prefix such as \"10.0.0.0/8\"", name, endpoint, cidr)
			}
		}
	}
}

func (c checker) units(name string, a *Application, at func(...string) []string) {
	units, _ := a.Units()
	switch {
	case a.NumUnits != nil && a.Scale != nil:
		c.errorf(at("scale"), "application %q has both num_units and scale; allowed: one of them", name)
	case units < 0:
		c.errorf(at(), "application %q asks for %d units; allowed: 0 or more", name, units)
	case a.Scale != nil && c.Type != Kubernetes:
		c.errorf(at("scale"), "application %q has scale, which is for kubernetes bundles; use num_units, or add \"bundle: kubernetes\"", name)
	}
	if c.Type == Kubernetes && len(a.To) > 0 {
		c.errorf(at("to"), "application %q has to, which is not for kubernetes bundles; use placement", name)
		return
	}
	if c.Type != Kubernetes && a.Placement != "" {
		c.errorf(at("placement"), "application %q has placement, which is for kubernetes bundles; use to, or add \"bundle: kubernetes\"", name)
	}
	if n, given := a.Units(); given && n >= 0 && len(a.To) > n {
		c.errorf(at("to"), "application %q has %d units and %d placements; allowed: one for each unit or fewer", name, n, len(a.To))
	}
	for _, to := range a.To {
		p, err := ParsePlacement(to)
		switch {
		case err != nil:
			c.errorf(at("to"), "application %q: %s", name, err)
		case p.Machine != "" && c.Machines[p.Machine] == nil && !c.declared(p.Machine):
			c.errorf(at("to"), "application %q is placed on unknown machine %q; allowed: %s", name, p.Machine, diag.Names(c.Machines))
		case p.Application != "" && (c.Applications[p.Application] == nil || p.Application == name):
			c.errorf(at("to"), "application %q is placed with unknown application %q; allowed: another application of the bundle", name, p.Application)
		case p.Application != "" && p.Unit >= 0:
			if n, given := c.Applications[p.Application].Units(); given && p.Unit >= n {
				c.errorf(at("to"), "application %q is placed with unit %s/%d, and %s has %d units", name, p.Application, p.Unit, p.Application, n)
			}
		}
	}
}

// declared reports a machine that is named without a body.
func (c checker) declared(id string) bool {
	_, ok := c.Machines[id]
	return ok
}

var endpointPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*(:[a-z][a-z0-9]*([_-][a-z0-9]+)*)?$`)

func (c checker) relation(r Relation) {
	path := []string{"relations"}
	for _, side := range r {
		switch {
		case !endpointPattern.MatchString(side):
			c.errorf(path, "relation %q has no valid side %q; allowed: \"application\" or \"application:endpoint\"", strings.Join(r[:], " "), side)
		case c.Applications[appOf(side)] == nil && c.Saas[appOf(side)] == nil:
			c.errorf(path, "relation %q names unknown application %q; allowed: %s", strings.Join(r[:], " "), appOf(side), c.names())
		}
	}
	if appOf(r[0]) == appOf(r[1]) {
		c.errorf(path, "relation %q joins an application with itself; peer relations are made by the charm", strings.Join(r[:], " "))
	}
}

func (c checker) names() string {
	all := map[string]bool{}
	for name := range c.Applications {
		all[name] = true
	}
	for name := range c.Saas {
		all[name] = true
	}
	return diag.Names(all)
}

// Placement is one entry of "to".
type Placement struct {
	// Container is lxd or kvm, "" for the machine itself.
	Container string
	// One of New, Machine and Application says where.
	New         bool
	Machine     string
	Application string
	// Unit is the index of the unit of Application, -1 for any.
	Unit int
}

var placementPattern = regexp.MustCompile(`^(?:(lxd|kvm):)?(?:(new)|([0-9]{1,9})|([a-z][a-z0-9-]*)(?:/([0-9]{1,9}))?)$`)

const placementRule = `an optional "lxd:" or "kvm:", then a machine such as "0", "new", an application, or a unit such as "app/0"`

// ParsePlacement reads one entry of "to".
func ParsePlacement(text string) (Placement, error) {
	parts := placementPattern.FindStringSubmatch(text)
	if text == "lxd" || text == "kvm" { // a new machine's container
		return Placement{Container: text, New: true, Unit: -1}, nil
	}
	if parts == nil {
		return Placement{}, errs.E(errs.Invalid, "placement %q is not valid; allowed: %s", text, placementRule)
	}
	p := Placement{Container: parts[1], New: parts[2] != "", Machine: parts[3], Application: parts[4], Unit: -1}
	if parts[5] != "" {
		p.Unit, _ = strconv.Atoi(parts[5]) // nine digits at most
	}
	return p, nil
}

// String returns the placement as it is written.
func (p Placement) String() string {
	target := p.Machine
	switch {
	case p.New:
		target = "new"
	case p.Application != "" && p.Unit >= 0:
		target = fmt.Sprintf("%s/%d", p.Application, p.Unit)
	case p.Application != "":
		target = p.Application
	}
	if p.Container != "" {
		return p.Container + ":" + target
	}
	return target
}
