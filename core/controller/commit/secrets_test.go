package commit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// id20 makes a secret's id.
func id20(n int) string { return fmt.Sprintf("%020d", n) }

// makeSecret is a changeset that makes one, for the application or the unit.
func makeSecret(id, value string, application bool) *hookv1.Changeset {
	return &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{{Id: id, Create: true, Owner: map[bool]string{true: "application", false: "unit"}[application],
		Application: application, Label: new("l" + id), Content: map[string][]byte{"key": []byte(value)}}}}
}

// contents lists the revisions of a secret whose content the store has.
func (w *world) contents(id string) []string {
	found, err := w.store.Range(w.t.Context(), store.InModel(w.uuid)+"scont/"+id+"/", store.RangeOptions{Prefix: true, KeysOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, kv := range found.KVs {
		all = append(all, kv.Key[len(store.InModel(w.uuid)+"scont/"+id+"/"):])
	}
	return all
}

func (w *world) secret(id string) *controllerv1.Secret {
	return get[*controllerv1.Secret](w, key.Named(key.Secret, id))
}

// The life of a secret: made, granted, read, changed, its old revision removed, and all of it gone.
func TestSecretLife(t *testing.T) {
	w := newWorld(t)
	id := id20(1)
	cs := makeSecret(id, "one", true)
	cs.Secrets[0].Rotate = new("daily")
	cs.SecretGrants = []*hookv1.SecretGrant{{Id: id, Target: "db", RelationId: 2, Application: true}}
	before := w.txns.Load()
	w.commit(w.request("web/0", "config-changed", cs))
	if n := w.txns.Load() - before; n != 1 {
		t.Errorf("%d transactions, want 1", n)
	}
	s := w.secret(id)
	if s.GetOwner() != "web" || s.GetLatestRevision() != 1 || s.GetNextRotateUnix() != now.AddDate(0, 0, 1).Unix() || len(s.GetAccess()) != 1 {
		t.Fatalf("made %v", s)
	}
	w.commit(w.request("db/0", "config-changed", &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{{Id: id, Revision: 1, Label: new("mine")}}}))
	reader := get[*controllerv1.SecretReader](w, key.ReaderOf(id, "db/0"))
	if reader.GetRevision() != 1 || reader.GetLabel() != "mine" || reader.GetId() != id {
		t.Fatalf("reader %v", reader)
	}
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{{Id: id, Application: true, Content: map[string][]byte{"key": []byte("two")}}}}))
	if r := get[*controllerv1.SecretReader](w, key.ReaderOf(id, "db/0")); r.GetLatest() != 2 || r.GetRevision() != 1 {
		t.Errorf("the reader is not told of the new revision: %v", r)
	}
	if s := w.secret(id); len(s.GetUnread()) != 0 || len(s.GetRevisions()) != 2 {
		t.Errorf("revision 1 is read: %v", s)
	}
	w.commit(w.request("db/0", "config-changed", &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{{Id: id, Revision: 2}}}))
	if s := w.secret(id); !slices.Equal(s.GetUnread(), []int32{1}) {
		t.Errorf("nobody reads revision 1: %v", s)
	}
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{SecretRemove: []*hookv1.SecretRemove{{Id: id, Revision: 1, Application: true}}}))
	if got := w.contents(id); !slices.Equal(got, []string{"2"}) {
		t.Errorf("content of revisions %v", got)
	}
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{SecretRemove: []*hookv1.SecretRemove{{Id: id, Application: true}}}))
	if w.secret(id) != nil || len(w.contents(id)) != 0 || w.has(key.ReaderOf(id, "db/0")) {
		t.Errorf("left: %v, %v", w.secret(id), w.contents(id))
	}
}

// Who does not own a secret, or does not lead the application that does, changes nothing.
func TestSecretsOfOthers(t *testing.T) {
	w := newWorld(t)
	of, own := id20(1), id20(2)
	w.commit(w.request("web/0", "config-changed", makeSecret(of, "one", true)))
	w.commit(w.request("web/0", "config-changed", makeSecret(own, "one", false)))
	change := func(id string, application bool) *hookv1.Changeset {
		return &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{{Id: id, Application: application, Content: map[string][]byte{"key": []byte("evil")}}}}
	}
	for name, c := range map[string]struct {
		unit string
		cs   *hookv1.Changeset
	}{
		"a follower":                      {"web/1", change(of, true)},
		"a follower that hides it":        {"web/1", change(of, false)},
		"the leader, not as the leader":   {"web/0", change(of, false)},
		"a peer's own":                    {"web/1", change(own, false)},
		"another application":             {"db/0", change(of, false)},
		"a grant by another":              {"db/0", &hookv1.Changeset{SecretGrants: []*hookv1.SecretGrant{{Id: own, Target: "db", RelationId: 2}}}},
		"a removal by another":            {"db/0", &hookv1.Changeset{SecretRemove: []*hookv1.SecretRemove{{Id: own}}}},
		"a new one that is there already": {"web/1", makeSecret(own, "x", false)},
	} {
		req := w.request(c.unit, "config-changed", c.cs)
		resp, err := w.c.Commit(t.Context(), agent, req)
		if err != nil || resp.GetRefusal() == nil {
			t.Errorf("%s: %v, %v; want a refusal", name, resp, err)
		}
	}
	for _, id := range []string{of, own} {
		if s := w.secret(id); s.GetLatestRevision() != 1 || len(s.GetAccess()) != 0 {
			t.Errorf("secret %v was changed", s)
		}
	}
	w.refused(w.request("web/0", "config-changed", &hookv1.Changeset{Secrets: []*hookv1.SecretWrite{{Id: id20(3), Create: true, Owner: "unit", Label: new("l" + own), Content: map[string][]byte{"key": nil}}}}), commit.Invalid)
}

// A right that was taken, or whose relation went, takes along what the reader knew.
func TestRevokedSecret(t *testing.T) {
	w := newWorld(t)
	id := id20(1)
	cs := makeSecret(id, "one", false)
	cs.SecretGrants = []*hookv1.SecretGrant{{Id: id, Target: "db/0", RelationId: 2}}
	w.commit(w.request("web/0", "config-changed", cs))
	w.commit(w.request("db/0", "config-changed", &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{{Id: id, Revision: 1}}}))
	may := func(unit string) bool { g := w.load().Model(w.uuid); return g.MayReadSecret(g.Secret(id), unit) }
	if !may("db/0") || !may("web/0") || may("web/1") {
		t.Errorf("db/0 %v, web/0 %v, web/1 %v", may("db/0"), may("web/0"), may("web/1"))
	}
	w.refused(w.request("web/1", "config-changed", &hookv1.Changeset{SecretGrants: []*hookv1.SecretGrant{{Id: id, Target: "db", RelationId: 2}}}), commit.Denied)
	w.refused(w.request("web/0", "config-changed", &hookv1.Changeset{SecretGrants: []*hookv1.SecretGrant{{Id: id, Target: "db", RelationId: 2}}}), commit.Invalid)
	w.commit(w.request("web/0", "config-changed", &hookv1.Changeset{SecretGrants: []*hookv1.SecretGrant{{Id: id, Target: "db/0", Revoke: true}}}))
	if may("db/0") || w.has(key.ReaderOf(id, "db/0")) {
		t.Error("the reader may read on")
	}
	// a unit without the right tracks nothing, and its hook is none the worse for it
	w.commit(w.request("db/0", "config-changed", &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{{Id: id, Revision: 1}}}))
	if w.has(key.ReaderOf(id, "db/0")) {
		t.Error("a unit without the right tracks a secret")
	}
}

func TestPurgeTakesSecretsAlong(t *testing.T) {
	w := newWorld(t)
	id := id20(1)
	cs := makeSecret(id, "one", false)
	cs.SecretGrants = []*hookv1.SecretGrant{{Id: id, Target: "db", RelationId: 2}}
	w.commit(w.request("web/0", "config-changed", cs))
	w.commit(w.request("db/0", "config-changed", &hookv1.Changeset{SecretTracks: []*hookv1.SecretTrack{{Id: id, Revision: 1}}}))
	w.commit(w.request("web/0", "remove", nil))
	if err := w.c.PurgeUnit(t.Context(), w.uuid, "web/0"); err != nil {
		t.Fatal(err)
	}
	if w.secret(id) != nil || len(w.contents(id)) > 0 || w.has(key.ReaderOf(id, "db/0")) {
		t.Errorf("left: %v, content %v", w.secret(id), w.contents(id))
	}
}

// The time of the next rotation moves on with the event's commit, not with the charm's good will.
func TestRotationMovesOn(t *testing.T) {
	w := newWorld(t)
	id := id20(1)
	cs := makeSecret(id, "one", false)
	cs.Secrets[0].Rotate = new("hourly")
	w.commit(w.request("web/0", "config-changed", cs))
	s := w.secret(id)
	s.NextRotateUnix = now.Unix() - 5
	w.put(key.Named(key.Secret, id), s)
	req := w.request("web/0", "secret-rotate", nil)
	req.Event.SecretId = id
	w.commit(req)
	if got := w.secret(id).GetNextRotateUnix(); got != model.NextRotate("hourly", now) {
		t.Errorf("next rotation at %d", got)
	}
}

// Every policy, by a clock that is moved: the event's commit sets the next time, the same commit sent again by a process that
// lost the answer moves nothing, nor does another controller on the same store; what comes late is not made up for.
func TestRotationByTheClock(t *testing.T) {
	for n, row := range []struct {
		policy string
		next   func(time.Time) time.Time
	}{
		{"hourly", func(t time.Time) time.Time { return t.Add(time.Hour) }},
		{"daily", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"weekly", func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }},
		{"monthly", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"quarterly", func(t time.Time) time.Time { return t.AddDate(0, 3, 0) }},
		{"yearly", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	} {
		t.Run(row.policy, func(t *testing.T) {
			w := newWorld(t)
			clock := now
			controller := func() { // one that begins anew
				w.c = commit.New(commit.Config{Store: w, Mirror: w, ParseCharm: parse, Now: func() time.Time { return clock }})
			}
			controller()
			id := id20(n)
			cs := makeSecret(id, "one", true)
			cs.Secrets[0].Rotate, cs.Secrets[0].Expires = &row.policy, new(now.Add(time.Minute).Format(time.RFC3339))
			w.commit(w.request("web/0", "config-changed", cs))
			if at := w.secret(id).GetRevisions()[0].GetExpiresUnix(); at != now.Add(time.Minute).Unix() {
				t.Errorf("the revision expires at %d", at)
			}
			rotate := func() *controllerv1.CommitRequest {
				req := w.request("web/0", "secret-rotate", nil)
				req.Event.SecretId = id
				return req
			}
			due := row.next(now)
			if at := w.secret(id).GetNextRotateUnix(); at != due.Unix() {
				t.Fatalf("due at %d, want %d", at, due.Unix())
			}
			clock = due.Add(-time.Second)
			w.commit(rotate()) // of an agent whose clock is ahead
			if at := w.secret(id).GetNextRotateUnix(); at != due.Unix() {
				t.Errorf("before its time: due at %d, want %d", at, due.Unix())
			}
			clock = due.Add(10 * 24 * time.Hour) // everything was away
			controller()
			req := rotate()
			w.commit(req)
			want := row.next(clock).Unix()
			clock = clock.Add(time.Second)
			controller()
			w.commit(req)
			w.commit(rotate())
			if at := w.secret(id).GetNextRotateUnix(); at != want {
				t.Errorf("after it: due at %d, want %d", at, want)
			}
		})
	}
}
