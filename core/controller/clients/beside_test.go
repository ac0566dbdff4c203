package clients_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

const tether = "subordinate: true\nrequires:\n  host: {interface: juju-info, scope: container}\n  also: {interface: juju-info, scope: container}\n"

// lives lists who lives beside whom, alive units only, from both sides.
func lives(t *testing.T, m *snapshot.Model) string {
	t.Helper()
	var pairs []string
	for name, u := range m.Units {
		principal := u.Value.GetPrincipal()
		if principal == "" {
			for _, sub := range u.Value.GetSubordinates() {
				if m.Units[sub].Value.GetPrincipal() != name {
					t.Errorf("%s names %s, which lives beside %q", name, sub, m.Units[sub].Value.GetPrincipal())
				}
			}
			continue
		}
		if !slices.Contains(m.Units[principal].Value.GetSubordinates(), name) {
			t.Errorf("%s lives beside %s, whose record does not name it", name, principal)
		}
		if u.Value.GetLife() == controllerv1.Life_LIFE_ALIVE {
			pairs = append(pairs, name+"@"+principal)
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

func TestSubordinates(t *testing.T) {
	b, _ := small(t)
	c := b.client
	sub := b.charm(simple("sub", tether))
	now := func() *snapshot.Model { m, _ := b.reader.Model(b.reader.Models()[0].GetUuid()); return m }
	want := func(what, pairs string) {
		t.Helper()
		if got := lives(t, now()); got != pairs {
			t.Errorf("%s: %s; want %s", what, got, pairs)
		}
	}
	ok(t, c.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: sub})
	want("deployed", "")
	ok(t, c.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"sub:host", "web"}})
	want("integrated", "sub/0@web/0 sub/1@web/1")
	ok(t, c.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"sub:also", "web"}})
	want("integrated twice", "sub/0@web/0 sub/1@web/1")
	ok(t, c.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web"})
	want("a third principal, two relations", "sub/0@web/0 sub/1@web/1 sub/2@web/2")
	ok(t, c.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "web", Scale: 2})
	want("scaled down", "sub/0@web/0 sub/1@web/1")
	ok(t, c.RemoveUnit, &clientv1.RemoveUnitRequest{Model: "m", Units: []string{"web/1"}})
	want("a principal removed", "sub/0@web/0")
	ok(t, c.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: sub, Application: "other"})
	ok(t, c.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"other:host", "web"}})
	want("another subordinate", "other/0@web/0 sub/0@web/0")
	ok(t, c.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"sub:host", "web"}})
	want("one of two relations removed", "other/0@web/0 sub/0@web/0")
	ok(t, c.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"sub:also", "web"}})
	want("the last relation removed", "other/0@web/0")
	ok(t, c.RemoveApplication, &clientv1.RemoveApplicationRequest{Model: "m", Application: "web"})
	want("the principals' application removed", "")
}

func TestSubordinatesRefuse(t *testing.T) {
	b, _ := small(t)
	c := b.client
	ok(t, c.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(simple("sub", tether))})
	ok(t, c.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"sub:host", "web"}})
	for name, bad := range map[string]struct {
		err  func() error
		kind errs.Kind
		want string
	}{
		"add unit": {func() error {
			_, err := call(t.Context(), c.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "sub"})
			return err
		}, errs.Invalid, `cannot add unit to application "sub": application is a subordinate`},
		"scale up": {func() error {
			_, err := call(t.Context(), c.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "sub", Scale: 5})
			return err
		}, errs.Invalid, `cannot scale application "sub": application is a subordinate`},
		"scale down": {func() error {
			_, err := call(t.Context(), c.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "sub", Scale: 0})
			return err
		}, errs.Invalid, `cannot scale application "sub": application is a subordinate`},
		"remove unit": {func() error {
			_, err := call(t.Context(), c.RemoveUnit, &clientv1.RemoveUnitRequest{Model: "m", Units: []string{"sub/0"}})
			return err
		}, errs.Invalid, `cannot remove unit "sub/0": unit is a subordinate, to remove use remove-relation, which removes all units of "sub" beside "web"`},
		"remove units": {func() error {
			_, err := call(t.Context(), c.RemoveUnit, &clientv1.RemoveUnitRequest{Model: "m", Application: "sub", Count: 1})
			return err
		}, errs.Invalid, `cannot remove units of application "sub": application is a subordinate`},
		"suspend nothing": {func() error {
			_, err := call(t.Context(), c.SuspendRelations, &clientv1.SuspendRelationsRequest{Model: "m"})
			return err
		}, errs.Invalid, `cannot suspend relations: none were named; give their numbers, see status --relations`},
		"suspend what is not there": {func() error {
			_, err := call(t.Context(), c.SuspendRelations, &clientv1.SuspendRelationsRequest{Model: "m", Relations: []int32{3, 77}})
			return err
		}, errs.NotFound, `cannot suspend relation 77: there is no such relation in model "m"`},
		"resume peers": {func() error {
			_, err := call(t.Context(), c.SuspendRelations, &clientv1.SuspendRelationsRequest{Model: "m", Relations: []int32{1}, Resume: true})
			return err
		}, errs.Invalid, `cannot resume relation 1: it is the peer relation "cluster" of "web"`},
	} {
		before := dump(t)
		if err := bad.err(); !errs.Is(err, bad.kind) || !matches(err.Error(), bad.want) {
			t.Errorf("%s: class %s (want %s), text:\n  %v\nwant:\n  %s", name, errs.Class(err), bad.kind, err, bad.want)
		}
		if dump(t) != before {
			t.Errorf("%s: the store changed", name)
		}
	}
}

// Units added while the relation is being made get their subordinates, whoever is first.
func TestSubordinatesOfUnitsAddedMeanwhile(t *testing.T) {
	b, _ := small(t)
	sub := b.charm(simple("sub", tether))
	for i := range 12 {
		name := fmt.Sprintf("sub%c", 'a'+i)
		ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: sub, Application: name})
		done := make(chan error, 2)
		go func() {
			_, err := call(t.Context(), b.client.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{name + ":host", "web"}})
			done <- err
		}()
		go func() {
			_, err := call(t.Context(), b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web", Count: 2})
			done <- err
		}()
		must(t, <-done)
		must(t, <-done)
		m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
		lives(t, m)
		if have, want := len(m.UnitsOf(name)), len(m.UnitsOf("web")); have != want {
			t.Fatalf("%d units of %s beside %d principals", have, name, want)
		}
	}
}

func TestSuspendRelations(t *testing.T) {
	b, _ := small(t)
	turn := func(resume bool) *controllerv1.Relation {
		t.Helper()
		ok(t, b.client.SuspendRelations, &clientv1.SuspendRelationsRequest{Model: "m", Relations: []int32{2}, Resume: resume, Message: "maintenance"})
		m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
		return m.Relations[2].Value
	}
	if r := turn(false); !r.GetSuspended() || r.GetSuspendedReason() != "maintenance" {
		t.Errorf("not suspended: %v", r)
	}
	before := dump(t)
	turn(false)
	if dump(t) != before {
		t.Error("suspending twice writes")
	}
	status := ok(t, b.client.Status, &clientv1.StatusRequest{Model: "m"})
	if r := status.GetRelations()[1]; r.GetStatus() != "suspended" || r.GetMessage() != "maintenance" {
		t.Errorf("status says %v", r)
	}
	if r := turn(true); r.GetSuspended() || r.GetSuspendedReason() != "" {
		t.Errorf("not resumed: %v", r)
	}
}

func TestStatusShowsSubordinatesWithTheirPrincipals(t *testing.T) {
	b, _ := small(t)
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(simple("sub", tether))})
	ok(t, b.client.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"sub:host", "web"}})
	for selector, want := range map[string]string{
		"":      "pg: pg/0; sub: sub/0@web/0 sub/1@web/1; web: web/0 web/1",
		"web/1": "sub: sub/1@web/1; web: web/1",
		"sub/0": "sub: sub/0@web/0; web: web/0",
		"sub":   "sub: sub/0@web/0 sub/1@web/1; web: web/0 web/1",
		"pg":    "pg: pg/0",
	} {
		req := &clientv1.StatusRequest{Model: "m"}
		if selector != "" {
			req.Selectors = []string{selector}
		}
		var parts []string
		for _, app := range ok(t, b.client.Status, req).GetApplications() {
			text := app.GetName() + ":"
			for _, u := range app.GetUnits() {
				text += " " + u.GetName()
				if u.GetPrincipal() != "" {
					text += "@" + u.GetPrincipal()
				}
			}
			if app.GetSubordinate() != (app.GetName() == "sub") || app.GetSubordinate() && !slices.Equal(app.GetSubordinateTo(), []string{"web"}) {
				t.Errorf("%s: subordinate %v to %v", app.GetName(), app.GetSubordinate(), app.GetSubordinateTo())
			}
			parts = append(parts, text)
		}
		if got := strings.Join(parts, "; "); got != want {
			t.Errorf("status %s: %s; want %s", selector, got, want)
		}
	}
}
