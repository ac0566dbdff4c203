package api_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/bangle-dev/bangle/supervisor/api"
)

// TestRouteTable is the security review: a change of any line must be made here too.
func TestRouteTable(t *testing.T) {
	want := `GET /v1/system-info open
GET /v1/health open
GET /v1/changes user
GET /v1/changes/{id} user
POST /v1/changes/{id} admin
GET /v1/changes/{id}/wait user
GET /v1/services user
POST /v1/services admin
GET /v1/services/{name} user
POST /v1/services/{name} admin
GET /v1/plan admin
POST /v1/layers admin
GET /v1/files admin
POST /v1/files admin
GET /v1/logs user
POST /v1/exec admin
GET /v1/tasks/{task}/websocket/{id} admin
POST /v1/signals admin
GET /v1/checks user
POST /v1/checks admin
POST /v1/checks/refresh admin
GET /v1/notices user
POST /v1/notices user
GET /v1/notices/{id} user
GET /v1/identities user
POST /v1/identities admin
GET /v1/metrics metrics
POST /v1/pairing pairing`
	var got []string
	for _, rt := range api.Routes() {
		for _, v := range rt.Verbs {
			got = append(got, v.Method+" "+rt.Path+" "+v.Access.String())
		}
	}
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("routes:\n%s\nwant:\n%s", text, want)
	}
}

func TestOpenAPICoversTheRoutes(t *testing.T) {
	data, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Access    string         `yaml:"x-access"`
			Responses map[string]any `yaml:"responses"`
		} `yaml:"paths"`
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	var listed, served []string
	for path, verbs := range doc.Paths {
		for method, op := range verbs {
			listed = append(listed, strings.ToUpper(method)+" "+path+" "+op.Access)
			if len(op.Responses) == 0 {
				t.Errorf("%s %s has no responses", method, path)
			}
		}
	}
	for _, rt := range api.Routes() {
		for _, v := range rt.Verbs {
			served = append(served, v.Method+" "+rt.Path+" "+v.Access.String())
		}
	}
	slices.Sort(listed)
	slices.Sort(served)
	if !slices.Equal(listed, served) {
		t.Errorf("openapi.yaml lists\n%s\nserved are\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

func TestOnlyGetAndPost(t *testing.T) {
	for _, rt := range api.Routes() {
		for _, v := range rt.Verbs {
			if v.Method != http.MethodGet && v.Method != http.MethodPost {
				t.Errorf("%s %s: the API has GET and POST only", v.Method, rt.Path)
			}
			if v.Method == http.MethodPost && v.Access == api.Open {
				t.Errorf("%s is open to be changed by anyone", rt.Path)
			}
		}
	}
}
