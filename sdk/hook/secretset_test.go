package hook_test

import (
	"context"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// keeper is a host with the content of one secret.
type keeper struct{ away bool }

func (k keeper) Call(_ context.Context, operation, request string) (string, error) {
	if k.away || operation != "secret-get" || request != `{"id":"aaaaaaaaaaaaaaaaaaa0","peek":true}` {
		return "", errs.E(errs.Unavailable, "cannot %s %s", operation, request)
	}
	return `{"id":"aaaaaaaaaaaaaaaaaaa0","revision":2,"owned":true,"content":{"password":"aHVudGVyMg=="}}`, nil // hunter2
}

func (keeper) Immediate(*charmruntimev1.Immediate) {}

// TestSameContentIsNoRevision: what a secret holds already makes no revision, as in Juju 3.6; what else is set with it counts.
func TestSameContentIsNoRevision(t *testing.T) {
	const id = "aaaaaaaaaaaaaaaaaaa0"
	ctx := context.Background()
	set := func(words ...string) map[string][]byte {
		out := map[string][]byte{}
		for i := 0; i < len(words); i += 2 {
			out[words[i]] = []byte(words[i+1])
		}
		return out
	}
	for _, row := range []struct {
		name string
		host hook.Host
		sets []hook.SecretSpec
		want string // of password; "" = no new revision
		more bool   // something else is written
	}{
		{"the same", keeper{}, []hook.SecretSpec{{Content: set("password", "hunter2")}}, "", false},
		{"the same and a description", keeper{}, []hook.SecretSpec{{Content: set("password", "hunter2"), Description: new("d")}}, "", true},
		{"another value", keeper{}, []hook.SecretSpec{{Content: set("password", "hunter3")}}, "hunter3", true},
		{"another key", keeper{}, []hook.SecretSpec{{Content: set("password", "hunter2", "user", "u")}}, "hunter2", true},
		{"the hook's own again", keeper{}, []hook.SecretSpec{{Content: set("password", "x")}, {Content: set("password", "x")}}, "x", true},
		{"nobody can tell", keeper{away: true}, []hook.SecretSpec{{Content: set("password", "hunter2")}}, "hunter2", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := hook.New(&hookv1.Event{Id: "1-x"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"},
				Secrets: []*hookv1.SecretView{{Id: id, Owner: "unit", LatestRevision: 2, Revisions: []int32{1, 2}}}}, row.host)
			for _, s := range row.sets {
				if err := c.UpdateSecret(ctx, id, s); err != nil {
					t.Fatal(err)
				}
			}
			info, err := c.SecretInfo(id, "")
			if err != nil || info.LatestRevision != map[bool]int32{true: 2, false: 3}[row.want == ""] {
				t.Errorf("the hook sees revision %d, %v", info.GetLatestRevision(), err)
			}
			writes := c.Changeset().GetSecrets()
			if (len(writes) == 1) != row.more {
				t.Fatalf("writes %v", writes)
			}
			if row.more && string(writes[0].Content["password"]) != row.want {
				t.Errorf("writes content %s, want %q", writes[0].Content, row.want)
			}
		})
	}
}

// TestLabelsOfSecretsThatAreRead: with an id a label names the secret, the owner's own or the reader's; no two secrets of a unit
// have the same, and an own write of the hook frees one.
func TestLabelsOfSecretsThatAreRead(t *testing.T) {
	const own, other, third = "aaaaaaaaaaaaaaaaaaa0", "bbbbbbbbbbbbbbbbbbb0", "ccccccccccccccccccc0"
	ctx := context.Background()
	for _, row := range []struct {
		name, id, label string
		owner, reader   string // labels that are written
		taken           bool
	}{
		{"an owner's", own, "new", "new", "", false},
		{"an owner's, as it is", own, "mine", "", "", false},
		{"a reader's", other, "new", "", "new", false},
		{"a reader's, as it is", other, "db", "", "", false},
		{"another's that is read", own, "db", "", "", true},
		{"an own secret's", other, "mine", "", "", true},
		{"one of the same hook", third, "first", "", "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := hook.New(&hookv1.Event{Id: "1-x"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}, Secrets: []*hookv1.SecretView{
				{Id: own, Owner: "unit", Label: "mine", LatestRevision: 1, Revisions: []int32{1}}, {Id: other, Label: "db", TrackedRevision: 1, LatestRevision: 1}}}, owners{own})
			if row.id == third {
				if _, err := c.ReadSecret(ctx, hook.SecretQuery{ID: "ddddddddddddddddddd0", Label: "first"}); err != nil {
					t.Fatal(err)
				}
			}
			_, err := c.ReadSecret(ctx, hook.SecretQuery{ID: row.id, Label: row.label})
			if errs.Is(err, errs.AlreadyExists) != row.taken || err != nil && !row.taken {
				t.Fatalf("%v; taken: %v", err, row.taken)
			}
			owner, reader := "", ""
			for _, w := range c.Changeset().GetSecrets() {
				owner += w.GetLabel()
			}
			for _, w := range c.Changeset().GetSecretTracks() {
				reader += w.GetLabel()
			}
			if !row.taken && (owner != row.owner || reader != row.reader) {
				t.Errorf("writes the owner's label %q and the reader's %q; want %q and %q", owner, reader, row.owner, row.reader)
			}
		})
	}
}

// owners answers every secret; one of them is the unit's own.
type owners struct{ own string }

func (o owners) Call(_ context.Context, _, request string) (string, error) {
	var ask struct{ ID string }
	err := json.Unmarshal([]byte(request), &ask)
	return `{"id":"` + ask.ID + `","revision":1,"owned":` + strconv.FormatBool(ask.ID == o.own) + `,"content":{"k":"dg=="}}`, err
}

func (owners) Immediate(*charmruntimev1.Immediate) {}

// TestOwnersTrack what they read, as in Juju since 3.1.7: after a new revision they read the old one until they ask to refresh. What
// the hook itself made is the newest for it.
func TestOwnersTrack(t *testing.T) {
	const own = "aaaaaaaaaaaaaaaaaaa0"
	ctx := context.Background()
	plain, peek, refresh := hook.SecretQuery{ID: own}, hook.SecretQuery{ID: own, Peek: true}, hook.SecretQuery{ID: own, Refresh: true}
	for _, row := range []struct {
		name    string
		tracked int32
		set     bool // a new revision, first
		reads   []hook.SecretQuery
		want    []string // what is read; "v" is the host's
		track   int32    // what the changeset says
	}{
		{"the first time", 0, false, []hook.SecretQuery{plain}, []string{"v"}, 1},
		{"again", 1, false, []hook.SecretQuery{plain, peek}, []string{"v", "v"}, 0},
		{"after an own write", 1, true, []hook.SecretQuery{plain, peek, plain}, []string{"v", "mine", "v"}, 0},
		{"refreshed after an own write", 1, true, []hook.SecretQuery{plain, refresh, plain}, []string{"v", "mine", "mine"}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := hook.New(&hookv1.Event{Id: "1-x"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}, Secrets: []*hookv1.SecretView{
				{Id: own, Owner: "unit", Label: "mine", TrackedRevision: row.tracked, LatestRevision: 1, Revisions: []int32{1}}}}, owners{own})
			if row.set {
				if err := c.UpdateSecret(ctx, own, hook.SecretSpec{Content: map[string][]byte{"k": []byte("mine")}}); err == nil {
					t.Fatal("a key of one letter")
				}
				if err := c.UpdateSecret(ctx, own, hook.SecretSpec{Content: map[string][]byte{"key": []byte("mine")}}); err != nil {
					t.Fatal(err)
				}
			}
			for i, q := range row.reads {
				got, err := c.ReadSecret(ctx, q)
				if text := string(got["k"]) + string(got["key"]); err != nil || text != row.want[i] {
					t.Errorf("read %d gives %q, %v; want %q", i, text, err, row.want[i])
				}
			}
			tracks := c.Changeset().GetSecretTracks()
			if row.track == 0 && len(tracks) > 0 || row.track != 0 && (len(tracks) != 1 || tracks[0].GetRevision() != row.track || tracks[0].Label != nil) {
				t.Errorf("tracks %v, want revision %d", tracks, row.track)
			}
		})
	}
}
