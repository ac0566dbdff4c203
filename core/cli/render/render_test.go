package render_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/core/cli/render"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; write it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), -update accepts it:\n%s", file, diff)
	}
}

func st(current, message string) *hookv1.Status {
	return &hookv1.Status{Current: current, Message: message, Since: "2026-02-24T12:03:17.5Z"}
}

func unit(name string, workload, agent *hookv1.Status) *clientv1.UnitStatusInfo {
	return &clientv1.UnitStatusInfo{Name: name, Life: "alive", Workload: workload, Agent: agent, Address: "127.0.0.1", ProviderId: strings.ReplaceAll(name, "/", "-")}
}

// full is a model in which everything happens at once.
func full() *clientv1.StatusResponse {
	lead := unit("guestbook/0", st("active", "3 entries"), st("idle", ""))
	lead.Leader, lead.OpenPorts = true, []string{"8080/tcp", "443/tcp", "53/udp"}
	running := unit("guestbook/2", st("maintenance", "installing"), st("executing", "running config-changed hook"))
	running.Executing = "running config-changed hook"
	late := unit("guestbook/10", st("waiting", "installing agent"), st("allocating", ""))
	late.Address, late.ProviderId = "", ""
	failed := unit("nats/0", st("error", "hook failed: \"install\"\nline two"), st("idle", ""))
	failed.Leader, failed.UpgradingFrom = true, "sha256:00"
	failed.Failed = &controllerv1.Pending{Step: "failed", ExitCode: 1, Message: "KeyError: 'x'"}
	going := unit("nats/1", st("unknown", "agent lost, see 'bangle debug-log --include nats/1'"), st("lost", ""))
	going.Life = "dying"
	return &clientv1.StatusResponse{
		Model: &controllerv1.Model{Name: "dev", Uuid: "u-1", Life: controllerv1.Life_LIFE_ALIVE, Substrate: "local", Owner: "admin"}, Controller: "main", Cloud: "local",
		Version: "3.6.14", Timestamp: "2026-02-24T12:04:55Z", Revision: 42, ModelStatus: st("available", ""),
		Applications: []*clientv1.ApplicationStatusInfo{
			{Name: "guestbook", Charm: "local:guestbook-0", CharmName: "guestbook", CharmOrigin: "local", WorkloadVersion: "1.4.2+a-very-long-version-of-the-workload", Exposed: true,
				Status: st("active", "3 entries"), ScaleWanted: 3, Address: "127.0.0.2", EndpointBindings: map[string]string{"": "alpha", "store": "alpha"},
				Units:     []*clientv1.UnitStatusInfo{lead, late, running},
				Relations: []*clientv1.RelatedApplication{{Endpoint: "store", Application: "nats", Interface: "nats", Scope: "global"}}},
			{Name: "nats", Charm: "local:nats-12", CharmName: "nats", CharmOrigin: "local", CharmRev: 12, CharmVersion: "v2", Life: "dying", Status: st("error", "hook failed: \"install\""), ScaleWanted: 1,
				Units: []*clientv1.UnitStatusInfo{failed, going}, Relations: []*clientv1.RelatedApplication{{Endpoint: "client", Application: "guestbook", Interface: "nats", Scope: "global"}}},
			{Name: "proxy", Charm: "local:proxy-0", CharmName: "proxy", CharmOrigin: "local", Status: st("unknown", "")},
		},
		Relations: []*clientv1.RelationStatusInfo{
			{Id: 2, Key: "guestbook:store nats:client", Provider: "nats:client", Requirer: "guestbook:store", Interface: "nats", Type: "regular", Status: "removing", Message: "2 units have not left it yet"},
			{Id: 1, Key: "nats:peers", Provider: "nats:peers", Requirer: "nats:peers", Interface: "nats_peers", Type: "peer", Status: "joined"},
			{Id: 3, Key: "guestbook:web proxy:web", Provider: "guestbook:web", Requirer: "proxy:web", Interface: "http", Type: "regular", Status: "suspended"},
		},
		Storage: []*clientv1.StorageStatusInfo{
			{Id: "data/10", Kind: "filesystem", Unit: "nats/1", Location: "/srv/1", Pool: "local", Status: "detaching", Life: "dying"},
			{Id: "data/2", Kind: "filesystem", Unit: "nats/0", Location: "/srv/0", Pool: "local", Status: "attached"},
			{Id: "data/3", Kind: "block", Status: "detached"},
		},
	}
}

// beside is a model with subordinates of two applications.
func beside() *clientv1.StatusResponse {
	web, other := unit("web/0", st("active", ""), st("idle", "")), unit("web/1", st("active", ""), st("idle", ""))
	web.Leader, web.Subordinates, other.Subordinates = true, []string{"log/0", "ntp/1"}, []string{"ntp/0"}
	log, one, two := unit("log/0", st("blocked", "no sink"), st("idle", "")), unit("ntp/0", st("active", ""), st("idle", "")), unit("ntp/1", st("active", ""), st("executing", "running start hook"))
	log.Principal, one.Principal, two.Principal = "web/0", "web/1", "web/0"
	log.Leader, one.Leader = true, true
	tie := func(endpoint, app string) []*clientv1.RelatedApplication {
		return []*clientv1.RelatedApplication{{Endpoint: endpoint, Application: app, Interface: endpoint, Scope: "container"}}
	}
	s := empty()
	s.Applications = []*clientv1.ApplicationStatusInfo{
		{Name: "log", Charm: "local:log-0", CharmName: "log", CharmOrigin: "local", Status: st("blocked", "no sink"), ScaleWanted: 1, Subordinate: true, SubordinateTo: []string{"web"},
			Units: []*clientv1.UnitStatusInfo{log}, Relations: tie("host", "web")},
		{Name: "ntp", Charm: "local:ntp-0", CharmName: "ntp", CharmOrigin: "local", Status: st("active", ""), ScaleWanted: 2, Subordinate: true, SubordinateTo: []string{"web"},
			Units: []*clientv1.UnitStatusInfo{one, two}, Relations: tie("juju-info", "web")},
		{Name: "web", Charm: "local:web-0", CharmName: "web", CharmOrigin: "local", Status: st("active", ""), ScaleWanted: 2, Units: []*clientv1.UnitStatusInfo{other, web}},
	}
	return s
}

func empty() *clientv1.StatusResponse {
	s := full()
	s.Applications, s.Relations, s.Storage = nil, nil, nil
	return s
}

func TestGolden(t *testing.T) {
	value := func(format string, v any) func(io.Writer) error {
		return func(w io.Writer) error { return render.Value(w, format, v) }
	}
	zone := render.Zone{}
	done, failed, waits := tasks()
	op := &controllerv1.Operation{Id: "1", Summary: "action backup run on nats/0,nats/1", Tasks: []string{"2", "3"}, Enqueued: "2026-02-24T12:00:00Z"}
	for name, write := range map[string]func(io.Writer) error{
		"status/tabular.txt": func(w io.Writer) error { return render.Tabular(w, full(), render.StatusOptions{}) },
		"status/whole.txt": func(w io.Writer) error {
			return render.Tabular(w, full(), render.StatusOptions{Relations: true, Storage: true})
		},
		"status/colour.txt": func(w io.Writer) error {
			return render.Tabular(w, full(), render.StatusOptions{Relations: true, Storage: true, Colour: true})
		},
		"status/empty.txt":         func(w io.Writer) error { return render.Tabular(w, empty(), render.StatusOptions{Relations: true}) },
		"status/oneline.txt":       func(w io.Writer) error { return render.Oneline(w, full()) },
		"status/summary.txt":       func(w io.Writer) error { return render.Summary(w, full()) },
		"status/status.json":       value("json", render.Status(full(), zone)),
		"status/status.yaml":       value("yaml", render.Status(full(), zone)),
		"status/subordinates.txt":  func(w io.Writer) error { return render.Tabular(w, beside(), render.StatusOptions{}) },
		"status/subordinates.line": func(w io.Writer) error { return render.Oneline(w, beside()) },
		"status/subordinates.json": value("json", render.Status(beside(), zone)),
		"status/subordinates.yaml": value("yaml", render.Status(beside(), zone)),
		"status/empty.json":        value("json", render.Status(empty(), zone)),
		"status/empty.yaml":        value("yaml", render.Status(empty(), zone)),
		"task/done.txt":            func(w io.Writer) error { return render.PlainTask(w, done) },
		"task/failed.txt":          func(w io.Writer) error { return render.PlainTask(w, failed) },
		"task/task.yaml":           value("yaml", render.Task(done, zone)),
		"task/pending.yaml":        value("yaml", render.Task(waits, zone)),
		"task/tasks.json":          value("json", render.Tasks([]*controllerv1.Task{done, failed}, zone)),
		"task/tasks.yaml":          value("yaml", render.Tasks([]*controllerv1.Task{done, failed, waits}, zone)),
		"task/operation.yaml":      value("yaml", render.Operation(op, []*controllerv1.Task{done, failed}, zone)),
		"task/operation.json":      value("json", render.Operation(op, []*controllerv1.Task{done, waits}, zone)),
		"task/operations.txt": func(w io.Writer) error {
			return render.Operations(w, []*controllerv1.Operation{op, {Id: "9", Summary: "exec run on a/0", Tasks: []string{"10"}}}, []*controllerv1.Task{done, failed, waits}, zone, false)
		},
		"task/actions.txt": func(w io.Writer) error {
			return render.Actions(w, []*clientv1.ActionInfo{{Name: "backup", Description: "Write a backup."}, {Name: "x"}})
		},
		"config/config.yaml":    value("yaml", render.Config(config())),
		"config/config.json":    value("json", render.Config(config())),
		"show/unit.yaml":        value("yaml", render.ShowUnits(details(), false)),
		"show/unit.json":        value("json", render.ShowUnits(details(), false)),
		"show/unit-app.yaml":    value("yaml", render.ShowUnits(details(), true)),
		"show/application.yaml": value("yaml", render.ShowApplications(applications())),
		"show/application.json": value("json", render.ShowApplications(applications())),
		"show/events.txt":       func(w io.Writer) error { return render.Events(w, journal(), zone, false) },
		"show/events.json":      value("json", render.EventParts(journal(), zone)),
		"show/events.yaml":      value("yaml", render.EventParts(journal(), zone)),
		"models/models.txt":     func(w io.Writer) error { return render.ModelTable(w, models(), "main", "dev", false) },
		"models/models.json":    value("json", render.Models(models(), "main", "dev")),
		"models/models.yaml":    value("yaml", render.Models(models(), "main", "dev")),
		"models/none.json":      value("json", render.Models(nil, "main", "")),
		"models/config.txt": func(w io.Writer) error {
			return render.Pairs(w, [2]string{"Attribute", "Value"}, map[string]string{"b": "2", "a": "1"})
		},
		"log/log.txt": func(w io.Writer) error { return render.Log(w, records(), render.LogOptions{}) },
		"log/log-date-ms-colour.txt": func(w io.Writer) error {
			return render.Log(w, records(), render.LogOptions{Date: true, Millis: true, Colour: true})
		},
		"log/log.json": func(w io.Writer) error { return render.Log(w, records(), render.LogOptions{JSON: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.String())
		})
	}
}

func tasks() (done, failed, waits *controllerv1.Task) {
	done = &controllerv1.Task{Id: "2", Operation: "1", Unit: "nats/0", Kind: "action", Action: "backup", Status: "completed", Enqueued: "2026-02-24T12:00:00Z", Started: "2026-02-24T12:00:01Z",
		Completed: "2026-02-24T12:00:02.25Z", Results: map[string]string{"file": "/b.tgz", "size.packed": "3", "size.raw": "9", "a": "1", "a.b": "2"}, Stdout: "two\nlines\n", Stderr: "a warning",
		Log: []*controllerv1.TaskLog{{Time: "2026-02-24T12:00:01.5Z", Message: "half done"}}}
	failed = &controllerv1.Task{Id: "3", Operation: "1", Unit: "nats/1", Kind: "action", Action: "backup", Status: "failed", Message: "no space left", ExitCode: 3, Stderr: "Traceback\nOSError\n",
		Enqueued: "2026-02-24T12:00:00Z", Started: "2026-02-24T12:00:01Z", Completed: "2026-02-24T12:00:03Z"}
	waits = &controllerv1.Task{Id: "10", Operation: "9", Unit: "a/0", Kind: "exec", Status: "pending", Enqueued: "2026-02-24T12:00:00Z"}
	return done, failed, waits
}

func config() *clientv1.GetConfigResponse {
	text := func(s string) *hookv1.ConfigValue {
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: s}}
	}
	return &clientv1.GetConfigResponse{Application: "web", Charm: "web", Trust: true, Options: []*clientv1.ConfigOption{
		{Name: "title", Type: "string", Description: "Shown above.", DefaultValue: text(""), Value: text("Hello: \"x\""), Source: "user"},
		{Name: "port", Type: "int", DefaultValue: &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: 80}}, Value: &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: 80}}, Source: "default"},
		{Name: "debug", Type: "boolean", DefaultValue: &hookv1.ConfigValue{Value: &hookv1.ConfigValue_BoolValue{}}, Value: &hookv1.ConfigValue{Value: &hookv1.ConfigValue_BoolValue{}}, Source: "default"},
		{Name: "ratio", Type: "float", Value: &hookv1.ConfigValue{Value: &hookv1.ConfigValue_FloatValue{FloatValue: 0.5}}, Source: "user"},
		{Name: "key", Type: "secret", Source: "unset"},
	}}
}

func details() []*clientv1.UnitDetails {
	u := full().GetApplications()[0].GetUnits()[0]
	u.WorkloadVersion = "1.4"
	return []*clientv1.UnitDetails{{Status: u, Charm: "local:guestbook-0", Relations: []*clientv1.RelationDetails{
		{Id: 2, Endpoint: "store", RelatedEndpoint: "client", RemoteApp: "nats", ApplicationData: map[string]string{"url": "nats://x"}, LocalUnitData: map[string]string{"ingress-address": "127.0.0.1"},
			RelatedUnits: map[string]*clientv1.UnitBag{"nats/0": {InScope: true, Data: map[string]string{"b": "2", "a": "1"}}, "nats/1": {}}},
		{Id: 4, Endpoint: "web", RelatedEndpoint: "web", CrossModel: true},
	}}, {Status: unit("x/0", st("active", ""), st("idle", "")), Charm: "local:x-0"}}
}

func applications() []*clientv1.ApplicationDetails {
	return []*clientv1.ApplicationDetails{
		{Principal: true, Base: "ubuntu@22.04", Status: &clientv1.ApplicationStatusInfo{Units: []*clientv1.UnitStatusInfo{{Name: "web/0"}, {Name: "web/1", Leader: true}}}, Record: &controllerv1.Application{Name: "web", Life: controllerv1.Life_LIFE_ALIVE, CharmName: "web", CharmPath: "/src/web", CharmDigest: "sha256:12", Runtime: "python",
			Exposed: true, Trust: true, HookTimeoutMs: 90000, Constraints: map[string]string{"mem": "1G"}, Resources: map[string]string{"image": "/img"}, EndpointBindings: map[string]string{"": "alpha"}}},
		{Record: &controllerv1.Application{Name: "sub", Life: controllerv1.Life_LIFE_DYING, CharmName: "sub", HookTimeoutMs: -1}},
	}
}

func journal() []*controllerv1.JournalEntry {
	const start = 1771934597_500_000_000
	return []*controllerv1.JournalEntry{
		{Unit: "web/0", Event: &hookv1.Event{Id: "1-install", Kind: "install", Name: "install"}, Outcome: "ok", StartUnixNano: start, QueuedUs: 120, RunUs: 45_300, CommitUs: 1_900, Revision: 12, Wrote: "status"},
		{Unit: "web/0", Event: &hookv1.Event{Id: "2-db-relation-joined", Kind: "relation-joined", Name: "db-relation-joined", RelationId: 3, Endpoint: "db", RemoteApp: "db", RemoteUnit: "db/0"}, Outcome: "failed",
			Message: "KeyError: 'x'", StartUnixNano: start + 1e9, QueuedUs: 5, RunUs: 2_500_000, CommitUs: 800},
		{Unit: "web/0", Event: &hookv1.Event{Id: "3-update-status", Kind: "update-status"}, Outcome: "not-implemented", StartUnixNano: start + 2e9},
	}
}

func models() []*clientv1.ModelSummary {
	return []*clientv1.ModelSummary{
		{Model: full().GetModel(), Units: 12, Applications: 3, Status: "available"},
		{Model: &controllerv1.Model{Name: "old", Uuid: "u-2", Life: controllerv1.Life_LIFE_DYING, Substrate: "local"}, Status: "destroying"},
	}
}

func records() []*controllerv1.LogRecord {
	const at = 1771934597_042_000_000
	return []*controllerv1.LogRecord{
		{Entity: "unit-web-0", Module: "unit.web/0.install", Level: "INFO", Message: "hello", TimeUnixNano: at},
		{Entity: "unit-web-0", Module: "unit.web/0.install", Level: "ERROR", Message: "Traceback:\n  File \"src/charm.py\", line 3\nKeyError: 'x'\n", TimeUnixNano: at + 1e9},
		{Entity: "controller", Module: "placement", Level: "WARNING", Message: "slow", TimeUnixNano: at + 2e9},
		{Entity: "controller", Module: "placement", Level: "DEBUG", Message: "quiet", TimeUnixNano: at + 3e9},
	}
}

func TestNoControlCharactersReachTheTable(t *testing.T) {
	s := full()
	s.Applications[0].Status.Message = "\x1b[31mred\x07\r\n\tnext\x7f"
	var b bytes.Buffer
	if err := render.Tabular(&b, s, render.StatusOptions{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\x07\r\x7f\t") || !strings.Contains(b.String(), "[31mred  next\n") {
		t.Errorf("a charm's message reached the terminal as it is: %q", b.String())
	}
}

func TestPorts(t *testing.T) {
	for want, list := range map[string][]string{
		"":                           nil,
		"80/tcp":                     {"80/tcp"},
		"80,443,8080/tcp":            {"8080/tcp", "443/tcp", "80/tcp"},
		"icmp 80,100-200/tcp 53/udp": {"icmp", "100-200/tcp", "53/udp", "80/tcp"},
	} {
		if got := render.Ports(list); got != want {
			t.Errorf("Ports(%q) = %q, want %q", list, got, want)
		}
	}
}
