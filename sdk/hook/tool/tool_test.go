package tool_test

import (
	"context"
	"os"
	"regexp"
	"testing"

	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func world(action bool) *hook.Context {
	event := &hookv1.Event{Id: "9-db-relation-changed", Kind: "relation-changed", Name: "db-relation-changed",
		RelationId: 3, Endpoint: "db", RemoteApp: "mysql", RemoteUnit: "mysql/0"}
	if action {
		event = &hookv1.Event{Id: "9-backup", Kind: "action", Name: "backup", ActionParams: `{"n":3,"deep":{"x":"y"}}`}
	}
	return hook.New(event, &hookv1.View{
		Model:       &hookv1.ModelView{Uuid: "0123"},
		Unit:        &hookv1.UnitView{Name: "web/0", PrivateAddress: "10.0.0.5", PublicAddress: "203.0.113.5"},
		Application: &hookv1.ApplicationView{Name: "web"},
		Leadership:  &hookv1.Leadership{Leader: true, SecondsLeft: 60},
		Config: map[string]*hookv1.ConfigValue{
			"title": {Value: &hookv1.ConfigValue_StringValue{StringValue: "Hello"}},
			"n":     {Value: &hookv1.ConfigValue_IntValue{IntValue: 7}},
			"on":    {Value: &hookv1.ConfigValue_BoolValue{BoolValue: true}},
		},
		Ports:      []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}, {Protocol: "udp", From: 8000, To: 8999}},
		CharmState: map[string]string{"k": "v"},
		Storage:    []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/srv"}},
		Networks: []*hookv1.NetworkView{{Binding: "db", IngressAddresses: []string{"10.0.0.5"},
			Interfaces: []*hookv1.NetworkInterface{{Name: "eth0", Addresses: []*hookv1.InterfaceAddress{{Value: "10.0.0.5", Cidr: "10.0.0.0/24"}}}}}},
		Relations: []*hookv1.RelationView{{Id: 3, Endpoint: "db", RemoteApp: "mysql", LocalAppReadable: true,
			Members: []*hookv1.MemberView{{Unit: "mysql/0", Bag: map[string]string{"host": "h"}}, {Unit: "mysql/1"}}}},
	}, nil)
}

func TestTools(t *testing.T) {
	type row struct {
		argv   []string
		stdin  string
		action bool
		out    string
		err    string
		exit   int
	}
	for _, r := range []row{
		{argv: []string{"config-get", "title"}, out: "Hello\n"},
		{argv: []string{"config-get", "on"}, out: "True\n"},
		{argv: []string{"config-get", "nothing"}, out: ""},
		{argv: []string{"config-get", "nothing", "--format=json"}, out: "null\n"},
		{argv: []string{"config-get", "--format=json"}, out: `{"n":7,"on":true,"title":"Hello"}` + "\n"},
		{argv: []string{"config-get", "--format", "yaml", "n"}, out: "7\n"},
		{argv: []string{"config-get", "--format=xml"}, err: "ERROR invalid value \"xml\" for option --format: unknown format \"xml\"\n", exit: 2},
		{argv: []string{"relation-ids", "db", "--format=json"}, out: `["db:3"]` + "\n"},
		{argv: []string{"relation-ids", "none", "--format=json"}, out: "[]\n"},
		{argv: []string{"relation-list", "--format=json", "-r", "db:3"}, out: `["mysql/0","mysql/1"]` + "\n"},
		{argv: []string{"relation-list", "-r", "3", "--app", "--format=json"}, out: `"mysql"` + "\n"},
		{argv: []string{"relation-list", "-r", "db:4"}, err: "ERROR invalid value \"db:4\" for option -r: relation not found\n", exit: 2},
		{argv: []string{"relation-get", "--format=json", "-r", "db:3", "-", "mysql/0"}, out: `{"host":"h"}` + "\n"},
		{argv: []string{"relation-get", "-r", "3", "-", "mysql/0", "--format=json"}, out: `{"host":"h"}` + "\n"},
		{argv: []string{"relation-get", "host"}, out: "h\n"},
		{argv: []string{"relation-get", "missing", "--format=json"}, out: "null\n"},
		{argv: []string{"relation-get", "-", "other/0"}, err: "ERROR permission denied\n", exit: 1},
		{argv: []string{"relation-set", "-r", "db:3", "--file", "-"}, stdin: `{"a": "1", "b": 2}`},
		{argv: []string{"relation-set", "oops"}, err: "ERROR expected \"key=value\", got \"oops\"\n", exit: 2},
		{argv: []string{"relation-set", "--app", "-r", "3", "a=b"}},
		{argv: []string{"relation-model-get", "--format=json", "-r", "db:3"}, out: `{"uuid":"0123"}` + "\n"},
		{argv: []string{"is-leader", "--format=json"}, out: "true\n"},
		{argv: []string{"is-leader"}, out: "True\n"},
		{argv: []string{"status-get", "--include-data", "--format=json", "--application=false"}, out: `{"message":"","status":"unknown","status-data":{}}` + "\n"},
		{argv: []string{"status-set", "--application=True", "active"}},
		{argv: []string{"status-set", "--application=False", "active", "--", "-x"}},
		{argv: []string{"status-set", "bogus"}, err: "ERROR invalid status \"bogus\", expected one of [maintenance blocked waiting active]\n", exit: 2},
		{argv: []string{"status-set"}, err: "ERROR invalid args, require <status> [message]\n", exit: 2},
		{argv: []string{"opened-ports"}, out: "80/tcp\n8000-8999/udp\n"},
		{argv: []string{"opened-ports", "--endpoints", "--format=json"}, out: `["80/tcp (*)","8000-8999/udp (*)"]` + "\n"},
		{argv: []string{"open-port", "icmp"}},
		{argv: []string{"open-port", "99999"}, err: "ERROR invalid port range 99999-99999: ports go from 1 to 65535\n", exit: 2},
		{argv: []string{"network-get", "db", "--ingress-address"}, out: "10.0.0.5\n"},
		{argv: []string{"network-get", "zz"}, err: "ERROR no network config found for binding \"zz\"\n", exit: 1},
		{argv: []string{"unit-get", "private-address"}, out: "10.0.0.5\n"},
		{argv: []string{"state-get", "k"}, out: "v\n"},
		{argv: []string{"state-get", "absent"}, out: ""},
		{argv: []string{"state-set", "--file", "-"}, stdin: "a: b\n"},
		{argv: []string{"state-delete", "absent"}},
		{argv: []string{"storage-list", "--format=json"}, out: `["data/0"]` + "\n"},
		{argv: []string{"storage-get", "--format=json", "-s", "data/0"}, out: `{"kind":"filesystem","location":"/srv"}` + "\n"},
		{argv: []string{"storage-get", "-s", "id/0", "location"}, err: "ERROR invalid value \"id/0\" for option -s: storage not found\n", exit: 2},
		{argv: []string{"application-version-set", "--", "1.2"}},
		{argv: []string{"juju-log", "--log-level", "WARNING", "--", "hello", "there"}},
		{argv: []string{"juju-log", "--app"}, err: "ERROR option provided but not defined: --app\n", exit: 2},
		{argv: []string{"action-get"}, err: "ERROR not running an action\n", exit: 1},
		{argv: []string{"action-get", "--format=json"}, action: true, out: `{"deep":{"x":"y"},"n":3}` + "\n"},
		{argv: []string{"action-get", "deep.x"}, action: true, out: "y\n"},
		{argv: []string{"action-set", "a.b=c", "stdout=x"}, action: true, err: "ERROR cannot set reserved action key \"stdout\"\n", exit: 1},
		{argv: []string{"action-set", "a.b=c"}, action: true},
		{argv: []string{"action-fail", "--", "no"}, action: true},
		{argv: []string{"juju-reboot"}, action: true, err: "ERROR juju-reboot is not supported when running an action.\n", exit: 1},
		{argv: []string{"k8s-raw-get"}, err: "ERROR cannot use pod specs: this substrate has no pods of the charm's own; use containers in metadata.yaml\n", exit: 1},
		{argv: []string{"credential-get", "--format=json"}, err: "ERROR cannot access cloud credentials: this substrate has none\n", exit: 1},
		{argv: []string{"add-metric", "users=3"}, err: "ERROR cannot record metric: metrics disabled\n", exit: 1},
		{argv: []string{"add-metric", "users=many"}, err: "ERROR invalid value \"many\" of metric \"users\": want a number\n", exit: 2},
		{argv: []string{"payload-register", "docker", "db"}, err: "ERROR missing required arguments: want <type> <class> <id> [tags...]\n", exit: 2},
		{argv: []string{"payload-register", "docker", "db", "1", "tag"}},
		{argv: []string{"payload-status-set", "db", "2", "stopped"}, err: "ERROR payload \"2\" of class \"db\" not found: register it first with payload-register\n", exit: 1},
		{argv: []string{"payload-unregister", "db", "2"}, err: "ERROR payload \"2\" of class \"db\" not found: register it first with payload-register\n", exit: 1},
		{argv: []string{"no-such-tool"}, err: "ERROR \"no-such-tool\" is not a hook tool\n", exit: 127},
	} {
		t.Run(r.argv[0], func(t *testing.T) {
			got := tool.Run(context.Background(), world(r.action), r.argv[0], r.argv[1:], []byte(r.stdin), os.ReadFile)
			if string(got.Stdout) != r.out || string(got.Stderr) != r.err || got.Exit != r.exit {
				t.Errorf("%q\n got %q, %q, exit %d\nwant %q, %q, exit %d", r.argv, got.Stdout, got.Stderr, got.Exit, r.out, r.err, r.exit)
			}
		})
	}
}

// Charms with ops below 2.24 read which storage their hook is about from the help of storage-get.
func TestHelpNamesTheStorageOfTheHook(t *testing.T) {
	line := regexp.MustCompile(`(?m)^-s\s+\(=\s+(.*?)\)\s*?$`)
	h := hook.New(&hookv1.Event{Id: "1-data-storage-attached", Kind: "storage-attached", StorageId: "data/7"}, &hookv1.View{}, nil)
	got := tool.Run(context.Background(), h, "storage-get", []string{"--help"}, nil, nil)
	if found := line.FindSubmatch(got.Stdout); found == nil || string(found[1]) != "data/7" {
		t.Errorf("help is %q", got.Stdout)
	}
}

func TestPayloads(t *testing.T) {
	h := world(false)
	run := func(argv ...string) {
		t.Helper()
		if got := tool.Run(context.Background(), h, argv[0], argv[1:], nil, nil); got.Exit != 0 {
			t.Fatalf("%v: %s", argv, got.Stderr)
		}
	}
	run("payload-register", "docker", "db", "1", "tag")
	run("payload-register", "docker", "web", "2")
	run("payload-status-set", "db", "1", "stopped")
	run("payload-unregister", "web", "2")
	all := h.Payloads()
	if len(all) != 1 || all[0].GetStatus() != "stopped" || all[0].GetLabels()[0] != "tag" {
		t.Errorf("payloads %v", all)
	}
	if got := tool.Run(context.Background(), h, "payload-status-set", []string{"db", "1", "gone"}, nil, nil); got.Exit != 2 {
		t.Errorf("a status that is none: %+v", got)
	}
	if n := len(h.Changeset().GetPayloads()); n != 4 {
		t.Errorf("%d writes, want 4", n)
	}
}

// TestEveryToolHasHelp: --help prints on stdout and exits with 0.
func TestEveryToolHasHelp(t *testing.T) {
	for _, name := range tool.Names() {
		got := tool.Run(context.Background(), world(false), name, []string{"--help"}, nil, nil)
		if got.Exit != 0 || len(got.Stderr) > 0 || len(got.Stdout) < 20 {
			t.Errorf("%s --help: exit %d, %q, %q", name, got.Exit, got.Stdout, got.Stderr)
		}
	}
}
