package clients_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// asking is a charm that is held to its permissions and declares some.
func asking(permissions string) map[string]string {
	return map[string]string{"metadata.yaml": "name: asking\nsummary: s\ndescription: d\n" + permissions, "charm.js": "// nothing\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n"}
}

const oneHost, twoHosts = "permissions: {http: [api.example.com]}\n", "permissions: {http: [api.example.com, www.example.com]}\n"

// TestPermissions: nothing acts outside of its unit without the user's word, at deploy, at refresh and afterwards.
func TestPermissions(t *testing.T) {
	b, _ := small(t)
	digest := b.charm(asking(oneHost))
	deploy := &clientv1.DeployRequest{Model: "m", CharmDigest: digest, Units: 1}
	before := dump(t)
	_, err := call(t.Context(), b.client.Deploy, deploy)
	for _, word := range []string{`cannot deploy "asking"`, "HTTP requests to https://api.example.com:443", "--trust", "--grant 'http=https://api.example.com:443'"} {
		if !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), word) {
			t.Errorf("deployed without a word: %v", err)
		}
	}
	if dump(t) != before {
		t.Error("a refused deploy wrote something")
	}
	deploy.Grants = []string{"http=ftp://x"}
	if _, err = call(t.Context(), b.client.Deploy, deploy); !errs.Is(err, errs.Invalid) {
		t.Errorf("granted %v", err)
	}
	deploy.Grants = []string{"package=curl"}
	if _, err = call(t.Context(), b.client.Deploy, deploy); !errs.Is(err, errs.Denied) {
		t.Errorf("a grant of something else was enough: %v", err)
	}
	deploy.Grants, deploy.Trust = nil, true
	app := ok(t, b.client.Deploy, deploy).GetApplication()
	if !app.GetTrust() || !slices.Equal(app.GetGrants(), []string{"http=https://api.example.com:443"}) {
		t.Errorf("deployed %v", app)
	}

	refresh := &clientv1.RefreshRequest{Model: "m", Application: "asking", CharmDigest: b.charm(asking(twoHosts))}
	before = dump(t)
	if _, err = call(t.Context(), b.client.Refresh, refresh); !errs.Is(err, errs.Denied) || !strings.Contains(err.Error(), "HTTP requests to https://www.example.com:443;") || strings.Contains(err.Error(), "api.example.com") {
		t.Errorf("refreshed to more than was granted: %v", err)
	}
	if dump(t) != before {
		t.Error("a refused refresh wrote something")
	}
	refresh.Grants = []string{"http=WWW.example.com"}
	app = ok(t, b.client.Refresh, refresh).GetApplication()
	if len(app.GetGrants()) != 2 {
		t.Errorf("refreshed %v", app)
	}
	less := ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "asking", CharmDigest: digest}).GetApplication()
	if less.GetCharmDigest() != digest {
		t.Errorf("refreshed to less %v", less)
	}
}

// TestTrust: trust gives what is declared, a name what is named, and taking either away is heard of by the units.
func TestTrust(t *testing.T) {
	b, _ := small(t)
	deployed := ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(asking(twoHosts)), Units: 1, Grants: []string{"http=api.example.com"}}).GetApplication()
	if deployed.GetTrust() || len(deployed.GetGrants()) != 1 {
		t.Errorf("deployed %v", deployed)
	}
	trust := func(trust bool, grants ...string) string {
		return strings.Join(ok(t, b.client.Trust, &clientv1.TrustRequest{Model: "m", Application: "asking", Trust: trust, Grants: grants}).GetGranted(), " ")
	}
	api, www := "http=https://api.example.com:443", "http=https://www.example.com:443"
	for _, step := range []struct {
		got, want string
	}{{trust(true, "package=curl"), api + " package=curl"}, {trust(false, "package=curl"), api}, {trust(true), api + " " + www}, {trust(false, "http=api.example.com"), www}, {trust(false), ""}} {
		if step.got != step.want {
			t.Errorf("granted %q, want %q", step.got, step.want)
		}
	}
	trusted := func() bool {
		return ok(t, b.client.ShowApplication, &clientv1.ShowApplicationRequest{Model: "m", Applications: []string{"asking"}}).GetApplications()[0].GetRecord().GetTrust()
	}
	trust(true)
	if whole := trusted(); !whole {
		t.Error("all was given, and it is not trusted")
	}
	if trust(false, "http=api.example.com"); trusted() {
		t.Error("it is trusted although it has not all that it declares: a bundle of it would give more")
	}
	trust(false)
	if _, err := call(t.Context(), b.client.Trust, &clientv1.TrustRequest{Model: "m", Application: "asking", Grants: []string{"credential"}}); !errs.Is(err, errs.NotFound) {
		t.Errorf("what is not there was taken: %v", err)
	}
	set := func(value string) {
		ok(t, b.client.SetConfig, &clientv1.SetConfigRequest{Model: "m", Application: "asking", Set: map[string]string{"trust": value}})
	}
	shown := func() (grants string, revision uint64) {
		app := ok(t, b.client.ShowApplication, &clientv1.ShowApplicationRequest{Model: "m", Applications: []string{"asking"}}).GetApplications()[0].GetRecord()
		return strings.Join(app.GetGrants(), " "), app.GetConfigRevision()
	}
	_, first := shown()
	set("true")
	given, second := shown()
	set("false")
	if taken, third := shown(); given != api+" "+www || taken != "" || second == first || third == second {
		t.Errorf("by option: %q %q, revisions %d %d %d", given, taken, first, second, third)
	}
}
