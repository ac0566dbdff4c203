// Package calls_test holds the hook tools against recorded calls.
package calls_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	"github.com/bangle-dev/bangle/sdk/hook/toolsocket"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// controller answers what a view cannot hold.
type controller struct{}

func (controller) Immediate(*charmruntimev1.Immediate) {}

func (controller) Call(_ context.Context, operation, request string) (string, error) {
	var ask struct{ ID, Label, Name string }
	if err := json.Unmarshal([]byte(request), &ask); err != nil {
		return "", err
	}
	switch {
	case operation == "secret-get" && (ask.ID == theirs || ask.Label == "dbpass"):
		return `{"id":"` + theirs + `","revision":2,"content":{"password":"aHVudGVyMg=="}}`, nil
	case operation == "secret-get" && ask.ID == others:
		return "", errs.E(errs.Denied, "permission denied")
	case operation == "secret-get":
		return "", errs.E(errs.NotFound, "secret %q not found", ask.ID+ask.Label)
	case operation == "resource" && ask.Name == "blob":
		return `{"path":"/unit/resources/blob/blob.bin"}`, nil
	case operation == "network":
		return "", errs.E(errs.NotFound, "no network config found for binding %q", "zz")
	}
	return "", errs.E(errs.NotFound, "could not download resource: resource#web/%s not found", ask.Name)
}

// The secrets of the fixtures.
const (
	mine   = "aaaaaaaaaaaaaaaaaaa0"
	theirs = "bbbbbbbbbbbbbbbbbbb0"
	others = "ccccccccccccccccccc0"
)

// fixture is the hook that a case runs in.
func fixture(name string) *hook.Context {
	event := &hookv1.Event{Id: "5-config-changed", Kind: "config-changed", Name: "config-changed"}
	leader := true
	switch name {
	case "follower":
		leader = false
	case "relation":
		event = &hookv1.Event{Id: "5-db-relation-changed", Kind: "relation-changed", Name: "db-relation-changed", RelationId: 3, Endpoint: "db", RemoteApp: "mysql", RemoteUnit: "mysql/0"}
	case "storage":
		event = &hookv1.Event{Id: "5-data-storage-attached", Kind: "storage-attached", Name: "data-storage-attached", StorageId: "data/0"}
	case "action":
		event = &hookv1.Event{Id: "5-backup", Kind: "action", Name: "backup", TaskId: "7", ActionParams: `{"where":{"dir":"/srv"},"keep":3}`}
	case "metrics":
		event = &hookv1.Event{Id: "5-collect-metrics", Kind: "exec", Name: "collect-metrics"}
	}
	text := func(s string) *hookv1.ConfigValue {
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: s}}
	}
	since := "2026-11-20T12:00:00Z"
	view := &hookv1.View{
		NowUnix: 1795176000, // 2026-11-20T12:00:00Z
		Model:   &hookv1.ModelView{Uuid: "0123", Name: "m"}, Unit: &hookv1.UnitView{Name: "web/0", PrivateAddress: "10.0.0.5", PublicAddress: "203.0.113.5",
			WorkloadStatus: &hookv1.Status{Current: "active", Message: "fine"}},
		Application: &hookv1.ApplicationView{Name: "web", Status: &hookv1.Status{Current: "blocked", Message: "no db"}},
		Leadership:  &hookv1.Leadership{Leader: leader, SecondsLeft: 60},
		Config: map[string]*hookv1.ConfigValue{"title": text("Hello"), "n": {Value: &hookv1.ConfigValue_IntValue{IntValue: 7}},
			"on": {Value: &hookv1.ConfigValue_BoolValue{BoolValue: true}}, "part": {Value: &hookv1.ConfigValue_FloatValue{FloatValue: 0.5}}},
		Ports:      []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80, Endpoints: []string{"a", "b"}}, {Protocol: "udp", From: 8000, To: 8999}, {Protocol: "icmp"}},
		CharmState: map[string]string{"k": "v"}, LeaderSettings: map[string]string{"s": "t"},
		Storage:   []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/srv"}},
		Resources: []*hookv1.ResourceView{{Name: "blob", Type: "file"}},
		Networks: []*hookv1.NetworkView{{Binding: "db", IngressAddresses: []string{"10.0.0.5"}, EgressSubnets: []string{"10.0.0.5/32"},
			Interfaces: []*hookv1.NetworkInterface{{Name: "eth0", MacAddress: "aa:bb", Addresses: []*hookv1.InterfaceAddress{{Value: "10.0.0.5", Cidr: "10.0.0.0/24"}}}}}},
		GoalState: &hookv1.GoalState{Units: map[string]*hookv1.GoalStatus{"web/0": {Status: "active", Since: since}},
			Relations: map[string]*hookv1.GoalRelation{"db": {Members: map[string]*hookv1.GoalStatus{"mysql": {Status: "joined", Since: since}}}}},
		Relations: []*hookv1.RelationView{{Id: 3, Endpoint: "db", RemoteApp: "mysql", LocalApp: map[string]string{"x": "y"}, LocalAppReadable: leader, LocalUnit: map[string]string{"mine": "1"},
			RemoteAppBag: map[string]string{"app": "data"}, Members: []*hookv1.MemberView{{Unit: "mysql/0", Bag: map[string]string{"host": "h"}}, {Unit: "mysql/1"}}}},
		Secrets: []*hookv1.SecretView{{Id: mine, Owner: "unit", Label: "mine", LatestRevision: 2, Revisions: []int32{1, 2}, Rotate: "daily", Description: "d"}, {Id: theirs, Label: "dbpass", TrackedRevision: 2, LatestRevision: 2}},
	}
	return hook.New(event, view, controller{})
}

// call is one recorded call.
type call struct {
	line    int
	fixture string
	argv    []string
	stdin   string
	out     string
	err     string
	exit    int
	any     bool // only the exit code, and that there is output on stdout
}

// read reads the recorded calls; the form is said in the file.
func read(t *testing.T) []call {
	t.Helper()
	text, err := os.ReadFile("testdata/calls.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []call
	in := "leader"
	for i, line := range strings.Split(string(text), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		last := len(all) - 1
		switch kind {
		case "", "#":
		case "@":
			in = rest
		case "$":
			all = append(all, call{line: i + 1, fixture: in, argv: words(rest)})
		case "<":
			all[last].stdin += rest + "\n"
		case ">":
			all[last].out += rest + "\n"
		case "!":
			all[last].err += rest + "\n"
		case "=":
			if _, err := fmt.Sscan(rest, &all[last].exit); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
		case "*":
			all[last].any = true
		default:
			t.Fatalf("line %d has no known mark: %q", i+1, line)
		}
	}
	return all
}

// words splits a line at blanks; single quotes keep them.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// serve answers tools in one hook until the test ends.
func serve(t *testing.T, path string, h *hook.Context) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			req, err := toolsocket.ReadRequest(conn)
			if err == nil {
				r := tool.Run(context.Background(), h, req.Tool, req.Args, req.Stdin, func(name string) ([]byte, error) {
					if data, ok := req.Files[name]; ok {
						return data, nil
					}
					return nil, errors.New("cannot read file " + name)
				})
				_ = toolsocket.WriteAnswer(conn, toolsocket.Answer{Exit: r.Exit, Stdout: r.Stdout, Stderr: r.Stderr})
			}
			_ = conn.Close()
		}
	}()
}

// TestRecordedCalls runs the recorded calls through the real program. What is expected was written down from what Juju's tools
// do and what `ops` of all ages asks of them; it is never made from what this program says.
func TestRecordedCalls(t *testing.T) {
	dir, err := os.MkdirTemp("", "ht")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "hooktool")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", program, "../../runtimes/hooktool").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "secret.txt"), []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range tool.Names() {
		if err := os.Symlink(program, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	called := map[string]bool{}
	for i, c := range read(t) {
		called[c.argv[0]] = true
		t.Run(fmt.Sprintf("%d %s", c.line, c.argv[0]), func(t *testing.T) {
			socket := filepath.Join(dir, fmt.Sprint("s", i))
			serve(t, socket, fixture(c.fixture))
			cmd := exec.Command(filepath.Join(dir, c.argv[0]), c.argv[1:]...)
			cmd.Dir, cmd.Stdin = dir, strings.NewReader(c.stdin)
			cmd.Env = []string{"JUJU_CONTEXT_ID=ctx", "JUJU_AGENT_SOCKET_ADDRESS=" + socket}
			var out, errOut bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errOut
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.exit {
				t.Errorf("%q exits with %d, want %d; it says %q %q", c.argv, got, c.exit, out.String(), errOut.String())
			}
			if c.any {
				if out.Len() == 0 {
					t.Errorf("%q prints nothing", c.argv)
				}
				return
			}
			if out.String() != c.out || errOut.String() != c.err {
				t.Errorf("%q prints %q and %q, want %q and %q", c.argv, out.String(), errOut.String(), c.out, c.err)
			}
		})
	}
	for _, name := range tool.Names() {
		if !called[name] {
			t.Errorf("no call of %s is recorded", name)
		}
	}
}
