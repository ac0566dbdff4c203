package agents_test

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// truth is one model as it stands in the store, read key by key, and what is known of grants from those who gave them.
// Every rule below is said anew from what a charm may see in Juju; nothing of model.Graph or authz is used.
type truth struct {
	units     map[string]*controllerv1.Unit
	apps      map[string]*controllerv1.Application
	relations map[int32]*controllerv1.Relation
	bags      map[key.Key]*controllerv1.Bag
	leaders   map[string]string
	secrets   map[string]*controllerv1.Secret
	readers   map[key.Key]*controllerv1.SecretReader
	contents  map[key.Key]*controllerv1.SecretRevision
	others    map[key.Key]proto.Message
	mods      map[key.Key]int64 // of every record that is a message
	grants    map[grant]bool
	beside    map[string]string // subordinate → principal, those that are gone included
}

// grant is a right that was given and not taken back. Relation 0 is a user's.
type grant struct {
	secret, target string
	relation       int32
}

// survey reads a model from the store.
func (c *controller) survey(uuid string, grants map[grant]bool) (*truth, error) {
	w := &truth{units: map[string]*controllerv1.Unit{}, apps: map[string]*controllerv1.Application{}, relations: map[int32]*controllerv1.Relation{},
		bags: map[key.Key]*controllerv1.Bag{}, leaders: map[string]string{}, secrets: map[string]*controllerv1.Secret{}, readers: map[key.Key]*controllerv1.SecretReader{},
		contents: map[key.Key]*controllerv1.SecretRevision{}, others: map[key.Key]proto.Message{}, mods: map[key.Key]int64{}, grants: grants}
	for _, prefix := range []string{store.InModel(uuid), store.ModelKey(uuid)} {
		found, err := shared.Range(c.t.Context(), prefix, store.RangeOptions{Prefix: true})
		if err != nil {
			return nil, err
		}
		for _, kv := range found.KVs {
			_, k, ok := store.CutModel(kv.Key)
			if !ok {
				k = key.Named(key.Model, uuid)
			}
			if k.Kind == key.SecretContent {
				w.contents[k] = &controllerv1.SecretRevision{}
				if err := proto.Unmarshal(kv.Value, w.contents[k]); err != nil {
					return nil, err
				}
				continue
			}
			value, err := model.Decode(k, kv.Value)
			if err != nil || value == nil {
				continue
			}
			w.mods[k] = kv.Mod
			w.file(k, value)
		}
	}
	return w, nil
}

func (w *truth) file(k key.Key, value proto.Message) {
	switch v := value.(type) {
	case *controllerv1.Unit:
		w.units[k.Unit] = v
	case *controllerv1.Application:
		w.apps[k.App] = v
	case *controllerv1.Relation:
		w.relations[k.Relation] = v
	case *controllerv1.Bag:
		w.bags[k] = v
	case *controllerv1.Lead:
		w.leaders[k.App] = v.Unit
	case *controllerv1.Secret:
		w.secrets[v.Id] = v
	case *controllerv1.SecretReader:
		w.readers[k] = v
	default:
		w.others[k] = value
	}
}

// sides are the applications of a relation, twice the same for peers; none if it is gone.
func (w *truth) sides(id int32) (one, two string) {
	ends := w.relations[id].GetEndpoints()
	if len(ends) == 0 {
		return "", ""
	}
	return ends[0].Application, ends[len(ends)-1].Application
}

// within says whether an application is in a relation that is there.
func (w *truth) within(id int32, app string) bool {
	one, two := w.sides(id)
	return app != "" && (app == one || app == two)
}

// pair says whether one of two units lives, or lived, beside the other.
func (w *truth) pair(a, b string) bool { return w.beside[a] == b || w.beside[b] == a }

// bagFor: databags of a relation. Of units: the own, those of the other side (of peers all), in a relation of scope container
// only the counterpart's. Of applications: the other side's; the own for its leader, among peers for everybody.
func (w *truth) bagFor(unit string, k key.Key) bool {
	app := appOf(unit)
	one, two := w.sides(k.Relation)
	if app != one && app != two {
		return false
	}
	other := one
	if app == one {
		other = two
	}
	if k.Unit == "" {
		return k.App == other || k.App == app && w.leaders[app] == unit
	}
	if k.Unit == unit {
		return true
	}
	if appOf(k.Unit) != other {
		return false
	}
	container := slices.ContainsFunc(w.relations[k.Relation].GetEndpoints(), func(e *controllerv1.Endpoint) bool { return e.Scope == "container" })
	return !container || w.pair(unit, k.Unit)
}

// owns says whether a secret is the unit's or its application's.
func (w *truth) owns(unit string, s *controllerv1.Secret) bool {
	return s.OwnerKind == "unit" && s.Owner == unit || s.OwnerKind == "application" && s.Owner == appOf(unit)
}

// contentFor: a secret's content is for its owner and for whom it was granted, as a unit or as an application, while the
// relation by which it was granted is there with the reader in it.
func (w *truth) contentFor(unit string, s *controllerv1.Secret) bool {
	if w.units[unit] == nil || s == nil {
		return false
	}
	if w.owns(unit, s) {
		return true
	}
	for g := range w.grants {
		if g.secret == s.Id && (g.target == unit || g.target == appOf(unit)) && (g.relation == 0 || w.within(g.relation, appOf(unit))) {
			return true
		}
	}
	return false
}

// sees says whether a unit's agent is to be told a record on the unit's behalf.
func (w *truth) sees(unit string, k key.Key) bool {
	app := appOf(unit)
	leads := w.leaders[app] == unit
	switch k.Kind {
	case key.Model:
		return true
	case key.App, key.Lead, key.LeaderSettings, key.AppStatus:
		return k.App == app
	case key.PodSpec:
		return k.App == app && leads
	case key.Status:
		return k.Unit == unit || appOf(k.Unit) == app && leads
	case key.Relation:
		return w.within(k.Relation, app)
	case key.Bag, key.Scope:
		return w.bagFor(unit, k)
	case key.Secret:
		s := w.secrets[k.Name]
		return s.OwnerKind == "unit" && s.Owner == unit || s.OwnerKind == "application" && s.Owner == app && leads
	case key.SecretReader, key.Unit, key.Incarnation, key.State, key.Addresses, key.CharmState, key.Ports:
		return k.Unit == unit
	}
	return false
}

// told is every record, with its revision, that an agent ought to hold.
func (w *truth) told(agent string) map[string]int64 {
	out := map[string]int64{}
	for name, u := range w.units {
		if u.Agent != agent {
			continue
		}
		for k, mod := range w.mods {
			if w.sees(name, k) {
				out[k.String()] = mod
			}
		}
	}
	return out
}

// settled says what is wrong with the records of readers: they end with the right to read, so that nobody is told of revisions
// it may not see, and an owner is told of every older revision that no reader tracks any more.
func (w *truth) settled() error {
	for _, r := range w.readers {
		if !w.contentFor(r.Unit, w.secrets[r.Id]) {
			return fmt.Errorf("%s is still told of secret %s, which it may not read any more", r.Unit, r.Id)
		}
	}
	for _, s := range w.secrets {
		var unread []int32
		for _, rev := range s.Revisions {
			tracked := false
			for _, r := range w.readers {
				tracked = tracked || r.Id == s.Id && r.Revision == rev.Revision
			}
			if !tracked && rev.Revision != s.LatestRevision {
				unread = append(unread, rev.Revision)
			}
		}
		if s.OwnerKind != "model" && !slices.Equal(unread, s.Unread) {
			return fmt.Errorf("the owner of secret %s is told that nobody reads %v, not %v", s.Id, s.Unread, unread)
		}
	}
	return nil
}

func appOf(unit string) string {
	app, _, _ := strings.Cut(unit, "/")
	return app
}
