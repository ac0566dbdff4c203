package clients_test

import (
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// TestAssumes: what a charm assumes is refused where it is not here, and with force it is a warning. The Kubernetes API is
// only warned of.
func TestAssumes(t *testing.T) {
	b, _ := small(t)
	for name, c := range map[string]struct {
		metadata string
		refused  string   // "" = deployed
		warned   []string // with force
	}{
		"met":             {"assumes: [juju >= 3.1, juju < 4.0]\n", "", nil},
		"too-new":         {"assumes: [juju >= 9.0]\n", `charm requires feature "juju >= 9.0"`, []string{"juju >= 9.0"}},
		"too-old":         {"assumes: [juju < 3.0]\n", `charm requires feature "juju < 3.0"`, []string{"juju < 3.0"}},
		"min-version":     {"min-juju-version: 9.1\n", `charm requires feature "juju >= 9.1"`, []string{"juju >= 9.1"}},
		"unknown":         {"assumes: [moon]\n", `charm requires feature "moon"`, []string{"moon"}},
		"k8s":             {"assumes: [k8s-api]\n", "", []string{"k8s-api"}},
		"any-of":          {"assumes: [{any-of: [moon, juju >= 3]}]\n", "", nil},
		"any-of-none":     {"assumes: [{any-of: [moon, juju >= 9]}]\n", `charm requires feature "any of (moon, juju >= 9)"`, []string{"any of (moon, juju >= 9)"}},
		"all-of-k8s":      {"assumes: [{all-of: [k8s-api, juju >= 3]}]\n", "", []string{"all of (k8s-api, juju >= 3)"}},
		"all-of-not":      {"assumes: [{all-of: [k8s-api, juju >= 9]}]\n", `charm requires feature "all of (k8s-api, juju >= 9)"`, []string{"all of (k8s-api, juju >= 9)"}},
		"nested":          {"assumes: [{any-of: [{all-of: [juju >= 3, juju < 4]}, moon]}]\n", "", nil},
		"nested-not":      {"assumes: [{any-of: [{all-of: [juju >= 9, k8s-api]}, moon]}]\n", `charm requires feature "any of (all of (juju >= 9, k8s-api), moon)"`, []string{"any of (all of (juju >= 9, k8s-api), moon)"}},
		"several-at-once": {"assumes: [moon, juju >= 9]\n", "charm requires feature \"moon\", which is not here; use --force to try anyway\ncannot deploy \"several-at-once\": charm requires feature \"juju >= 9\"", []string{"moon", "juju >= 9"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(simple(name, c.metadata)), Application: name}
			_, err := call(t.Context(), b.client.Deploy, req)
			if c.refused == "" && err != nil || c.refused != "" && (!errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), c.refused)) {
				t.Fatalf("error %v, want %q", err, c.refused)
			}
			if c.refused != "" {
				other := b.charm(simple("plain-"+name, ""))
				ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: other, Application: "old-" + name})
				_, err := call(t.Context(), b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "old-" + name, CharmDigest: b.charm(simple("plain-"+name, c.metadata))})
				if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), `cannot refresh "old-`+name+`": charm requires feature`) {
					t.Errorf("refreshed: %v", err)
				}
			}
			req.Application, req.Force = "forced-"+name, true
			var warned []string
			for _, d := range ok(t, b.client.Deploy, req).GetDiagnostics() {
				if d.GetKey() == "assumes" && d.GetSeverity() == "warning" {
					warned = append(warned, strings.TrimSuffix(strings.TrimPrefix(d.GetMessage(), `charm "`+name+`" assumes `), ", which is not here"))
				}
			}
			if strings.Join(warned, "; ") != strings.Join(c.warned, "; ") {
				t.Errorf("warned of %q, want %q", warned, c.warned)
			}
		})
	}
}
