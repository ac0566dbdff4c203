package world_test

import (
	"context"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// cluster is an outside with an API server, whose answers to paths it knows are those of a real one (1.36); it makes what it was
// asked without dryRun=All.
type cluster struct {
	beyond
	asked, made []string
}

func (c *cluster) Kube(_ context.Context, in *abi.KubeRequest) (*abi.Response, error) {
	c.asked = append(c.asked, in.Method+" "+in.Path+"?"+in.Query)
	if in.Method != "GET" && (!strings.HasSuffix(in.Query, "dryRun=All") || in.Method == "DELETE" && in.Body != "") {
		c.made = append(c.made, in.Path)
	}
	switch {
	case strings.Contains(in.Path, "/away"):
		return nil, errs.E(errs.Unavailable, "nobody is there")
	case strings.Contains(in.Path, "/jobs"):
		return &abi.Response{Status: 400, Body: `{"reason":"BadRequest","message":"admission webhook \"w\" does not support dry run"}`}, nil
	case strings.Contains(in.Path, "/nothing"):
		return &abi.Response{Status: 404, Body: `{"reason":"NotFound"}`}, nil
	case in.Method == "POST":
		return &abi.Response{Status: 201, Body: `{"metadata":{"uid":"u"}}`}, nil
	}
	return &abi.Response{Status: 200, Body: `{"kind":"what the server would have made of it"}`}, nil
}

// TestKubeIsRehearsedByTheServer: the API server tries a change and makes nothing; its refusals are the plan's. What it cannot judge,
// being changed before or not its own to answer, is answered as done without it.
func TestKubeIsRehearsedByTheServer(t *testing.T) {
	const maps, secret = "/api/v1/namespaces/m/configmaps", "/api/v1/namespaces/m/secrets/nothing"
	for name, c := range map[string]struct {
		in     []abi.KubeRequest
		status int // of the last one's answer
		body   string
		asked  string // the last question, "" = not asked
		effect string
	}{
		"a change":                 {[]abi.KubeRequest{{Method: "PATCH", Path: maps + "/a", Body: "{}"}}, 200, "would have made", "PATCH " + maps + "/a?dryRun=All", "PATCH " + maps + "/a"},
		"with a query":             {[]abi.KubeRequest{{Method: "POST", Path: maps, Query: "fieldManager=x", Body: "{}"}}, 201, "uid", "POST " + maps + "?fieldManager=x&dryRun=All", "POST " + maps},
		"the charm's own dry run":  {[]abi.KubeRequest{{Method: "POST", Path: maps, Query: "dryRun=All", Body: "{}"}}, 201, "uid", "POST " + maps + "?dryRun=All", "POST " + maps},
		"refused":                  {[]abi.KubeRequest{{Method: "DELETE", Path: secret}}, 404, "NotFound", "DELETE " + secret + "?dryRun=All", "DELETE " + secret + " (the API server would refuse it: 404 Not Found)"},
		"of what was changed":      {[]abi.KubeRequest{{Method: "POST", Path: maps, Body: "{}"}, {Method: "PATCH", Path: maps + "/nothing", Body: "x"}}, 200, "x", "", "PATCH " + maps + "/nothing"},
		"made twice":               {[]abi.KubeRequest{{Method: "POST", Path: maps, Body: "{}"}, {Method: "POST", Path: maps, Body: "x"}}, 201, "x", "", "POST " + maps},
		"of what was refused":      {[]abi.KubeRequest{{Method: "DELETE", Path: maps + "/nothing"}, {Method: "POST", Path: maps, Body: "{}"}}, 201, "uid", "POST " + maps + "?dryRun=All", "POST " + maps},
		"of something else":        {[]abi.KubeRequest{{Method: "POST", Path: maps, Body: "{}"}, {Method: "DELETE", Path: secret}}, 404, "NotFound", "DELETE " + secret + "?dryRun=All", "DELETE " + secret + " (the API server would refuse it: 404 Not Found)"},
		"a webhook that cannot":    {[]abi.KubeRequest{{Method: "POST", Path: "/apis/batch/v1/namespaces/m/jobs", Body: "x"}}, 201, "x", "POST /apis/batch/v1/namespaces/m/jobs?dryRun=All", "POST /apis/batch/v1/namespaces/m/jobs"},
		"of a group of the server": {[]abi.KubeRequest{{Method: "PUT", Path: "/apis/networking.k8s.io/v1/namespaces/m/ingresses/a", Body: "x"}}, 200, "would have made", "PUT /apis/networking.k8s.io/v1/namespaces/m/ingresses/a?dryRun=All", "PUT /apis/networking.k8s.io/v1/namespaces/m/ingresses/a"},
		"of somebody's own group":  {[]abi.KubeRequest{{Method: "PUT", Path: "/apis/example.com/v1/namespaces/m/things/a", Body: "x"}}, 200, "x", "", "PUT /apis/example.com/v1/namespaces/m/things/a"},
		"of the metrics' server":   {[]abi.KubeRequest{{Method: "PUT", Path: "/apis/metrics.k8s.io/v1/nodes/a", Body: "x"}}, 200, "x", "", "PUT /apis/metrics.k8s.io/v1/nodes/a"},
		"a DELETE with a body":     {[]abi.KubeRequest{{Method: "DELETE", Path: maps + "/a", Body: `{"propagationPolicy":"Background"}`}}, 200, "Background", "", "DELETE " + maps + "/a"},
		"a dry run of its own way": {[]abi.KubeRequest{{Method: "POST", Path: maps, Query: "dryRun=", Body: "x"}}, 201, "x", "", "POST " + maps},
		"two of them":              {[]abi.KubeRequest{{Method: "POST", Path: maps, Query: "dryRun=All&dryRun=", Body: "x"}}, 201, "x", "", "POST " + maps},
		"a query that is none":     {[]abi.KubeRequest{{Method: "POST", Path: maps, Query: "%zz", Body: "x"}}, 201, "x", "", "POST " + maps},
		"asked of an object":       {[]abi.KubeRequest{{Method: "POST", Path: "/api/v1/namespaces/m/serviceaccounts/a/token", Body: "x"}}, 201, "x", "", "POST /api/v1/namespaces/m/serviceaccounts/a/token"},
		"an object's scale":        {[]abi.KubeRequest{{Method: "PATCH", Path: "/apis/apps/v1/namespaces/m/deployments/a/scale", Body: "x"}}, 200, "would have made", "PATCH /apis/apps/v1/namespaces/m/deployments/a/scale?dryRun=All", "PATCH /apis/apps/v1/namespaces/m/deployments/a/scale"},
		"of a cluster's object":    {[]abi.KubeRequest{{Method: "DELETE", Path: "/api/v1/namespaces/m"}}, 200, "would have made", "DELETE /api/v1/namespaces/m?dryRun=All", "DELETE /api/v1/namespaces/m"},
	} {
		t.Run(name, func(t *testing.T) {
			w, server := made(t, world.DryRun, nil), &cluster{}
			o := w.Outside(server)
			var got *abi.Response
			var err error
			asked := 0
			for _, in := range c.in {
				asked = len(server.asked)
				if got, err = o.Kube(t.Context(), &in); err != nil {
					t.Fatal(err)
				}
			}
			last := strings.Join(server.asked[asked:], "")
			if got.Status != c.status || !strings.Contains(got.Body, c.body) || last != c.asked || len(server.made) > 0 {
				t.Errorf("answered %+v, the server was asked %q and made %v", got, last, server.made)
			}
			if e := w.Effects(); len(e) != len(c.in) || e[len(e)-1].GetSummary() != c.effect {
				t.Errorf("effects %v", e)
			}
		})
	}
	if _, err := made(t, world.DryRun, nil).Outside(&cluster{}).Kube(t.Context(), &abi.KubeRequest{Method: "DELETE", Path: "/api/v1/namespaces/m/pods/away"}); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a server that is not there: %v", err)
	}
}
