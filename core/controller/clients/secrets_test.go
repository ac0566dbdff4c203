package clients_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// TestUserSecrets: the same content makes no revision and what comes with it is kept; with auto-prune a revision goes with the
// last right to read it.
func TestUserSecrets(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Units: 1, CharmDigest: b.charm(simple("db", ""))})
	client := clientv1connect.NewSecretsClient(b.http, b.url)
	content := func(v string) map[string][]byte { return map[string][]byte{"key": []byte(v)} }
	id := ok(t, client.AddSecret, &clientv1.AddSecretRequest{Model: "m", Name: "token", Content: content("one")}).Id
	update := func(want int32, in *clientv1.UpdateSecretRequest) {
		t.Helper()
		in.Model, in.Secret = "m", "token"
		if got := ok(t, client.UpdateSecret, in).Revision; got != want {
			t.Errorf("revision %d, want %d", got, want)
		}
	}
	secret := func() *controllerv1.Secret {
		return ok(t, client.ListSecrets, &clientv1.ListSecretsRequest{Model: "m", Secrets: []string{"token"}}).Secrets[0].Secret
	}
	update(1, &clientv1.UpdateSecretRequest{Content: content("one"), Description: new("said")})
	if got := secret().Description; got != "said" {
		t.Errorf("description %q", got)
	}
	ok(t, client.GrantSecret, &clientv1.GrantSecretRequest{Model: "m", Secret: "token", Applications: []string{"db"}})
	b.put(map[key.Key]proto.Message{key.ReaderOf(id, "db/0"): &controllerv1.SecretReader{Id: id, Unit: "db/0", Revision: 1, Latest: 1}})
	update(2, &clientv1.UpdateSecretRequest{Content: content("two"), AutoPrune: new(true)})
	update(2, &clientv1.UpdateSecretRequest{Content: content("two")})
	revisions := func() (all []int32) {
		for _, r := range secret().Revisions {
			all = append(all, r.Revision)
		}
		return all
	}
	if got := revisions(); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("revisions %v: one of them is read", got)
	}
	ok(t, client.GrantSecret, &clientv1.GrantSecretRequest{Model: "m", Secret: "token", Applications: []string{"db"}, Revoke: true})
	if got := revisions(); !slices.Equal(got, []int32{2}) {
		t.Errorf("revisions %v, and nobody reads the first", got)
	}
	update(3, &clientv1.UpdateSecretRequest{Content: content("one")})
}
