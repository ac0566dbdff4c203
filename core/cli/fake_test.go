package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/home"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
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

// fake is a controller that answers what a test gave it and keeps what it was asked.
type fake struct {
	clientv1connect.UnimplementedClientHandler
	clientv1connect.UnimplementedStorageHandler
	clientv1connect.UnimplementedStoragePoolsHandler
	clientv1connect.UnimplementedResourcesHandler
	clientv1connect.UnimplementedSecretsHandler
	mu       sync.Mutex
	asked    []string
	statuses []*clientv1.StatusResponse // WatchStatus sends all of them, Status the last
	before   *clientv1.StatusResponse   // what Status answers, nil = as above
	hold     bool                       // WatchStatus stays open after the last
	journal  []*controllerv1.JournalEntry
	tasks    []*controllerv1.Task
	apps     []*clientv1.ApplicationDetails
	progress []*clientv1.Progress
	logs     []*controllerv1.LogRecord
	storage  []*controllerv1.StorageInstance
	attached []*clientv1.ResourceInfo
	findings []*clientv1.Diagnostic
	locks    []*clientv1.MachineLockInfo
	fail     error
	entered  func(call string)
}

// heard notes a call with its request.
func (f *fake) heard(call string, m proto.Message) error {
	text, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return err
	}
	f.mu.Lock()
	f.asked = append(f.asked, call+" "+b.String())
	entered := f.entered
	f.mu.Unlock()
	if entered != nil {
		entered(call)
	}
	if f.fail != nil {
		return f.fail
	}
	return nil
}

func reply[A, R any](f *fake, call string, req *connect.Request[A], answer *R) (*connect.Response[R], error) {
	if err := f.heard(call, any(req.Msg).(proto.Message)); err != nil {
		return nil, err
	}
	return connect.NewResponse(answer), nil
}

func (f *fake) AddModel(_ context.Context, r *connect.Request[clientv1.AddModelRequest]) (*connect.Response[clientv1.AddModelResponse], error) {
	return reply(f, "AddModel", r, &clientv1.AddModelResponse{Model: &controllerv1.Model{Name: r.Msg.GetName(), Uuid: "u-new", Substrate: "local"}})
}

func (f *fake) ListModels(_ context.Context, r *connect.Request[clientv1.ListModelsRequest]) (*connect.Response[clientv1.ListModelsResponse], error) {
	m := func(name string) *clientv1.ModelSummary {
		return &clientv1.ModelSummary{Model: &controllerv1.Model{Name: name, Uuid: "u-" + name, Substrate: "local", Owner: "admin", Life: controllerv1.Life_LIFE_ALIVE}, Units: 2, Status: "available"}
	}
	return reply(f, "ListModels", r, &clientv1.ListModelsResponse{Models: []*clientv1.ModelSummary{m("dev"), m("test")}})
}

func (f *fake) ModelConfig(_ context.Context, r *connect.Request[clientv1.ModelConfigRequest]) (*connect.Response[clientv1.ModelConfigResponse], error) {
	return reply(f, "ModelConfig", r, &clientv1.ModelConfigResponse{Config: map[string]string{"update-status-hook-interval": "5m", "automatically-retry-hooks": "true"}})
}

func (f *fake) DestroyModel(_ context.Context, r *connect.Request[clientv1.DestroyModelRequest], s *connect.ServerStream[clientv1.Progress]) error {
	if err := f.heard("DestroyModel", r.Msg); err != nil {
		return err
	}
	for _, p := range f.progress {
		if err := s.Send(p); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) UploadCharm(_ context.Context, s *connect.ClientStream[clientv1.UploadCharmRequest]) (*connect.Response[clientv1.UploadCharmResponse], error) {
	size := 0
	var first *clientv1.UploadCharmRequest
	for s.Receive() {
		if first == nil {
			first = proto.CloneOf(s.Msg())
		}
		size += len(s.Msg().GetData())
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("cannot take charm package: nothing was sent"))
	}
	if err := f.heard("UploadCharm", first); err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.UploadCharmResponse{Digest: "sha256:feed", Name: "web", Runtime: "python", Diagnostics: f.findings}), nil
}

func (f *fake) Deploy(_ context.Context, r *connect.Request[clientv1.DeployRequest]) (*connect.Response[clientv1.DeployResponse], error) {
	name := first(r.Msg.GetApplication(), filepath.Base(r.Msg.GetCharmPath()))
	var units []string
	for i := range r.Msg.GetUnits() {
		units = append(units, fmt.Sprintf("%s/%d", name, i))
	}
	return reply(f, "Deploy", r, &clientv1.DeployResponse{Units: units,
		Application: &controllerv1.Application{Name: name, CharmName: filepath.Base(r.Msg.GetCharmPath()), Runtime: "python"}})
}

func (f *fake) Refresh(_ context.Context, r *connect.Request[clientv1.RefreshRequest]) (*connect.Response[clientv1.RefreshResponse], error) {
	return reply(f, "Refresh", r, &clientv1.RefreshResponse{Changed: r.Msg.GetApplication() != "same",
		Application: &controllerv1.Application{Name: r.Msg.GetApplication(), CharmName: "web", CharmRevision: 1}})
}

func (f *fake) GetConfig(_ context.Context, r *connect.Request[clientv1.GetConfigRequest]) (*connect.Response[clientv1.GetConfigResponse], error) {
	n := &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: 80}}
	return reply(f, "GetConfig", r, &clientv1.GetConfigResponse{Application: r.Msg.GetApplication(), Charm: "web",
		Options: []*clientv1.ConfigOption{{Name: "port", Type: "int", DefaultValue: n, Value: n, Source: "default"}, {Name: "title", Type: "string", Source: "unset"}}})
}

func (f *fake) SetConfig(_ context.Context, r *connect.Request[clientv1.SetConfigRequest]) (*connect.Response[clientv1.SetConfigResponse], error) {
	revision := int64(100)
	if r.Msg.GetSet()["port"] == "80" {
		revision = 0
	}
	return reply(f, "SetConfig", r, &clientv1.SetConfigResponse{Revision: revision})
}

func (f *fake) Integrate(_ context.Context, r *connect.Request[clientv1.IntegrateRequest]) (*connect.Response[clientv1.IntegrateResponse], error) {
	return reply(f, "Integrate", r, &clientv1.IntegrateResponse{Relation: &controllerv1.Relation{Id: 7}})
}

func (f *fake) SuspendRelations(_ context.Context, r *connect.Request[clientv1.SuspendRelationsRequest]) (*connect.Response[clientv1.SuspendRelationsResponse], error) {
	return reply(f, "SuspendRelations", r, &clientv1.SuspendRelationsResponse{})
}

func (f *fake) RemoveRelation(_ context.Context, r *connect.Request[clientv1.RemoveRelationRequest]) (*connect.Response[clientv1.RemoveRelationResponse], error) {
	return reply(f, "RemoveRelation", r, &clientv1.RemoveRelationResponse{})
}

func (f *fake) AddUnit(_ context.Context, r *connect.Request[clientv1.AddUnitRequest]) (*connect.Response[clientv1.AddUnitResponse], error) {
	return reply(f, "AddUnit", r, &clientv1.AddUnitResponse{Units: []string{"web/0"}})
}

func (f *fake) RemoveUnit(_ context.Context, r *connect.Request[clientv1.RemoveUnitRequest]) (*connect.Response[clientv1.RemoveUnitResponse], error) {
	return reply(f, "RemoveUnit", r, &clientv1.RemoveUnitResponse{Units: append([]string{"web/9"}, r.Msg.GetUnits()...)})
}

func (f *fake) ScaleApplication(_ context.Context, r *connect.Request[clientv1.ScaleApplicationRequest]) (*connect.Response[clientv1.ScaleApplicationResponse], error) {
	return reply(f, "ScaleApplication", r, &clientv1.ScaleApplicationResponse{Added: []string{"web/0"}, Removed: []string{"web/9"}})
}

func (f *fake) RemoveApplication(_ context.Context, r *connect.Request[clientv1.RemoveApplicationRequest]) (*connect.Response[clientv1.RemoveApplicationResponse], error) {
	return reply(f, "RemoveApplication", r, &clientv1.RemoveApplicationResponse{Units: []string{"web/0"}, Storage: []string{"data/0"}})
}

func (f *fake) Expose(_ context.Context, r *connect.Request[clientv1.ExposeRequest]) (*connect.Response[clientv1.ExposeResponse], error) {
	return reply(f, "Expose", r, &clientv1.ExposeResponse{})
}

func (f *fake) Trust(_ context.Context, r *connect.Request[clientv1.TrustRequest]) (*connect.Response[clientv1.TrustResponse], error) {
	return reply(f, "Trust", r, &clientv1.TrustResponse{})
}

func (f *fake) Run(_ context.Context, r *connect.Request[clientv1.RunRequest]) (*connect.Response[clientv1.RunResponse], error) {
	return reply(f, "Run", r, &clientv1.RunResponse{Operation: &controllerv1.Operation{Id: "1"}, Tasks: f.tasks})
}

func (f *fake) WaitOperation(ctx context.Context, r *connect.Request[clientv1.WaitOperationRequest]) (*connect.Response[clientv1.WaitOperationResponse], error) {
	finished := true
	for _, t := range f.tasks {
		finished = finished && t.GetStatus() != "running"
	}
	if !finished && r.Msg.GetTimeoutMs() > 0 {
		<-ctx.Done() // the deadline of the caller
		return nil, ctx.Err()
	}
	return reply(f, "WaitOperation", r, &clientv1.WaitOperationResponse{Finished: finished, Tasks: f.tasks,
		Operation: &controllerv1.Operation{Id: "1", Summary: "action x run on web/0", Enqueued: "2026-02-24T12:00:00Z"}})
}

func (f *fake) ListOperations(_ context.Context, r *connect.Request[clientv1.ListOperationsRequest]) (*connect.Response[clientv1.ListOperationsResponse], error) {
	return reply(f, "ListOperations", r, &clientv1.ListOperationsResponse{Tasks: f.tasks,
		Operations: []*controllerv1.Operation{{Id: "1", Summary: "action x run on web/0", Enqueued: "2026-02-24T12:00:00Z", Tasks: []string{"2"}}}})
}

func (f *fake) ListActions(_ context.Context, r *connect.Request[clientv1.ListActionsRequest]) (*connect.Response[clientv1.ListActionsResponse], error) {
	answer := &clientv1.ListActionsResponse{Actions: []*clientv1.ActionInfo{{Name: "backup", Description: "Write a backup.", Schema: `{"type":"object","properties":{"to":{"type":"string"}}}`}}}
	if r.Msg.GetApplication() == "none" {
		answer.Actions = nil
	}
	return reply(f, "ListActions", r, answer)
}

func (f *fake) MachineLocks(_ context.Context, r *connect.Request[clientv1.MachineLocksRequest]) (*connect.Response[clientv1.MachineLocksResponse], error) {
	return reply(f, "MachineLocks", r, &clientv1.MachineLocksResponse{Locks: f.locks})
}

func (f *fake) CancelTask(_ context.Context, r *connect.Request[clientv1.CancelTaskRequest]) (*connect.Response[clientv1.CancelTaskResponse], error) {
	return reply(f, "CancelTask", r, &clientv1.CancelTaskResponse{Task: &controllerv1.Task{Id: r.Msg.GetTask(), Unit: "web/0", Status: "cancelled"}})
}

func (f *fake) Resolved(_ context.Context, r *connect.Request[clientv1.ResolvedRequest]) (*connect.Response[clientv1.ResolvedResponse], error) {
	return reply(f, "Resolved", r, &clientv1.ResolvedResponse{Units: r.Msg.GetUnits()})
}

func (f *fake) Status(_ context.Context, r *connect.Request[clientv1.StatusRequest]) (*connect.Response[clientv1.StatusResponse], error) {
	if f.before != nil {
		return reply(f, "Status", r, f.before)
	}
	return reply(f, "Status", r, f.statuses[len(f.statuses)-1])
}

func (f *fake) WatchStatus(ctx context.Context, r *connect.Request[clientv1.StatusRequest], s *connect.ServerStream[clientv1.StatusResponse]) error {
	if err := f.heard("WatchStatus", r.Msg); err != nil {
		return err
	}
	for _, one := range f.statuses {
		if err := s.Send(one); err != nil {
			return err
		}
	}
	if f.hold {
		<-ctx.Done()
		return nil
	}
	return connect.NewError(connect.CodeNotFound, errors.New(`cannot find model "dev"`))
}

func (f *fake) ShowUnit(_ context.Context, r *connect.Request[clientv1.ShowUnitRequest]) (*connect.Response[clientv1.ShowUnitResponse], error) {
	return reply(f, "ShowUnit", r, &clientv1.ShowUnitResponse{Units: []*clientv1.UnitDetails{{Charm: "local:web-0", Status: &clientv1.UnitStatusInfo{Name: "web/0", Leader: true}}}})
}

func (f *fake) ShowApplication(_ context.Context, r *connect.Request[clientv1.ShowApplicationRequest]) (*connect.Response[clientv1.ShowApplicationResponse], error) {
	return reply(f, "ShowApplication", r, &clientv1.ShowApplicationResponse{Applications: f.apps})
}

func (f *fake) Journal(_ context.Context, r *connect.Request[clientv1.JournalRequest]) (*connect.Response[clientv1.JournalResponse], error) {
	return reply(f, "Journal", r, &clientv1.JournalResponse{Entries: f.journal})
}

// Replay answers one event that differs, one that is the same and one that cannot be run, or the list of them.
func (f *fake) Replay(_ context.Context, r *connect.Request[clientv1.ReplayRequest], s *connect.ServerStream[clientv1.ReplayResponse]) error {
	if err := f.heard("Replay", r.Msg); err != nil {
		return err
	}
	recorded := func(id, problem string) *controllerv1.Recorded {
		return &controllerv1.Recorded{Unit: "web/0", Event: id, Name: "config-changed", AtUnixNano: 1771934597_000_000_000, Outcome: "ok", Bytes: 812,
			Charm: "0123456789abcdef0123456789abcdef", Secrets: []string{"secret:abc/1"}, Problem: problem}
	}
	if r.Msg.GetList() {
		return s.Send(&clientv1.ReplayResponse{Unit: "web/0", Answer: &controllerv1.ReplayAnswer{Recorded: []*controllerv1.Recorded{recorded("5-config-changed", ""),
			recorded("6-config-changed", "the event asked more than 10000 questions")}}})
	}
	same := &controllerv1.Replayed{Recorded: recorded("5-config-changed", ""), Outcome: "ok", Same: true}
	differs := &controllerv1.Replayed{Recorded: recorded("6-config-changed", ""), Outcome: "ok", Divergence: "question 2: the charm asked bag {}; the recording has no more",
		Changes: []*controllerv1.RehearsedChange{{Kind: "status", Before: "active: one", After: "active: two"}, {Kind: "databag", Target: "1 application", Key: "url", After: "x"}},
		Effects: []*controllerv1.RehearsedEffect{{Kind: "service", Target: "web: nginx", Summary: "restart nginx"}}}
	fails := &controllerv1.Replayed{Recorded: recorded("7-config-changed", ""), Outcome: "failed", Message: "TypeError: no (charm.js:3)",
		Changes: []*controllerv1.RehearsedChange{{Kind: "outcome", Before: "ok", After: "failed: TypeError: no (charm.js:3)"}}}
	gone := &controllerv1.Replayed{Recorded: recorded("8-config-changed", ""), Message: "secret revision gone: secret:abc/1"}
	list := map[string][]*controllerv1.Replayed{"last": {same}, "6-config-changed": {differs}, "8-config-changed": {gone}}[r.Msg.GetEvent()]
	if r.Msg.GetApplication() != "" {
		list = []*controllerv1.Replayed{same, differs, fails}
	}
	for _, e := range list {
		if err := s.Send(&clientv1.ReplayResponse{Unit: "web/0", Answer: &controllerv1.ReplayAnswer{Replayed: e}}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) DebugLog(_ context.Context, r *connect.Request[clientv1.DebugLogRequest], s *connect.ServerStream[clientv1.LogLines]) error {
	if err := f.heard("DebugLog", r.Msg); err != nil {
		return err
	}
	return s.Send(&clientv1.LogLines{Records: f.logs})
}

// shell runs command lines of a program whose controller is the fake.
type shell struct {
	t        *testing.T
	fake     *fake
	app      *app
	out, err bytes.Buffer
}

func newShell(t *testing.T, f *fake) *shell {
	t.Helper()
	if f.statuses == nil {
		f.statuses = []*clientv1.StatusResponse{sampleModel("active", "idle")}
	}
	mux := http.NewServeMux()
	mux.Handle(clientv1connect.NewClientHandler(f))
	mux.Handle(clientv1connect.NewStorageHandler(f))
	mux.Handle(clientv1connect.NewStoragePoolsHandler(f))
	mux.Handle(clientv1connect.NewResourcesHandler(f))
	mux.Handle(clientv1connect.NewSecretsHandler(f))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	client := clientv1connect.NewClientClient(server.Client(), server.URL)
	s := &shell{t: t, fake: f}
	s.app = &app{name: "bangle", in: strings.NewReader(""), out: &s.out, err: &s.err}
	dir := t.TempDir()
	s.app.getenv = func(name string) string {
		if name == "BANGLE_HOME" {
			return dir
		}
		return ""
	}
	err := home.Change(dir, func(c *home.Client) error {
		c.Current, c.Controllers = "main", map[string]home.Known{"main": {UUID: "c-1", Model: "dev"}, "other": {UUID: "c-2"}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.app.dialer = func(_ context.Context, controller, model string, _ bool) (*target, error) {
		if c, m, found := strings.Cut(model, ":"); found {
			controller, model = c, m
		}
		return &target{controller: first(controller, "main"), model: first(model, "dev"), client: client, line: line{http: server.Client(), url: server.URL}}, nil
	}
	return s
}

var durations = regexp.MustCompile(`after \d+(\.\d+ s| ms)`)

// run gives what a command line showed, what it asked of the controller, and its exit code.
func (s *shell) run(args ...string) string {
	s.t.Helper()
	return s.runContext(context.Background(), args...)
}

func (s *shell) runContext(ctx context.Context, args ...string) string {
	s.t.Helper()
	s.out.Reset()
	s.err.Reset()
	s.fake.mu.Lock()
	s.fake.asked = nil
	s.fake.mu.Unlock()
	code := s.app.run(ctx, args)
	var b strings.Builder
	fmt.Fprintf(&b, "$ %s %s\n", s.app.name, strings.Join(args, " "))
	for _, part := range []struct{ name, text string }{{"out", s.out.String()}, {"err", s.err.String()}} {
		for _, line := range strings.SplitAfter(part.text, "\n") {
			if line != "" {
				fmt.Fprintf(&b, "%s| %s", part.name, strings.TrimSuffix(line, "\n")+"\n")
			}
		}
	}
	s.fake.mu.Lock()
	heard := map[string]bool{}
	for _, a := range s.fake.asked {
		again := strings.HasPrefix(a, "Journal") || strings.HasPrefix(a, "Status")
		if !heard[a] || !again { // these are asked until they have what is waited for
			fmt.Fprintf(&b, "asked| %s\n", a)
		}
		heard[a] = true
	}
	s.fake.mu.Unlock()
	fmt.Fprintf(&b, "exit %d\n\n", code)
	here, err := filepath.Abs(".")
	if err != nil {
		s.t.Fatal(err)
	}
	return durations.ReplaceAllString(strings.ReplaceAll(b.String(), here, "$HERE"), "after N")
}

// sampleModel is a model with two units of web, and db.
func sampleModel(workload, agent string) *clientv1.StatusResponse {
	st := func(current string) *hookv1.Status {
		return &hookv1.Status{Current: current, Since: "2026-02-24T12:03:17Z"}
	}
	unit := func(name string) *clientv1.UnitStatusInfo {
		return &clientv1.UnitStatusInfo{Name: name, Leader: strings.HasSuffix(name, "/0"), Workload: st(workload), Agent: st(agent), Address: "127.0.0.1"}
	}
	return &clientv1.StatusResponse{
		Model: &controllerv1.Model{Name: "dev", Life: controllerv1.Life_LIFE_ALIVE, Substrate: "local"}, Controller: "main", Cloud: "local", Version: "3.6.14",
		Timestamp: "2026-02-24T12:04:55Z", ModelStatus: st("available"),
		Applications: []*clientv1.ApplicationStatusInfo{
			{Name: "web", Charm: "local:web-0", CharmName: "web", CharmOrigin: "local", Status: st(workload), ScaleWanted: 2, Units: []*clientv1.UnitStatusInfo{unit("web/0"), unit("web/1")}},
			{Name: "db", Charm: "local:db-0", CharmName: "db", CharmOrigin: "local", Status: st(workload), ScaleWanted: 1, Units: []*clientv1.UnitStatusInfo{unit("db/0")}},
		},
		Relations: []*clientv1.RelationStatusInfo{{Id: 7, Provider: "db:db", Requirer: "web:db", Interface: "sql", Type: "regular", Status: "joined"}},
	}
}
