package python_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/api"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

var update = flag.Bool("update", false, "write the golden files")

// events is one event of every kind, and of old charms' hooks, which are only named by commands.
func events() []*hookv1.Event {
	plain := func(kind string) *hookv1.Event { return &hookv1.Event{Kind: kind, Name: kind} }
	related := func(kind, unit string) *hookv1.Event {
		return &hookv1.Event{Kind: kind, Name: "db-" + kind, RelationId: 7, Endpoint: "db", RemoteApp: "pg", RemoteUnit: unit}
	}
	departed := related(api.EventRelationDeparted, "pg/1")
	departed.DepartingUnit = "pg/1"
	stored := func(kind string) *hookv1.Event {
		return &hookv1.Event{Kind: kind, Name: "data-" + kind, StorageId: "data/3"}
	}
	secret := func(kind string, revision int32) *hookv1.Event {
		return &hookv1.Event{Kind: kind, Name: kind, SecretId: "9m4e2mr0ui3e8a215n4g", SecretLabel: "pw", SecretRevision: revision}
	}
	notice := &hookv1.Event{Kind: api.EventPebbleCustomNotice, Name: "web-pebble-custom-notice", Container: "web", NoticeId: "5", NoticeType: "custom", NoticeKey: "example.com/done"}
	check := func(kind string) *hookv1.Event {
		return &hookv1.Event{Kind: kind, Name: "web-" + kind, Container: "web", CheckName: "up"}
	}
	list := []*hookv1.Event{
		related(api.EventRelationCreated, ""), related(api.EventRelationJoined, "pg/1"), related(api.EventRelationChanged, "pg/1"), departed, related(api.EventRelationBroken, ""),
		stored(api.EventStorageAttached), stored(api.EventStorageDetaching),
		secret(api.EventSecretChanged, 0), secret(api.EventSecretExpired, 2), secret(api.EventSecretRotate, 0), secret(api.EventSecretRemove, 1),
		{Kind: api.EventPebbleReady, Name: "web-pebble-ready", Container: "web"}, notice, check(api.EventPebbleCheckFailed), check(api.EventPebbleCheckRecovered),
		{Kind: api.EventAction, Name: "backup", TaskId: "12", ActionParams: `{"level":2}`}, {Kind: api.EventExec, TaskId: "14", Command: []string{"./dispatch"}},
	}
	for _, kind := range []string{api.EventInstall, api.EventLeaderElected, api.EventLeaderSettingsChanged, api.EventConfigChanged, api.EventStart, api.EventStop, api.EventRemove,
		api.EventUpgradeCharm, api.EventUpdateStatus} {
		list = append(list, plain(kind))
	}
	return list
}

// TestEnvironmentOfEveryEvent: the whole environment that a charm finds, for each kind of event, as text files. Nothing of
// the runtime's own environment is in it.
func TestEnvironmentOfEveryEvent(t *testing.T) {
	t.Setenv("JUJU_REMOTE_UNIT", "of the agent")
	t.Setenv("JUJU_DEBUG", "of the agent")
	t.Setenv("PYTHONPATH", "/of/the/agent")
	for _, event := range events() {
		event.Id = "9-" + event.Kind
		u := newUnit(t, "#!/bin/sh\nexec env -0\n")
		u.start.Event = event
		u.start.View = &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0", Principal: "app/1", MachineId: "4", AvailabilityZone: "zone-1"},
			Model:       &hookv1.ModelView{Name: "m", Uuid: "cc9a1a2b-0000-4000-8000-000000000001", JujuVersion: "3.6.14", ApiAddresses: []string{"10.0.0.1:17070", "10.0.0.2:17070"}, Proxies: map[string]string{"http": "http://proxy", "no": "localhost"}},
			Environment: map[string]string{"BANGLE_STORAGE_DATA": "/srv/data"},
			Storage:     []*hookv1.StorageView{{Id: "data/3", Kind: "filesystem", Location: "/srv/data/3"}}}
		u.start.Workspace.RunSocket = filepath.Join(u.dir, "run", "run.sock")
		text := environmentOf(t, u)
		name := event.Kind
		golden := filepath.Join("testdata", "environment", name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || text != string(want) {
			t.Errorf("the environment of %s is\n%swant (%v)\n%s", name, text, err, want)
		}
	}
}

// environmentOf runs the event and gives what the program saw, a variable a line, with names in place of what differs from run to run.
func environmentOf(t *testing.T, u *unit) string {
	t.Helper()
	seen := filepath.Join(u.dir, "seen")
	write(t, filepath.Join(u.dir, "charm", "dispatch"), "#!/bin/sh\nexec env -0 >"+seen+"\n", 0o755)
	done := u.dispatch(t, t.Context(), newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatalf("the event ended with %v", done)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\x00"), "\x00")
	for i, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		if name == "JUJU_CONTEXT_ID" && len(value) >= 32 {
			value = "(at least 128 bits)"
		}
		lines[i] = name + "=" + strings.ReplaceAll(value, u.dir, "(unit)")
	}
	lines = slices.DeleteFunc(lines, func(l string) bool {
		return strings.HasPrefix(l, "PWD=") || strings.HasPrefix(l, "_=") || strings.HasPrefix(l, "SHLVL=") || strings.HasPrefix(l, "OLDPWD=") // the shell's
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
