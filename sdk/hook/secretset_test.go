package hook_test

import (
	"context"
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
