package key_test

import (
	"testing"

	"github.com/bangle-dev/bangle/core/key"
)

// every has one key of each form.
func every() map[string]key.Key {
	return map[string]key.Key{
		"app/web":                      key.OfApp(key.App, "web"),
		"unit/web/0":                   key.OfUnit(key.Unit, "web/0"),
		"uinc/web/0":                   key.OfUnit(key.Incarnation, "web/0"),
		"ustate/web/0":                 key.OfUnit(key.State, "web/0"),
		"ucur/web/0/3/1":               key.MembersOf("web/0", 3, 1),
		"ufile/web/0/.unit-state.db/2": key.FileOf("web/0", ".unit-state.db", 2),
		"ustat/web/0":                  key.OfUnit(key.Status, "web/0"),
		"uaddr/web/0":                  key.OfUnit(key.Addresses, "web/0"),
		"cstate/web/0":                 key.OfUnit(key.CharmState, "web/0"),
		"ports/web/0":                  key.OfUnit(key.Ports, "web/0"),
		"rel/3":                        key.OfRelation(3),
		"bag/3/app/web":                key.AppBag(3, "web"),
		"bag/3/unit/web/12":            key.UnitBag(3, "web/12"),
		"scope/3/web/0":                key.ScopeOf(3, "web/0"),
		"lead/web":                     key.OfApp(key.Lead, "web"),
		"lset/web":                     key.OfApp(key.LeaderSettings, "web"),
		"astat/web":                    key.OfApp(key.AppStatus, "web"),
		"op/7":                         key.Named(key.Operation, "7"),
		"task/7":                       key.Named(key.Task, "7"),
		"resolved/web/0":               key.OfUnit(key.Resolved, "web/0"),
		"stor/data/0":                  key.Named(key.Storage, "data/0"),
		"ufset/web/0":                  key.OfUnit(key.StateFiles, "web/0"),
		"secret/abc":                   key.Named(key.Secret, "abc"),
		"scont/abc/3":                  key.ContentOf("abc", 3),
		"sread/abc/web/0":              key.ReaderOf("abc", "web/0"),
		"payl/web/0":                   key.OfUnit(key.Payloads, "web/0"),
		"podspec/web":                  key.OfApp(key.PodSpec, "web"),
		"pool/fast":                    key.Named(key.Pool, "fast"),
		"next/unit/web":                key.Named(key.Next, "unit/web"),
		"models/u":                     key.Named(key.Model, "u"),
		"charms/sha":                   key.Named(key.Charm, "sha"),
	}
}

func TestSpellAndParse(t *testing.T) {
	kinds := map[key.Kind]bool{}
	for text, k := range every() {
		if got := k.String(); got != text {
			t.Errorf("%+v spells %q, want %q", k, got, text)
		}
		got, err := key.Parse(text)
		if err != nil || got != k {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, err, k)
		}
		kinds[k.Kind] = true
	}
	for _, kind := range key.Kinds() {
		if !kinds[kind] {
			t.Errorf("kind %q has no row", kind)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "app", "app/", "app/a/b", "what/x", "unit/web", "unit/web/x", "unit/web/01", "unit/web/-1", "unit//0",
		"ucur/web/0/1", "ucur/web/0/0/1", "ucur/web/0/1/x", "ucur/web/0/1/01", "ufile/web/0//1", "rel/0", "rel/x", "rel/01", "bag/1", "bag/1/app",
		"scont/a", "scont/a/0", "scont/a/01", "scont//1", "sread/a/web", "sread/a", "secret/a/b", "bag/1/app/a/b", "bag/1/unit/web", "bag/1/who/web", "scope/1/web", "scope/x/web/0", "task/", "task/a/b", "pool/a/b"} {
		if k, err := key.Parse(s); err == nil {
			t.Errorf("Parse(%q) = %+v, want an error", s, k)
		}
	}
}

func FuzzParse(f *testing.F) {
	for text := range every() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if k, err := key.Parse(s); err == nil && k.String() != s {
			t.Fatalf("%q parses to %+v which spells %q", s, k, k.String())
		}
	})
}
