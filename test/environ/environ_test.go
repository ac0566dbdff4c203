// Package environ_test holds the environment of every kind of event, as an executable charm finds it, against the table
// of names that charms rely on.
package environ_test

import (
	"context"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

var update = flag.Bool("update", false, "write the golden file anew")

// base is what every event has.
const base = `APT_LISTCHANGES_FRONTEND BANGLE_RUN_SOCKET BANGLE_TOOL_SOCKET CHARM_DIR CLOUD_API_VERSION DEBIAN_FRONTEND
JUJU_AGENT_SOCKET_ADDRESS JUJU_AGENT_SOCKET_NETWORK JUJU_API_ADDRESSES JUJU_AVAILABILITY_ZONE JUJU_CHARM_DIR
JUJU_CHARM_FTP_PROXY JUJU_CHARM_HTTPS_PROXY JUJU_CHARM_HTTP_PROXY JUJU_CHARM_NO_PROXY JUJU_CONTEXT_ID
JUJU_DISPATCH_PATH JUJU_HOOK_NAME JUJU_MACHINE_ID JUJU_MODEL_NAME JUJU_MODEL_UUID JUJU_PRINCIPAL_UNIT JUJU_UNIT_NAME
JUJU_VERSION KUBERNETES_SERVICE_HOST LANG PATH TERM FTP_PROXY HTTP_PROXY NO_PROXY ftp_proxy http_proxy no_proxy`

// What belongs to the kinds of events, and no others have.
const (
	ofRelation = " JUJU_RELATION JUJU_RELATION_ID JUJU_REMOTE_APP JUJU_REMOTE_UNIT"
	ofStorage  = " JUJU_STORAGE_ID JUJU_STORAGE_LOCATION JUJU_STORAGE_KIND"
	ofSecret   = " JUJU_SECRET_ID JUJU_SECRET_LABEL"
	ofNotice   = " JUJU_WORKLOAD_NAME JUJU_NOTICE_ID JUJU_NOTICE_TYPE JUJU_NOTICE_KEY"
	ofCheck    = " JUJU_WORKLOAD_NAME JUJU_PEBBLE_CHECK_NAME"
	ofAction   = " JUJU_ACTION_NAME JUJU_ACTION_UUID JUJU_ACTION_TAG"
)

type row struct {
	name  string // of the golden file
	ev    *hookv1.Event
	extra string // names beside base
}

// rows has every kind of event; arguments are those that the resolver gives them.
func rows() []row {
	var all []row
	for _, kind := range []string{"install", "leader-elected", "leader-settings-changed", "config-changed", "start", "stop", "remove", "upgrade-charm", "update-status"} {
		all = append(all, row{kind, &hookv1.Event{Kind: kind, Name: kind}, ""})
	}
	relation := func(kind, unit, leaver, extra string) row {
		return row{kind, &hookv1.Event{Kind: kind, Name: "db-" + kind, RelationId: 3, Endpoint: "db", RemoteApp: "mysql", RemoteUnit: unit, DepartingUnit: leaver}, ofRelation + extra}
	}
	ofApp := relation("relation-changed", "", "", "")
	ofApp.name += "-application"
	all = append(all, relation("relation-created", "", "", ""), relation("relation-joined", "mysql/0", "", ""), relation("relation-changed", "mysql/0", "", ""), ofApp,
		relation("relation-departed", "mysql/0", "mysql/0", " JUJU_DEPARTING_UNIT"), relation("relation-broken", "", "", ""))
	for _, kind := range []string{"storage-attached", "storage-detaching"} {
		all = append(all, row{kind, &hookv1.Event{Kind: kind, Name: "data-" + kind, StorageId: "data/0"}, ofStorage})
	}
	secret := func(kind, label string, revision int32, extra string) row {
		return row{kind, &hookv1.Event{Kind: kind, Name: kind, SecretId: "aaaaaaaaaaaaaaaaaaa0", SecretLabel: label, SecretRevision: revision}, ofSecret + extra}
	}
	all = append(all, secret("secret-changed", "", 0, ""), secret("secret-rotate", "mine", 0, ""), secret("secret-expired", "mine", 2, " JUJU_SECRET_REVISION"), secret("secret-remove", "mine", 1, " JUJU_SECRET_REVISION"))
	workload := func(kind, extra string, ev *hookv1.Event) row {
		ev.Kind, ev.Name, ev.Container = kind, "app-"+kind, "app"
		return row{kind, ev, extra}
	}
	return append(all, workload("pebble-ready", " JUJU_WORKLOAD_NAME", &hookv1.Event{}),
		workload("pebble-custom-notice", ofNotice, &hookv1.Event{NoticeId: "7", NoticeType: "custom", NoticeKey: "example.com/done"}),
		workload("pebble-check-failed", ofCheck, &hookv1.Event{CheckName: "alive"}), workload("pebble-check-recovered", ofCheck, &hookv1.Event{CheckName: "alive"}),
		row{"action", &hookv1.Event{Kind: "action", Name: "backup", TaskId: "5", ActionParams: "{}"}, ofAction},
		row{"exec", &hookv1.Event{Kind: "exec", Name: "exec", TaskId: "6", Command: []string{"./dispatch"}}, ""})
}

// quiet is a connection that the charm here does not use.
type quiet struct{ dispatch.Lines }

func (quiet) Immediate(*controllerv1.ImmediateRequest) {}
func (quiet) Log(*controllerv1.LogRecord)              {}

type one struct{ charmruntime.Runtime }

func (o one) Get(context.Context, string, string) (charmruntime.Runtime, func(), error) {
	return o.Runtime, func() {}, nil
}

// place is a unit's directories.
type place struct{ dir, charms, unit, run, tools string }

func newPlace(t *testing.T) place {
	t.Helper()
	dir, err := os.MkdirTemp("", "e") // short: a socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p := place{dir, filepath.Join(dir, "charms"), filepath.Join(dir, "u"), filepath.Join(dir, "r"), filepath.Join(dir, "tools")}
	if err := os.Mkdir(p.tools, 0o755); err != nil {
		t.Fatal(err)
	}
	return p
}

// dispatcher is the agent's, with the runtime of executable charms and a charm that keeps its environment.
func dispatcher(t *testing.T, p place) (*dispatch.Dispatcher, string) {
	file, digest := agenttest.Pack(t, "web", map[string]string{
		"dispatch":      "#!/bin/sh\ncat /proc/$$/environ > \"$CHARM_DIR/../environ\"\n",
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\nrequires: {db: {interface: sql}}\nstorage: {data: {type: filesystem}}\ncontainers: {app: {}}\n",
		"actions.yaml":  "backup: {description: keeps}\n",
	})
	fetch := func(_ context.Context, _, _ string, w io.Writer) error {
		data, err := os.ReadFile(file)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	rt := python.New(python.Config{})
	t.Cleanup(rt.Close)
	return dispatch.New(dispatch.Config{Runtimes: one{rt}, Lines: quiet{}, Charms: dispatch.NewCharms(p.charms, fetch),
		UnitDir: func(event.Key) string { return p.unit }, RunDir: func(event.Key) string { return p.run }, ToolsDir: p.tools, Boot: "boot",
		RunSocket:  func(event.Key) string { return filepath.Join(p.run, "run.socket") },
		Controller: dispatch.Controller{Name: "here", UUID: "c0ffee", Addresses: []string{"10.0.0.1:17070", "[fd00::1]:17070"}},
		StateFiles: func(context.Context, event.Key) (*controllerv1.StateFiles, error) { return nil, nil }}), digest
}

// job is an event of web/1 on a machine, beside a principal, in a model with proxies.
func job(ev *hookv1.Event, digest string) dispatch.Job {
	own := &controllerv1.Endpoint{Application: "web", Name: "db", Interface: "sql", Role: "requirer", Scope: "global"}
	remote := &controllerv1.Endpoint{Application: "mysql", Name: "db", Interface: "sql", Role: "provider"}
	ev.Id = "9-" + ev.Name
	return dispatch.Job{Key: event.Key{Model: "d3adbeef-0000", Unit: "web/1"}, Event: ev, Now: time.Unix(1_700_000_000, 0),
		Model: &source.Snapshot{Name: "web/1", Model: &controllerv1.Model{Name: "prod", Uuid: "d3adbeef-0000", Config: map[string]string{
			"http-proxy": "http://old:3128", "juju-http-proxy": "http://proxy:3128", "juju-https-proxy": "http://tls:3128", "ftp-proxy": "ftp://files", "no-proxy": "127.0.0.1"}},
			Application: &controllerv1.Application{Name: "web", Life: controllerv1.Life_LIFE_ALIVE, CharmDigest: digest, Runtime: "python"},
			Unit:        &controllerv1.Unit{Name: "web/1", Life: controllerv1.Life_LIFE_ALIVE, Principal: "host/0"},
			Storage:     []*controllerv1.StorageInstance{{Id: "data/0", Name: "data", Kind: "filesystem", Owner: "web/1", Location: "/srv/data"}},
			Relations: []*source.Relation{{ID: 3, Own: own, Remote: remote, Record: &controllerv1.Relation{Id: 3, Life: controllerv1.Life_LIFE_ALIVE},
				Units: []string{"mysql/0", "web/1"}, Bags: map[string]*controllerv1.Bag{}}}},
		Cursor: &controllerv1.Cursor{CharmDigest: digest, Installed: true},
		Seen: &source.Observation{Environment: &substratev1.EnvironmentResponse{MachineId: "7", AvailabilityZone: "zone-a", Addresses: []string{"10.1.2.3"},
			Environment: map[string]string{"KUBERNETES_SERVICE_HOST": "10.9.0.1"}}}}
}

// found reads what the charm kept, with what differs from run to run under a name.
func (p place) found(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.unit, "environ"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(p.unit, "environ")); err != nil {
		t.Fatal(err)
	}
	named := strings.NewReplacer(filepath.Join(p.unit, "charm"), "$CHARM", p.unit, "$UNIT", p.run, "$RUN", p.tools, "$TOOLS").Replace(string(data))
	env := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimRight(named, "\x00"), "\x00") {
		name, value, _ := strings.Cut(line, "=")
		if _, twice := env[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		env[name] = value
	}
	return env
}

// TestEnvironmentOfEveryEvent runs a charm for every kind of event through the agent's code and the real runtime. What it
// finds is the table's names, nothing of the agent's own, with the values of the golden file: the first event whole, of the others what differs.
func TestEnvironmentOfEveryEvent(t *testing.T) {
	t.Setenv("HOME", "/nowhere/of/the/agent") // nothing of these is the charm's
	t.Setenv("BANGLE_AGENT_PRIVATE", "x")
	t.Setenv("JUJU_DEBUG", "x")
	t.Setenv("KUBERNETES_PORT", "x")
	p := newPlace(t)
	d, digest := dispatcher(t, p)
	contexts := map[string]string{}
	kinds := map[string]bool{}
	var first map[string]string
	var text strings.Builder
	for _, r := range rows() {
		kinds[r.ev.Kind] = true
		t.Run(r.name, func(t *testing.T) {
			got, err := d.Run(t.Context(), job(r.ev, digest))
			if err != nil || got.Done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
				t.Fatalf("%v, %v", got.Done, err)
			}
			env := p.found(t)
			want := strings.Fields(base + r.extra)
			slices.Sort(want)
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(env))); diff != "" {
				t.Errorf("names (-table +charm):\n%s", diff)
			}
			id := env["JUJU_CONTEXT_ID"]
			if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || contexts[id] != "" {
				t.Errorf("context id %q is not new and random; %s had it", id, contexts[id])
			}
			contexts[id], env["JUJU_CONTEXT_ID"] = r.name, "$CONTEXT"
			text.WriteString(r.name + "\n" + differs(first, env))
			if first == nil {
				first = env
			}
		})
	}
	golden(t, text.String())
	list, err := os.ReadFile("../../sdk/api/events.go")
	if err != nil {
		t.Fatal(err)
	}
	all := regexp.MustCompile(`(?m)^\tEvent\w+ += "([a-z-]+)"$`).FindAllStringSubmatch(string(list), -1)
	for _, kind := range all {
		if !kinds[kind[1]] {
			t.Errorf("no row for %s", kind[1])
		}
	}
	if len(all) < 20 {
		t.Errorf("found only %d kinds of events", len(all))
	}
}

// differs is what an event has that the first one does not, or otherwise.
func differs(first, env map[string]string) string {
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(env)) {
		if v, same := first[k]; !same || v != env[k] {
			text.WriteString("  " + k + "=" + env[k] + "\n")
		}
	}
	return text.String()
}

func golden(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join("testdata", "environment.txt")
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("%s (-file +charm):\n%s", file, diff)
	}
}
