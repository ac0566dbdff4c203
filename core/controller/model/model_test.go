package model_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func end(app, name, iface, role string) *controllerv1.Endpoint {
	return &controllerv1.Endpoint{Application: app, Name: name, Interface: iface, Role: role, Scope: "global"}
}

func TestMatch(t *testing.T) {
	wp := []*controllerv1.Endpoint{end("wp", "db", "mysql", "requirer"), end("wp", "site", "http", "provider"), end("wp", "ring", "mysql", "peer")}
	my := []*controllerv1.Endpoint{end("my", "db", "mysql", "provider"), end("my", "shared", "mysql", "provider"), end("my", "up", "http", "requirer")}
	logs := end("log", "host", "juju-info", "requirer")
	logs.Scope = "container"
	side := func(app, endpoint string, ends []*controllerv1.Endpoint, sub bool) model.Side {
		return model.Side{Application: app, Endpoint: endpoint, Endpoints: ends, Subordinate: sub}
	}
	for _, c := range []struct {
		name string
		a, b model.Side
		want string
		kind errs.Kind
		says []string
	}{
		{"both named", side("wp", "db", wp, false), side("my", "db", my, false), "my:db wp:db", "", nil},
		{"other order", side("my", "db", my, false), side("wp", "db", wp, false), "my:db wp:db", "", nil},
		{"one named", side("wp", "site", wp, false), side("my", "", my, false), "wp:site my:up", "", nil},
		{"several", side("wp", "", wp, false), side("my", "", my, false), "", errs.Invalid, []string{"my:db wp:db", "my:shared wp:db", "wp:site my:up"}},
		{"two left", side("wp", "db", wp, false), side("my", "", my, false), "", errs.Invalid, []string{"my:db wp:db", "my:shared wp:db"}},
		{"no such endpoint", side("wp", "nope", wp, false), side("my", "", my, false), "", errs.NotFound, []string{`"nope"`, "db (requirer of mysql)"}},
		{"wrong interface", side("wp", "site", wp, false), side("my", "db", my, false), "", errs.Invalid, []string{"no endpoints fit"}},
		{"peer endpoints never", side("wp", "ring", wp, false), side("my", "db", my, false), "", errs.Invalid, []string{"no endpoints fit"}},
		{"itself", side("wp", "", wp, false), side("wp", "", wp, false), "", errs.Invalid, []string{"peer"}},
		{"implicit", side("log", "", []*controllerv1.Endpoint{logs}, true), side("my", "", my, false), "my:juju-info log:host", "", nil},
		{"implicit named", side("log", "", []*controllerv1.Endpoint{logs}, true), side("my", "juju-info", my, false), "my:juju-info log:host", "", nil},
		{"container needs a subordinate", side("log", "", []*controllerv1.Endpoint{logs}, false), side("my", "", my, false), "", errs.Invalid, []string{"no endpoints fit"}},
		{"declared before implicit", side("log", "", []*controllerv1.Endpoint{logs, end("log", "up", "mysql", "requirer")}, true), side("my", "db", my, false), "my:db log:up", "", nil},
		{"nothing at all", side("x", "", nil, false), side("y", "", nil, false), "", errs.Invalid, []string{"x has none, y has none"}},
	} {
		got, err := model.Match(c.a, c.b)
		if errs.Class(err) != c.kind || err == nil && got.String() != c.want {
			t.Errorf("%s: %v, %v; want %q of class %q", c.name, got, err, c.want, c.kind)
		}
		for _, text := range c.says {
			if !strings.Contains(fmt.Sprint(err), text) {
				t.Errorf("%s: %v does not say %q", c.name, err, text)
			}
		}
	}
	if peers := model.Peers(wp); len(peers) != 1 || !model.IsPeer(peers[0]) || peers[0].Endpoints[0].Name != "ring" {
		t.Errorf("peers %v", peers)
	}
}

func TestAdvance(t *testing.T) {
	alive, dying, dead := controllerv1.Life_LIFE_ALIVE, controllerv1.Life_LIFE_DYING, controllerv1.Life_LIFE_DEAD
	for _, c := range []struct {
		from, to controllerv1.Life
		ok       bool
	}{{alive, dying, true}, {dying, dead, true}, {alive, alive, true}, {dying, dying, true}, {alive, dead, true}, {dying, alive, false},
		{dead, dying, false}, {dead, alive, false}, {0, alive, false}, {alive, 0, false}} {
		if err := model.Advance("unit web/0", c.from, c.to); (err == nil) != c.ok {
			t.Errorf("%v → %v: %v", c.from, c.to, err)
		}
	}
	if model.LifeName(alive)+model.LifeName(dying)+model.LifeName(dead)+model.LifeName(0) != "alivedyingdead" {
		t.Error("names of lives")
	}
}

func TestNames(t *testing.T) {
	check := func(what string, f func(string) error, good, bad []string) {
		for _, name := range good {
			if err := f(name); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, name := range bad {
			if err := f(name); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s %q: %v, want class Invalid", what, name, err)
			}
		}
	}
	check("application", model.CheckAppName, []string{"a", "web", "web2", "a-b2-c", "a-2b"},
		[]string{"", "Web", "2web", "web-", "-web", "web--x", "web-2", "a_b", "a/b", "ä", strings.Repeat("a", 64)})
	check("model", model.CheckModelName, []string{"m", "0m", "my-model"}, []string{"", "-m", "M", "a b", strings.Repeat("a", 64)})
	check("unit", model.CheckUnitName, []string{"web/0", "a-b/12"}, []string{"web", "web/", "web/01", "web/-1", "web-2/0", "/0", "web/0/0"})
}

func TestNextNames(t *testing.T) {
	names, counter, err := model.NextNames("web", nil, 2)
	if err != nil || !slices.Equal(names, []string{"web/0", "web/1"}) {
		t.Fatalf("%v %v", names, err)
	}
	names, counter, err = model.NextNames("web", counter, 1)
	if err != nil || !slices.Equal(names, []string{"web/2"}) || string(counter) != "3" {
		t.Fatalf("%v %q %v", names, counter, err)
	}
	for _, bad := range []string{"x", "-1"} {
		if _, _, err := model.NextNames("web", []byte(bad), 1); err == nil {
			t.Errorf("counter %q was read", bad)
		}
	}
}

func TestEveryKindHasItsMessage(t *testing.T) {
	raw := map[key.Kind]bool{key.File: true, key.SecretContent: true, key.Next: true}
	for _, kind := range key.Kinds() {
		m := model.New(kind)
		if (m == nil) != raw[kind] {
			t.Errorf("kind %s has message %v", kind, m)
			continue
		}
		if m == nil {
			continue
		}
		m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1))
		bytes, err := model.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		k := key.Key{Kind: kind}
		back, err := model.Decode(k, bytes)
		if err != nil || !proto.Equal(back, m) {
			t.Errorf("kind %s reads back as %v, %v", kind, back, err)
		}
		if o := (&model.Entry{Key: k, Value: m}).Object("u"); o.Value == nil {
			t.Errorf("kind %s cannot be told to an agent", kind)
		}
		if _, err := model.Decode(k, []byte{0xff}); err == nil {
			t.Errorf("kind %s reads rubbish", kind)
		}
	}
}

// facts is all that a graph answers, comparable.
func facts(g *model.Graph) string {
	var b strings.Builder
	apps := []string{"web", "db", "gone"}
	fmt.Fprintln(&b, g.Len(), g.Apps(), g.AllUnits(), g.AllRelations(), slices.Sorted(g.Agents()))
	for _, app := range apps {
		leader, term := g.Leader(app)
		fmt.Fprintln(&b, app, g.Units(app), g.Relations(app), slices.Sorted(g.AppAgents(app)), leader, term, names(g.OfApp(app)))
		for _, n := range []string{"0", "1", "12"} {
			fmt.Fprintln(&b, app+"/"+n, g.AgentOf(app+"/"+n), names(g.OfUnit(app+"/"+n)))
		}
		for _, agent := range []string{"a", "b"} {
			fmt.Fprintln(&b, agent, g.AgentHas(agent, app), slices.Sorted(g.AgentUnitsOf(agent, app)), g.AgentApps(agent), g.AgentUnits(agent))
		}
	}
	for _, id := range []int32{1, 2} {
		fmt.Fprintln(&b, id, g.Members(id), names(g.OfRelation(id)), g.RelationBetween("web", "r", "db", "r"))
	}
	return b.String()
}

func names(entries []*model.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Name)
	}
	return out
}

// TestIndexes: whatever was put and deleted, a graph answers as one into which only what is left was put.
func TestIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, left := model.NewGraph("u"), map[string]*model.Entry{}
		for i := range rapid.IntRange(1, 40).Draw(t, "n") {
			e := draw(t, i)
			if rapid.IntRange(0, 2).Draw(t, fmt.Sprint("delete", i)) == 0 {
				if was := g.Delete(e.Name); was != left[e.Name] {
					t.Fatalf("Delete(%s) = %v, want %v", e.Name, was, left[e.Name])
				}
				delete(left, e.Name)
				continue
			}
			if was := g.Put(e); was != left[e.Name] {
				t.Fatalf("Put(%s) = %v, want %v", e.Name, was, left[e.Name])
			}
			left[e.Name] = e
		}
		fresh := model.NewGraph("u")
		for _, name := range slices.Sorted(maps.Keys(left)) {
			fresh.Put(left[name])
		}
		if got, want := facts(g), facts(fresh); got != want {
			t.Fatalf("the graph says\n%s\nwant\n%s", got, want)
		}
	})
}

// draw makes a random record.
func draw(t *rapid.T, i int) *model.Entry {
	pick := func(what string, from ...string) string {
		return rapid.SampledFrom(from).Draw(t, fmt.Sprint(what, i))
	}
	app, id := pick("app", "web", "db"), rapid.Int32Range(1, 2).Draw(t, fmt.Sprint("rel", i))
	unit := app + "/" + pick("number", "0", "1", "12")
	var k key.Key
	var v proto.Message
	switch pick("kind", "app", "unit", "unit", "rel", "bag", "scope", "lead", "task", "storage", "state") {
	case "app":
		k, v = key.OfApp(key.App, app), &controllerv1.Application{}
	case "unit":
		k, v = key.OfUnit(key.Unit, unit), &controllerv1.Unit{Agent: pick("agent", "a", "b", "")}
	case "rel":
		k, v = key.OfRelation(id), &controllerv1.Relation{Endpoints: []*controllerv1.Endpoint{end(app, "r", "", ""), end(pick("other", "db", "gone"), "r", "", "")}}
	case "bag":
		k, v = key.UnitBag(id, unit), &controllerv1.Bag{}
	case "scope":
		k, v = key.ScopeOf(id, unit), &controllerv1.Scope{}
	case "lead":
		k, v = key.OfApp(key.Lead, app), &controllerv1.Lead{Unit: unit}
	case "task":
		k, v = key.Named(key.Task, "1"), &controllerv1.Task{Unit: unit}
	case "storage":
		k, v = key.Named(key.Storage, "data/0"), &controllerv1.StorageInstance{Owner: pick("owner", app, unit)}
	default:
		k, v = key.OfUnit(key.State, unit), &controllerv1.UnitState{}
	}
	return &model.Entry{Key: k, Name: k.String(), Value: v, Mod: int64(i + 1), Create: int64(i + 1)}
}

func TestState(t *testing.T) {
	s := model.NewState("e")
	s.Ensure("u")
	if s.Drop("u"); s.Model("u") != nil {
		t.Error("an empty model was kept")
	}
	g := s.Ensure("u")
	k := key.Named(key.Model, "u")
	g.Put(&model.Entry{Key: k, Name: k.String(), Value: &controllerv1.Model{Name: "dev"}})
	if s.Drop("u"); s.Model("u") != g || s.ModelNamed("dev") != g || s.ModelNamed("x") != nil || len(s.Models()) != 1 {
		t.Error("the model cannot be found")
	}
	s.SetCharm("d", &model.Entry{Value: &controllerv1.Charm{Name: "c"}})
	s.SetAgent("a", &model.Agent{Record: &controllerv1.AgentRecord{}})
	if s.Charm("d").GetName() != "c" || s.Charm("x") != nil || !slices.Equal(s.Charms(), []string{"d"}) || !slices.Equal(s.Agents(), []string{"a"}) {
		t.Error("charms or agents")
	}
	s.SetCharm("d", nil)
	s.SetAgent("a", nil)
	if s.CharmEntry("d") != nil || s.Agent("a") != nil {
		t.Error("what was removed is there")
	}
}

// TestStamp: every write and every end of a record of the kinds that are asked for is another stamp, and no other write is.
func TestStamp(t *testing.T) {
	g := model.NewGraph("m")
	stamp := func() model.Stamp { return g.Stamp(key.Unit, key.Ports) }
	put := func(kind key.Kind, unit string, mod int64) {
		k := key.OfUnit(kind, unit)
		value := model.New(kind)
		g.Put(&model.Entry{Name: k.String(), Key: k, Mod: mod, Value: value})
	}
	for _, c := range []struct {
		what  string
		do    func()
		other bool
	}{
		{"a unit", func() { put(key.Unit, "web/0", 3) }, true},
		{"a record of another kind", func() { put(key.Status, "web/0", 4) }, false},
		{"a record of the second kind", func() { put(key.Ports, "web/0", 5) }, true},
		{"the unit again", func() { put(key.Unit, "web/0", 6) }, true},
		{"the end of another kind", func() { g.Delete(key.OfUnit(key.Status, "web/0").String()) }, false},
		{"the end of the newest", func() { g.Delete(key.OfUnit(key.Unit, "web/0").String()) }, true},
		{"the end of what is not there", func() { g.Delete(key.OfUnit(key.Unit, "web/0").String()) }, false},
	} {
		before := stamp()
		c.do()
		if after := stamp(); (after != before) != c.other {
			t.Errorf("%s: %v became %v", c.what, before, after)
		}
	}
	if got := stamp(); got.Records != 1 {
		t.Errorf("%d records are left, want 1", got.Records)
	}
}
