package agents_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func (p *play) units() []string { return slices.Sorted(maps.Keys(p.now.units)) }

func (p *play) relations() []int32 { return slices.Sorted(maps.Keys(p.now.relations)) }

// act does one step, as far as there is something to do it to.
func (p *play) act(s step) error {
	units, unit, rel := p.units(), pick(p.units(), s.A), pick(p.relations(), s.B)
	switch s.Kind {
	case "unit":
		return p.addUnit(pick([]string{"a", "b", "c", "sub", "a"}, s.A), pick(append(agentNames(), ""), s.B))
	case "move":
		if u := p.now.units[unit]; u != nil {
			p.place(u, pick(append(agentNames(), ""), s.B))
		}
	case "gone":
		if len(units) > 2 {
			return p.purge(unit)
		}
	case "lead":
		if unit != "" {
			return p.lead(unit, s.C%3 == 0)
		}
	case "relate":
		if len(p.now.relations) < 5 {
			p.relate(s)
		}
	case "part":
		if rel != 0 && s.C%2 == 0 {
			return p.part(rel)
		}
	case "enter", "leave":
		kind := map[string]string{"enter": "relation-created", "leave": "relation-broken"}[s.Kind]
		if rel != 0 && p.now.within(rel, appOf(unit)) {
			_, err := p.commit(unit, kind, rel, &hookv1.Changeset{})
			return err
		}
	case "bag":
		return p.writeBag(unit, rel, s.C%2 == 0)
	case "user":
		return p.userSecret(s)
	default:
		return p.secretStep(s, unit, rel)
	}
	return nil
}

func (p *play) addUnit(app, agent string) error {
	u := &controllerv1.Unit{Life: controllerv1.Life_LIFE_ALIVE}
	var principal *controllerv1.Unit
	if app == "sub" {
		for _, name := range p.units() {
			if appOf(name) == "a" && len(p.now.units[name].Subordinates) == 0 {
				principal = proto.CloneOf(p.now.units[name])
			}
		}
		if principal == nil {
			return nil
		}
	}
	if p.numbers[app] == 4 {
		return nil
	}
	u.Name = fmt.Sprintf("%s/%d", app, p.numbers[app])
	p.numbers[app]++
	if principal != nil {
		p.beside[u.Name] = principal.Name
		u.Principal, principal.Subordinates = principal.Name, []string{u.Name}
		p.put(p.uuid, map[key.Key]proto.Message{key.OfUnit(key.Unit, principal.Name): principal})
	}
	p.place(u, agent)
	return nil
}

// place gives a unit to an agent, as placement does.
func (p *play) place(u *controllerv1.Unit, agent string) {
	u = proto.CloneOf(u)
	u.Agent = agent
	p.put(p.uuid, map[key.Key]proto.Message{key.OfUnit(key.Unit, u.Name): u, key.OfUnit(key.Incarnation, u.Name): &controllerv1.Incarnation{Id: "i-" + agent, Agent: agent},
		key.OfUnit(key.Status, u.Name): &controllerv1.UnitStatus{}})
}

func (p *play) purge(unit string) error {
	u := proto.CloneOf(p.now.units[unit])
	u.Life = controllerv1.Life_LIFE_DEAD
	p.put(p.uuid, map[key.Key]proto.Message{key.OfUnit(key.Unit, unit): u})
	return p.commits.PurgeUnit(p.t.Context(), p.uuid, unit)
}

// lead makes a unit the leader, or nobody.
func (p *play) lead(unit string, nobody bool) error {
	k := key.OfApp(key.Lead, appOf(unit))
	if nobody {
		return p.drop(k)
	}
	if p.now.leaders[appOf(unit)] != unit {
		if err := p.drop(k); err != nil { // a term begins with a new key
			return err
		}
	}
	p.put(p.uuid, map[key.Key]proto.Message{k: &controllerv1.Lead{Unit: unit}})
	return nil
}

func (p *play) drop(k key.Key) error {
	r, err := shared.Txn(p.t.Context(), nil, []store.Op{store.Delete(store.In(p.uuid, k))}, nil)
	if err != nil {
		return err
	}
	return p.mirror.WaitRevision(p.t.Context(), r.Revision)
}

func (p *play) relate(s step) {
	end := func(app, scope string) *controllerv1.Endpoint {
		return &controllerv1.Endpoint{Application: app, Name: fmt.Sprintf("e%d", p.rels), Scope: scope}
	}
	p.rels++
	r := &controllerv1.Relation{Id: p.rels, Life: controllerv1.Life_LIFE_ALIVE}
	switch s.A % 5 {
	case 0, 1:
		r.Endpoints = []*controllerv1.Endpoint{end("a", "global"), end("b", "global")}
	case 2:
		r.Endpoints = []*controllerv1.Endpoint{end("c", "global"), end("b", "global")}
	case 3:
		r.Endpoints = []*controllerv1.Endpoint{end("a", "global"), end("sub", "container")}
	default:
		r.Endpoints = []*controllerv1.Endpoint{end(pick([]string{"a", "b", "sub"}, s.B), "global")}
	}
	p.put(p.uuid, map[key.Key]proto.Message{key.OfRelation(r.Id): r})
}

// part ends a relation: it is dying, its units leave, and the janitor takes it away.
func (p *play) part(id int32) error {
	r := proto.CloneOf(p.now.relations[id])
	r.Life = controllerv1.Life_LIFE_DYING
	p.put(p.uuid, map[key.Key]proto.Message{key.OfRelation(id): r})
	for k := range p.now.mods {
		if k.Kind == key.Scope && k.Relation == id {
			if err := p.drop(k); err != nil {
				return err
			}
		}
	}
	return p.commits.Sweep(p.t.Context())
}

// commit sends what a unit's hook wrote through its agent. A unit that is nowhere has none.
func (p *play) commit(unit, kind string, relation int32, cs *hookv1.Changeset) (*controllerv1.CommitResponse, error) {
	l := p.agents[p.now.units[unit].GetAgent()]
	if l == nil {
		return nil, nil
	}
	p.seq[unit]++
	cs.EventId = fmt.Sprintf("%d-%s", p.seq[unit], kind)
	req := &controllerv1.CommitRequest{Guard: guard(l.holder, p.uuid, unit), CommitId: fmt.Sprintf("%032d", p.seq[unit]),
		Event:   &hookv1.Event{Id: cs.EventId, Kind: kind, Name: kind, RelationId: relation},
		Cursor:  &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: p.seq[unit], Relations: map[int32]*controllerv1.RelationCursor{}},
		Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: cs}}}
	_, req.Guard.LeaderTerm = p.leader(p.uuid, appOf(unit))
	resp, err := l.rpc.Commit(p.t.Context(), req)
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", cs.EventId, unit, err)
	}
	if resp.Refusal != nil {
		p.seq[unit]--
	}
	again, err := l.rpc.Commit(p.t.Context(), req) // as after a lost answer
	if err != nil {
		return nil, fmt.Errorf("%s of %s again: %w", cs.EventId, unit, err)
	}
	for _, o := range slices.Concat(resp.Objects, again.Objects) {
		if !o.Deleted {
			p.answers[l.id] = append(p.answers[l.id], o)
		}
	}
	return resp, nil
}

// expect says what is wrong when a commit was refused and ought not to be, or the other way round.
func expect(resp *controllerv1.CommitResponse, err error, may bool) error {
	if err == nil && resp != nil && (resp.Refusal == nil) != may {
		return fmt.Errorf("may write: %v; refusal: %v", may, resp.Refusal)
	}
	return err
}

func (p *play) writeBag(unit string, relation int32, app bool) error {
	if unit == "" || relation == 0 {
		return nil
	}
	cs := &hookv1.Changeset{Bags: []*hookv1.BagWrite{{RelationId: relation, App: app, Set: map[string]string{"by": fmt.Sprint(unit, p.seq[unit])}}}}
	resp, err := p.commit(unit, "config-changed", 0, cs)
	return expect(resp, err, p.now.within(relation, appOf(unit)) && (!app || p.now.leaders[appOf(unit)] == unit))
}

// writer is a unit that may change a secret, "" if none may now.
func (p *play) writer(s *controllerv1.Secret) string {
	unit := s.GetOwner()
	if s.GetOwnerKind() == "application" {
		unit = p.now.leaders[unit]
	}
	if p.agents[p.now.units[unit].GetAgent()] == nil {
		return ""
	}
	return unit
}

func contentOf(id string, revision int32) map[string][]byte {
	return map[string][]byte{"value": fmt.Appendf(nil, "%s %d", id, revision)}
}

// secretStep does what is about secrets.
func (p *play) secretStep(s step, unit string, rel int32) error {
	if s.Kind == "secret" {
		return p.addSecret(unit, s.B%2 == 0)
	}
	id := pick(p.ids, s.C)
	secret := p.now.secrets[id]
	if secret == nil || secret.OwnerKind == "model" && s.Kind != "track" && s.Kind != "steal" {
		return nil
	}
	owner := p.writer(secret)
	application := secret.OwnerKind == "application"
	switch s.Kind {
	case "track":
		return p.track(unit, secret, s.B)
	case "steal":
		return p.steal(unit, secret, s.B)
	}
	if owner == "" {
		return nil
	}
	switch s.Kind {
	case "revise":
		return p.revise(owner, secret)
	case "grant", "revoke":
		return p.grant(owner, secret, s, rel)
	case "unrevise", "forget":
		r := &hookv1.SecretRemove{Id: id, Application: application}
		if s.Kind == "unrevise" {
			r.Revision = pick(secret.Revisions, s.B).GetRevision()
		} else if s.B%2 == 0 {
			return nil
		}
		resp, err := p.commit(owner, "config-changed", 0, &hookv1.Changeset{SecretRemove: []*hookv1.SecretRemove{r}})
		return expect(resp, err, true)
	}
	return nil
}

func (p *play) addSecret(unit string, application bool) error {
	if unit == "" || len(p.ids) == 4 {
		return nil
	}
	id := secretID(fmt.Sprint(p.uuid, len(p.ids)))
	w := &hookv1.SecretWrite{Id: id, Create: true, Owner: map[bool]string{true: "application", false: "unit"}[application], Application: application,
		Label: new("mine" + id), Content: contentOf(id, 1)}
	may := !application || p.now.leaders[appOf(unit)] == unit
	resp, err := p.commit(unit, "config-changed", 0, &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{w}})
	if may && resp != nil {
		p.ids = append(p.ids, id)
	}
	return expect(resp, err, may)
}

func (p *play) revise(owner string, s *controllerv1.Secret) error {
	w := &hookv1.SecretWrite{Id: s.Id, Application: s.OwnerKind == "application", Content: contentOf(s.Id, s.LatestRevision+1)}
	resp, err := p.commit(owner, "config-changed", 0, &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{w}})
	return expect(resp, err, true)
}

func (p *play) grant(owner string, s *controllerv1.Secret, st step, rel int32) error {
	target := pick(append([]string{"a", "b", "c", "sub"}, p.units()...), st.A)
	var mine []int32
	for _, id := range p.relations() {
		if p.now.within(id, appOf(owner)) {
			mine = append(mine, id)
		}
	}
	if one, two := p.now.sides(pick(mine, st.B)); st.A%4 != 0 && one != "" { // mostly to the other side of a relation of its own
		rel, target = pick(mine, st.B), two
		if two == appOf(owner) {
			target = one
		}
		if st.A%4 == 3 {
			target = pick(slices.DeleteFunc(p.units(), func(u string) bool { return appOf(u) != target }), st.C)
		}
	}
	if target == "" {
		return nil
	}
	g := &hookv1.SecretGrant{Id: s.Id, Target: target, RelationId: rel, Revoke: st.Kind == "revoke", Application: s.OwnerKind == "application"}
	switch {
	case g.Revoke && st.B%2 == 0:
		g.RelationId = 0
	case rel == 0:
		return nil
	}
	resp, err := p.commit(owner, "config-changed", 0, &hookv1.Changeset{SecretGrants: []*hookv1.SecretGrant{g}})
	if err != nil || resp == nil {
		return err
	}
	may := true
	for have := range p.grants {
		if g.Revoke && have.secret == s.Id && have.target == target && (g.RelationId == 0 || have.relation == g.RelationId) {
			delete(p.grants, have)
		}
		if !g.Revoke && have.secret == s.Id && have.relation != 0 && strings.HasPrefix(have.target, target+"/") {
			may = false
		}
	}
	both := p.now.within(rel, appOf(owner)) && p.now.within(rel, appOf(target))
	if !g.Revoke && both && resp.Refusal == nil {
		p.grants[grant{s.Id, target, rel}] = true
	}
	if resp.Refusal != nil && !may && both {
		return nil
	}
	return expect(resp, nil, true)
}

// track is a unit that reads and notes what it read.
func (p *play) track(unit string, s *controllerv1.Secret, how int) error {
	l := p.agents[p.now.units[unit].GetAgent()]
	if l == nil {
		return nil
	}
	resp, err := p.read.secret(l, &controllerv1.ReadSecretRequest{Model: p.uuid, Unit: unit, Id: s.Id, Refresh: how%2 == 0})
	if err != nil {
		return nil //nolint:nilerr // who may not read has nothing to track
	}
	t := &hookv1.SecretTrack{Id: s.Id, Revision: resp.Revision}
	if how%3 == 0 && !resp.Owned {
		t.Label = new("theirs" + s.Id)
	}
	done, err := p.commit(unit, "config-changed", 0, &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{t}})
	return expect(done, err, true)
}

// steal is a hook that writes what is not its own: it is refused, or it changes nothing.
func (p *play) steal(unit string, s *controllerv1.Secret, how int) error {
	if unit == "" || p.now.owns(unit, s) {
		return nil
	}
	cs := &hookv1.Changeset{}
	switch how % 5 {
	case 0:
		cs.SecretTracks = []*hookv1.SecretTrack{{Id: s.Id, Revision: 1, Label: new("stolen")}}
	case 1:
		cs.Secrets = []*hookv1.SecretWrite{{Id: s.Id, Content: contentOf("stolen", 1)}}
	case 2:
		cs.SecretGrants = []*hookv1.SecretGrant{{Id: s.Id, Target: unit, RelationId: max(1, pick(p.relations(), how))}}
	case 3:
		cs.SecretRemove = []*hookv1.SecretRemove{{Id: s.Id}}
	default: // it may read it, perhaps; that gives no right to end it
		cs.SecretTracks = []*hookv1.SecretTrack{{Id: s.Id, Revision: s.LatestRevision}}
		cs.SecretRemove = []*hookv1.SecretRemove{{Id: s.Id}}
	}
	resp, err := p.commit(unit, "config-changed", 0, cs)
	if resp == nil || err != nil {
		return err
	}
	return expect(resp, nil, how%5 == 0) // who tracks what it may not read is told nothing more
}

// userSecret makes a user's secret, or changes to whom it is granted, as the client's calls do.
func (p *play) userSecret(st step) error {
	id := secretID(p.uuid + "user")
	app := pick([]string{"a", "b", "c"}, st.A)
	s := p.now.secrets[id]
	if s == nil {
		p.ids = append(p.ids, id)
		s = &controllerv1.Secret{Id: id, OwnerKind: "model", Owner: p.uuid, LatestRevision: 1, Revisions: []*controllerv1.SecretRevision{{Revision: 1}}}
		p.put(p.uuid, map[key.Key]proto.Message{key.Named(key.Secret, id): s, key.ContentOf(id, 1): &controllerv1.SecretRevision{Revision: 1, Content: contentOf(id, 1)}})
		return nil
	}
	g := grant{id, app, 0}
	s = proto.CloneOf(s)
	if p.grants[g] {
		delete(p.grants, g)
		s.Access = slices.DeleteFunc(s.Access, func(a *hookv1.SecretAccess) bool { return a.Target == app })
		for k, r := range p.now.readers {
			if r.Id == id && appOf(r.Unit) == app {
				if err := p.drop(k); err != nil {
					return err
				}
			}
		}
	} else {
		p.grants[g] = true
		s.Access = append(s.Access, &hookv1.SecretAccess{Target: app, Role: "view"})
	}
	p.put(p.uuid, map[key.Key]proto.Message{key.Named(key.Secret, id): s})
	return nil
}

// ask makes every call that answers content, for every unit and every owner, with the right agent and with another.
func (p *play) ask() error {
	owners := append([]string{"a", "b", "c", "sub"}, p.units()...)
	for k := range p.now.bags {
		if k.Unit != "" && !slices.Contains(owners, k.Unit) {
			owners = append(owners, k.Unit)
		}
	}
	for _, unit := range p.units() {
		l := p.agents[p.now.units[unit].Agent]
		if l == nil {
			continue
		}
		stranger := p.agents[agentNames()[(slices.Index(agentNames(), l.id)+1)%len(agentNames())]]
		for id := range p.rels + 1 {
			for _, owner := range owners {
				if err := p.askBag(l, stranger, unit, id+1, owner); err != nil {
					return err
				}
			}
		}
		for _, id := range p.ids {
			if err := p.askSecret(l, stranger, unit, id); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *play) askBag(l, stranger *listener, unit string, id int32, owner string) error {
	k := key.AppBag(id, owner)
	if strings.Contains(owner, "/") {
		k = key.UnitBag(id, owner)
	}
	req := &controllerv1.ReadBagRequest{Model: p.uuid, Reader: unit, RelationId: id, Owner: owner}
	if bag, err := stranger.rpc.ReadBag(p.t.Context(), req); !errs.Is(err, errs.Denied) {
		return fmt.Errorf("agent %s reads %s for %s: %v, %w", stranger.id, k, unit, bag, err)
	}
	bag, err := p.read.bag(l, req)
	want := p.now.bags[k]
	if want == nil {
		want = &controllerv1.Bag{}
	}
	switch may := p.now.bagFor(unit, k); {
	case may && (err != nil || !proto.Equal(bag, want)):
		return fmt.Errorf("%s reads %s: %v, %w; want %v", unit, k, bag, err, want)
	case !may && !errs.Is(err, errs.Denied):
		return fmt.Errorf("%s reads %s: %v, %w; it may not", unit, k, bag, err)
	}
	return nil
}

func (p *play) askSecret(l, stranger *listener, unit, id string) error {
	s := p.now.secrets[id]
	may, owned := p.now.contentFor(unit, s), s != nil && p.now.owns(unit, s)
	latest := pick(s.GetRevisions(), len(s.GetRevisions())-1+len(s.GetRevisions())).GetRevision()
	tracked := p.now.readers[key.ReaderOf(id, unit)].GetRevision()
	plain := latest
	if tracked != 0 {
		plain = tracked
	}
	type question struct {
		req  *controllerv1.ReadSecretRequest
		want int32 // 0 = nothing
	}
	all := []question{{&controllerv1.ReadSecretRequest{}, plain}, {&controllerv1.ReadSecretRequest{Peek: true}, latest}, {&controllerv1.ReadSecretRequest{Refresh: true}, latest}}
	for n := range s.GetLatestRevision() + 1 {
		q := question{&controllerv1.ReadSecretRequest{Revision: n + 1}, n + 1}
		if !owned && n+1 != latest && n+1 != tracked {
			q.want = 0
		}
		all = append(all, q)
	}
	for _, q := range all {
		q.req.Model, q.req.Unit, q.req.Id = p.uuid, unit, id
		if got, err := stranger.rpc.ReadSecret(p.t.Context(), q.req); !errs.Is(err, errs.Denied) {
			return fmt.Errorf("agent %s reads secret %s for %s: %v, %w", stranger.id, id, unit, got, err)
		}
		got, err := p.read.secret(l, q.req)
		there := may && q.want != 0 && p.now.contents[key.ContentOf(id, q.want)] != nil
		switch {
		case there && (err != nil || got.Revision != q.want || string(got.Content["value"]) != fmt.Sprintf("%s %d", id, q.want)):
			return fmt.Errorf("%s reads secret %v: %v, %w; want revision %d", unit, q.req, got, err, q.want)
		case !there && err == nil:
			return fmt.Errorf("%s reads secret %v: revision %d; it may not", unit, q.req, got.Revision)
		}
	}
	return nil
}
