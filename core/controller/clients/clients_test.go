package clients_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func call[Q, A any](ctx context.Context, f func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), q *Q) (*A, error) {
	resp, err := f(ctx, connect.NewRequest(q))
	if err != nil {
		return nil, clients.FromWire(err)
	}
	return resp.Msg, nil
}

func ok[Q, A any](t testing.TB, f func(context.Context, *connect.Request[Q]) (*connect.Response[A], error), q *Q) *A {
	t.Helper()
	a, err := call(t.Context(), f, q)
	if err != nil {
		t.Fatalf("%T: %v", q, err)
	}
	return a
}

// small deploys two applications and integrates them.
func small(t *testing.T) (*box, string) {
	t.Helper()
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	digest := b.charm(webCharm(nil))
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: digest, Units: 2, Config: map[string]string{"port": "8080"}})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(simple("pg", "provides:\n  data: {interface: sql}\n  more: {interface: sql}\n")), Units: 1})
	ok(t, b.client.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: []string{"web", "pg:data"}})
	return b, digest
}

func TestBadRequestsChangeNothing(t *testing.T) {
	b, digest := small(t)
	sub := b.charm(simple("sub", "subordinate: true\nrequires:\n  host: {interface: juju-info, scope: container}\n"))
	gone := b.charm(simple("web", "provides:\n  site: {interface: ftp}\n"))
	other := b.charm(simple("other", ""))
	needs := b.charm(simple("needs", "assumes: [juju >= 9.0]\n"))
	c := b.client
	ctx := t.Context()
	run := func(q *clientv1.RunRequest) error { q.Model = "m"; _, err := call(ctx, c.Run, q); return err }
	deploy := func(q *clientv1.DeployRequest) error {
		q.Model = "m"
		if q.CharmDigest == "" {
			q.CharmDigest = digest
		}
		_, err := call(ctx, c.Deploy, q)
		return err
	}
	integrate := func(ends ...string) error {
		_, err := call(ctx, c.Integrate, &clientv1.IntegrateRequest{Model: "m", Endpoints: ends})
		return err
	}
	config := func(q *clientv1.SetConfigRequest) error {
		q.Model, q.Application = "m", "web"
		_, err := call(ctx, c.SetConfig, q)
		return err
	}
	refresh := func(q *clientv1.RefreshRequest) error {
		q.Model, q.Application = "m", "web"
		_, err := call(ctx, c.Refresh, q)
		return err
	}
	remove := func(q *clientv1.RemoveUnitRequest) error {
		q.Model = "m"
		_, err := call(ctx, c.RemoveUnit, q)
		return err
	}
	for name, bad := range map[string]struct {
		err  func() error
		kind errs.Kind
		want string
	}{
		"model name":   {func() error { _, err := call(ctx, c.AddModel, &clientv1.AddModelRequest{Name: "M!"}); return err }, errs.Invalid, `cannot add model "M!": a name has lower case letters, digits and hyphens, begins with a letter or digit, and is at most 63 long`},
		"model exists": {func() error { _, err := call(ctx, c.AddModel, &clientv1.AddModelRequest{Name: "m"}); return err }, errs.AlreadyExists, `cannot add model "m": a model of that name exists`},
		"model's substrate": {func() error {
			_, err := call(ctx, c.AddModel, &clientv1.AddModelRequest{Name: "n", Substrate: "moon"})
			return err
		}, errs.NotFound, `cannot add model "n": there is no substrate "moon"; known: local`},
		"model's config": {func() error {
			_, err := call(ctx, c.ModelConfig, &clientv1.ModelConfigRequest{Model: "m", Set: map[string]string{"colour": "red", "update-status-hook-interval": "soon"}})
			return err
		}, errs.Invalid, "cannot configure model: unknown key \"colour\"; allowed: automatically-retry-hooks, ftp-proxy,"},
		"too little": {func() error {
			_, err := call(ctx, c.ModelConfig, &clientv1.ModelConfigRequest{Model: "m", Set: map[string]string{"hook-memory": "1M"}})
			return err
		}, errs.Invalid, `cannot configure model: key "hook-memory" has value "1M"; want a size from 16M, such as 512M or 2G; 0 = the runtime's default`},
		"too often": {func() error {
			_, err := call(ctx, c.ModelConfig, &clientv1.ModelConfigRequest{Model: "m", Set: map[string]string{"update-status-hook-interval": "30s"}})
			return err
		}, errs.Invalid, `cannot configure model: key "update-status-hook-interval" has value "30s"; want a duration from 1m to 60m`},
		"too seldom": {func() error {
			_, err := call(ctx, c.ModelConfig, &clientv1.ModelConfigRequest{Model: "m", Set: map[string]string{"update-status-hook-interval": "61m"}})
			return err
		}, errs.Invalid, `cannot configure model: key "update-status-hook-interval" has value "61m"; want a duration from 1m to 60m`},
		"no model":           {func() error { _, err := call(ctx, c.Status, &clientv1.StatusRequest{Model: "x"}); return err }, errs.NotFound, `cannot find model "x": there is no such model; see the list with models`},
		"no model named":     {func() error { _, err := call(ctx, c.Status, &clientv1.StatusRequest{}); return err }, errs.Invalid, `cannot find model: no model was named; add one with add-model, or say which with --model`},
		"charm unknown":      {func() error { return deploy(&clientv1.DeployRequest{CharmDigest: strings.Repeat("a", 64)}) }, errs.NotFound, `cannot deploy: cannot find charm aaaaaaaaaaaaaaaaaaa: it was not uploaded to this controller; upload it first`},
		"application exists": {func() error { return deploy(&clientv1.DeployRequest{}) }, errs.AlreadyExists, `cannot deploy "web": an application of that name exists in model "m"; give another name`},
		"application name":   {func() error { return deploy(&clientv1.DeployRequest{Application: "web-1"}) }, errs.Invalid, `cannot use "web-1" as the name of an application: want lower case`},
		"all at once": {func() error {
			return deploy(&clientv1.DeployRequest{Application: "w", Config: map[string]string{"port": "many", "nope": "1"}, Constraints: map[string]string{"mem": "much", "wheels": "4"}, Resources: map[string]string{"disk": "/x"}, Bindings: map[string]string{"z": "alpha"}, Storage: map[string]*controllerv1.StorageDirective{"tape": {}, "data": {Count: 3, SizeBytes: 5}}})
		}, errs.Invalid, "*nope*many*mem=much: want a size*unknown constraint \"wheels\"*cannot use resource \"disk\": charm \"web\" has image*storage data=3: charm \"web\" allows exactly 1*storage data of 5 bytes*cannot use storage \"tape\"*cannot bind endpoint \"z\""},
		"subordinate units": {func() error { return deploy(&clientv1.DeployRequest{CharmDigest: sub, Units: 1}) }, errs.Invalid, `cannot use --num-units or --to with subordinate application "sub"`},
		"assumes":           {func() error { return deploy(&clientv1.DeployRequest{CharmDigest: needs}) }, errs.Invalid, `cannot deploy "needs": charm requires feature "juju >= 9.0", which is not here; use --force to try anyway`},
		"substrate refuses": {func() error {
			b.refuse = "no images here"
			defer func() { b.refuse = "" }()
			return deploy(&clientv1.DeployRequest{Application: "w"})
		}, errs.Invalid, `cannot deploy "w" on substrate "local": no images here; try another`},
		"config type": {func() error {
			return config(&clientv1.SetConfigRequest{Set: map[string]string{"title": "x", "port": "1.5"}})
		}, errs.Invalid, "*port*1.5"},
		"config unknown": {func() error {
			return config(&clientv1.SetConfigRequest{Set: map[string]string{"nope": "x"}, Reset_: []string{"gone"}})
		}, errs.Invalid, "*nope*cannot reset option \"gone\" of \"web\": there is no such option; allowed: debug, port, title"},
		"config trust": {func() error { return config(&clientv1.SetConfigRequest{Set: map[string]string{"trust": "maybe"}}) }, errs.Invalid, `cannot configure "web": option "trust" has value "maybe"; want true or false`},
		"config yaml":  {func() error { return config(&clientv1.SetConfigRequest{Yaml: "web: [1]", YamlFile: "c.yaml"}) }, errs.Invalid, "*c.yaml"},
		"config both": {func() error {
			return config(&clientv1.SetConfigRequest{Set: map[string]string{"port": "1"}, Reset_: []string{"port"}})
		}, errs.Invalid, `cannot configure "web": option "port" is both set and reset`},
		"integrated already":  {func() error { return integrate("pg:data", "web:db") }, errs.AlreadyExists, `cannot integrate pg:data web:db: they are integrated already (relation 2)`},
		"endpoint limit":      {func() error { return integrate("pg:more", "web:db") }, errs.Exhausted, `cannot integrate pg:more web:db: a new relation for web:db would exceed its maximum relation limit of 1; it has 1, remove one first`},
		"ambiguous":           {func() error { return integrate("web", "pg") }, errs.Invalid, `cannot integrate web with pg: ambiguous relation: several are possible; say which: pg:data web:db, pg:more web:db`},
		"interface mismatch":  {func() error { return integrate("web:site", "pg:data") }, errs.Invalid, `cannot integrate web with pg: no endpoints fit; web has `},
		"no such endpoint":    {func() error { return integrate("web:x", "pg") }, errs.NotFound, `cannot integrate web: application web has no endpoint "x"; it has `},
		"no such application": {func() error { return integrate("nobody", "pg") }, errs.NotFound, `cannot find application "nobody" in model "m": there is no such application`},
		"one endpoint":        {func() error { return integrate("web") }, errs.Invalid, `cannot integrate 1 endpoints; give two, each as application or application:endpoint`},
		"peer relation": {func() error {
			_, err := call(ctx, c.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"1"}})
			return err
		}, errs.Invalid, `cannot remove relation 1: it is the peer relation "cluster" of "web", which lives as long as the application`},
		"no relation": {func() error {
			_, err := call(ctx, c.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"web:site", "pg"}})
			return err
		}, errs.NotFound, `cannot remove relation web:site pg: there is no relation between them in model "m"`},
		"refresh breaks":      {func() error { return refresh(&clientv1.RefreshRequest{CharmDigest: gone, Force: true}) }, errs.Invalid, "*cannot refresh \"web\": relation \"web:cluster\" (1) would break: the new charm has no endpoint \"cluster\"*relation \"pg:data web:db\" (2) would break*storage \"data\" (filesystem) would be lost"},
		"refresh other charm": {func() error { return refresh(&clientv1.RefreshRequest{CharmDigest: other}) }, errs.Invalid, `cannot refresh "web": it runs charm "web" and this is charm "other"; use --force to switch charms`},
		"refresh resource":    {func() error { return refresh(&clientv1.RefreshRequest{Resources: map[string]string{"disk": "/x"}}) }, errs.Invalid, `cannot use resource "disk": charm "web" has image`},
		"no such unit":        {func() error { return remove(&clientv1.RemoveUnitRequest{Units: []string{"web/0", "web/7", "web"}}) }, errs.NotFound, "cannot remove unit \"web/7\": there is no such unit in model \"m\"\ncannot use \"web\" as the name of a unit"},
		"too many units":      {func() error { return remove(&clientv1.RemoveUnitRequest{Application: "web", Count: 3}) }, errs.Invalid, `cannot remove 3 units of "web": it has 2; give a number from 1 to that`},
		"no units":            {func() error { return remove(&clientv1.RemoveUnitRequest{}) }, errs.Invalid, `cannot remove units: none were named`},
		"action unknown":      {func() error { return run(&clientv1.RunRequest{Units: []string{"web/0"}, Action: "fly"}) }, errs.NotFound, `cannot run action "fly" on "web": its charm "web" has no such action; it has backup`},
		"action params": {func() error {
			return run(&clientv1.RunRequest{Units: []string{"web/0"}, Action: "backup", Params: `{"level":0}`})
		}, errs.Invalid, "*level"},
		"action params form": {func() error {
			return run(&clientv1.RunRequest{Units: []string{"web/0"}, Action: "backup", Params: `[1]`})
		}, errs.Invalid, `cannot run action "backup": its parameters are not a JSON object`},
		"action unit": {func() error { return run(&clientv1.RunRequest{Units: []string{"web/9"}, Action: "backup"}) }, errs.NotFound, `cannot find unit "web/9" in model "m": there is no such unit; "web" has "web/0", "web/1"`},
		"no leader": {func() error {
			return run(&clientv1.RunRequest{Units: []string{"web/leader"}, Command: []string{"true"}})
		}, errs.Unavailable, `cannot find the leader of "web": it has none now`},
		"run nothing":   {func() error { return run(&clientv1.RunRequest{Units: []string{"web/0"}}) }, errs.Invalid, `cannot run: give either an action or a command`},
		"run on nobody": {func() error { return run(&clientv1.RunRequest{Command: []string{"true"}}) }, errs.Invalid, `cannot run: no unit was named, or there is none`},
		"resolved": {func() error {
			_, err := call(ctx, c.Resolved, &clientv1.ResolvedRequest{Model: "m", Units: []string{"web/0"}})
			return err
		}, errs.Conflict, `cannot resolve unit "web/0": it is not in error`},
		"no task": {func() error {
			_, err := call(ctx, c.CancelTask, &clientv1.CancelTaskRequest{Model: "m", Task: "5"})
			return err
		}, errs.NotFound, `cannot cancel task "5": there is no such task in model "m"`},
		"no operation": {func() error {
			_, err := call(ctx, c.WaitOperation, &clientv1.WaitOperationRequest{Model: "m", Operation: "5"})
			return err
		}, errs.NotFound, `cannot find operation "5" in model "m": there is no such operation`},
		"add to nobody": {func() error {
			_, err := call(ctx, c.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "x"})
			return err
		}, errs.NotFound, `cannot find application "x" in model "m"`},
		"expose nobody": {func() error {
			_, err := call(ctx, c.Expose, &clientv1.ExposeRequest{Model: "m", Application: "X"})
			return err
		}, errs.Invalid, `cannot find application "X": an application's name has`},
		"destroy with data": {func() error {
			return drain(c.DestroyModel(ctx, connect.NewRequest(&clientv1.DestroyModelRequest{Model: "m"})))
		}, errs.Conflict, `cannot destroy model "m": it has storage (data/0, data/1); say --destroy-storage to delete it too`},
		"destroy controller": {func() error {
			return drain(c.DestroyController(ctx, connect.NewRequest(&clientv1.DestroyControllerRequest{})))
		}, errs.Conflict, `cannot destroy controller: it has models (m); destroy them, or say --destroy-all-models`},
		"log level": {func() error {
			return drain(c.DebugLog(ctx, connect.NewRequest(&clientv1.DebugLogRequest{Model: "m", Level: "LOUD"})))
		}, errs.Invalid, `cannot show log: level "LOUD" is not one of TRACE`},
		"pattern": {func() error {
			_, err := call(ctx, c.Status, &clientv1.StatusRequest{Model: "m", Selectors: []string{"["}})
			return err
		}, errs.Invalid, `cannot show status: "[" is not a valid pattern`},
	} {
		before := dump(t)
		err := bad.err()
		if !errs.Is(err, bad.kind) || !matches(err.Error(), bad.want) {
			t.Errorf("%s: class %s (want %s), text:\n  %v\nwant:\n  %s", name, errs.Class(err), bad.kind, err, bad.want)
		}
		if after := dump(t); after != before {
			t.Errorf("%s: the store changed", name)
		}
	}
}

// matches compares with the beginning; after a leading * the parts must come in
// order.
func matches(text, want string) bool {
	parts, free := strings.CutPrefix(want, "*")
	if !free {
		return strings.HasPrefix(text, want)
	}
	for part := range strings.SplitSeq(parts, "*") {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

func drain[T any](stream *connect.ServerStreamForClient[T], err error) error {
	if err != nil {
		return clients.FromWire(err)
	}
	defer stream.Close()
	for stream.Receive() {
	}
	if stream.Err() != nil {
		return clients.FromWire(stream.Err())
	}
	return nil
}

func TestUploadKeepsNothingThatIsWrong(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	before := dump(t)
	good := b.pack(webCharm(nil))
	for name, c := range map[string]struct {
		zip   []byte
		check []*clientv1.Diagnostic
		want  string
	}{
		"no zip":       {[]byte("hello"), nil, ""},
		"empty":        {nil, nil, ""},
		"runtime says": {good, []*clientv1.Diagnostic{{Severity: "error", Message: "imports what is not there"}}, "imports what is not there"},
	} {
		b.check = c.check
		resp := b.upload(c.zip)
		if !slices.ContainsFunc(resp.GetDiagnostics(), func(d *clientv1.Diagnostic) bool {
			return d.GetSeverity() == "error" && strings.Contains(d.GetMessage(), c.want)
		}) {
			t.Errorf("%s: diagnostics %v", name, resp.GetDiagnostics())
		}
		if left, err := b.blobs.List(); err != nil || len(left) > 0 || dump(t) != before {
			t.Errorf("%s: something was kept: %v, %v", name, left, err)
		}
	}
	b.check = nil
	first := b.upload(good)
	after := dump(t)
	again := b.upload(good)
	if first.GetDigest() != again.GetDigest() || first.GetName() != "web" || first.GetRuntime() != "python" || dump(t) != after {
		t.Errorf("uploaded twice: %v and %v", first, again)
	}
	if !b.blobs.Has(first.GetDigest()) {
		t.Error("the package was not kept")
	}
	stream := b.client.UploadCharm(t.Context())
	for range 20 {
		if stream.Send(&clientv1.UploadCharmRequest{Data: make([]byte, 100<<10)}) != nil {
			break
		}
	}
	if _, err := stream.CloseAndReceive(); !errs.Is(clients.FromWire(err), errs.Exhausted) {
		t.Errorf("oversized: %v", err)
	}
}

func TestDeployIsOneTransaction(t *testing.T) {
	b, _ := small(t)
	m, found := b.reader.Model(b.reader.Models()[0].GetUuid())
	if !found {
		t.Fatal("no model")
	}
	rev := m.Applications["web"].Create
	for _, u := range []string{"web/0", "web/1"} {
		unit := m.Units[u]
		if unit.Create != rev || m.Incarnations[u].Create != rev || unit.Value.GetAgent() != "local-0" || m.Incarnations[u].Value.GetId() != "inc-1" {
			t.Errorf("%s: %+v %+v", u, unit, m.Incarnations[u])
		}
	}
	if r := m.Relations[1]; r.Create != rev || r.Value.GetEndpoints()[0].GetName() != "cluster" {
		t.Errorf("peer relation %+v", r)
	}
	if st := m.Storage["data/1"]; st.Create != rev || st.Value.GetOwner() != "web/1" || st.Value.GetSizeBytes() != 1<<30 {
		t.Errorf("storage %+v", m.Storage)
	}
	if v := m.Applications["web"].Value.GetConfig()["port"].GetIntValue(); v != 8080 {
		t.Errorf("config %v", v)
	}
	before := dump(t)
	resp := ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Application: "try", CharmDigest: "sha256:" + m.Applications["web"].Value.GetCharmDigest(), Units: 3, DryRun: true})
	if len(resp.GetUnits()) != 3 || dump(t) != before {
		t.Errorf("dry run made %v, store changed %v", resp.GetUnits(), dump(t) != before)
	}
	if b.lastSpec.GetApplication() != "try" || len(b.lastSpec.GetUnits()) != 3 || b.lastSpec.GetContainers()[0].GetMounts()[0].GetLocation() != "/data" {
		t.Errorf("spec %v", b.lastSpec)
	}
}

func TestUnitNumbersAreNeverUsedAgain(t *testing.T) {
	b, _ := small(t)
	if got := ok(t, b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web", Count: 2}).GetUnits(); !slices.Equal(got, []string{"web/2", "web/3"}) {
		t.Fatalf("added %v", got)
	}
	scaled := ok(t, b.client.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "web", Scale: 1})
	if !slices.Equal(scaled.GetRemoved(), []string{"web/3", "web/2", "web/1"}) {
		t.Fatalf("removed %v", scaled.GetRemoved())
	}
	if got := ok(t, b.client.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "web", Scale: 2}).GetAdded(); !slices.Equal(got, []string{"web/4"}) {
		t.Fatalf("added %v", got)
	}
	before := dump(t)
	same := ok(t, b.client.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: "m", Application: "web", Scale: 2})
	if len(same.GetAdded())+len(same.GetRemoved()) > 0 || dump(t) != before {
		t.Fatalf("scaling to what is there: %v", same)
	}
}

// TestScaledByThousands: a scale is one request whatever it takes, since one transaction does not hold that many units; a number
// that nobody means is refused before anything is made.
func TestScaledByThousands(t *testing.T) {
	b, _ := small(t)
	scale := func(n uint32) *clientv1.ScaleApplicationRequest {
		return &clientv1.ScaleApplicationRequest{Model: "m", Application: "web", Scale: n}
	}
	alive := func() int { return len(b.model().AliveUnits("web")) }
	had := alive()
	if got := ok(t, b.client.ScaleApplication, scale(2500)).GetAdded(); len(got) != 2500-had || got[len(got)-1] != "web/2499" || alive() != 2500 {
		t.Fatalf("%d units were added, %d are alive", len(got), alive())
	}
	if _, err := call(t.Context(), b.client.ScaleApplication, scale(12_501)); err == nil || !strings.Contains(err.Error(), "at most 10000 more at once") || alive() != 2500 {
		t.Fatalf("10,001 more: %v; %d are alive", err, alive())
	}
	if got := ok(t, b.client.ScaleApplication, scale(1)).GetRemoved(); len(got) != 2499 || got[0] != "web/2499" || alive() != 1 {
		t.Fatalf("%d units were removed, %d are alive", len(got), alive())
	}
}

func TestConfigThatChangesNothingWritesNothing(t *testing.T) {
	b, _ := small(t)
	set := func(q *clientv1.SetConfigRequest) int64 {
		q.Model, q.Application = "m", "web"
		return ok(t, b.client.SetConfig, q).GetRevision()
	}
	before := dump(t)
	if rev := set(&clientv1.SetConfigRequest{Set: map[string]string{"port": "8080"}}); rev != 0 || dump(t) != before {
		t.Errorf("same value: revision %d", rev)
	}
	if rev := set(&clientv1.SetConfigRequest{Yaml: "web:\n  title: hello\n  debug: true\n", Reset_: []string{"port"}}); rev == 0 {
		t.Error("a change has revision 0")
	}
	got := map[string]string{}
	for _, o := range ok(t, b.client.GetConfig, &clientv1.GetConfigRequest{Model: "m", Application: "web"}).GetOptions() {
		got[o.GetName()] = o.GetSource() + " " + strings.ReplaceAll(o.GetValue().String(), "  ", " ")
	}
	if got["port"] != "default int_value:80" || got["title"] != `user string_value:"hello"` || got["debug"] != "user bool_value:true" {
		t.Errorf("options %v", got)
	}
	if set(&clientv1.SetConfigRequest{Set: map[string]string{"trust": "true"}}) == 0 || !ok(t, b.client.GetConfig, &clientv1.GetConfigRequest{Model: "m", Application: "web"}).GetTrust() {
		t.Error("trust was not set")
	}
}

func TestRefresh(t *testing.T) {
	b, digest := small(t)
	before := dump(t)
	same := ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "web", CharmDigest: digest})
	if same.GetChanged() || dump(t) != before {
		t.Errorf("the same charm changed %v", same)
	}
	files := webCharm(map[string]string{"config.yaml": "options:\n  port: {type: string, default: http, description: where}\n", "version": "2\n"})
	files["metadata.yaml"] = strings.Replace(files["metadata.yaml"], "peers:\n", "peers:\n  extra: {interface: gossip}\n", 1)
	resp := ok(t, b.client.Refresh, &clientv1.RefreshRequest{Model: "m", Application: "web", CharmDigest: b.charm(files), Config: map[string]string{"port": "https"}, Resources: map[string]string{"image": "web:2"}})
	app := resp.GetApplication()
	if !resp.GetChanged() || app.GetModifiedVersion() != 1 || app.GetConfigRevision() != 2 || app.GetConfig()["port"].GetStringValue() != "https" || app.GetResources()["image"] != "web:2" || app.GetCharmUrl() != "local:web-1" {
		t.Errorf("refreshed to %v", resp)
	}
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	if r := m.Relations[3]; r.Value.GetEndpoints()[0].GetName() != "extra" {
		t.Errorf("the new peer relation is %v", r)
	}
}

// TestJournalIsWaitedFor: what is committed is in the journal, though its agent reports a moment later; not for ever, and not
// where nobody can report.
func TestJournalIsWaitedFor(t *testing.T) {
	b, _ := small(t)
	uuid := b.reader.Models()[0].GetUuid()
	b.put(map[key.Key]proto.Message{key.OfUnit(key.State, "web/0"): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: 3}}})
	entry := func(id string) *controllerv1.JournalEntry {
		return &controllerv1.JournalEntry{Model: uuid, Unit: "web/0", Event: &hookv1.Event{Id: id}, Outcome: "ok"}
	}
	b.book.Journal(entry("2-install"))
	asked, looked := make(chan []*controllerv1.JournalEntry), make(chan struct{})
	b.mu.Lock()
	b.looked = looked
	b.mu.Unlock()
	go func() {
		answer, err := call(t.Context(), b.client.Journal, &clientv1.JournalRequest{Model: "m", Unit: "web/0"})
		if err != nil {
			t.Error(err)
		}
		asked <- answer.GetEntries()
	}()
	<-looked // it has looked, and it was not there
	b.book.Journal(entry("3-start"))
	if got := <-asked; len(got) != 2 {
		t.Errorf("the journal is %v", got)
	}
	b.put(map[key.Key]proto.Message{key.OfUnit(key.State, "web/0"): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: 9}}})
	if got := ok(t, b.client.Journal, &clientv1.JournalRequest{Model: "m", Unit: "web/0"}).GetEntries(); len(got) != 2 {
		t.Errorf("an entry that never comes: %v", got)
	}
}

// TestMachineLocks: holders and waiting units of all models, by machine; the holder that speaks for itself is believed over
// what others say of it, and one of another controller is known from those alone.
func TestMachineLocks(t *testing.T) {
	b, _ := small(t)
	b.states["web/0"] = &controllerv1.AgentState{Unit: "web/0", Lock: &controllerv1.MachineLock{Machine: "0", File: "/l", What: "install", Held: true, SinceUnixNano: 5}}
	b.states["web/1"] = &controllerv1.AgentState{Unit: "web/1", Lock: &controllerv1.MachineLock{Machine: "0", File: "/l", What: "start", SinceUnixNano: 6, HolderUnit: "old/0", HolderWhat: "stop"}}
	list := ok(t, b.client.MachineLocks, &clientv1.MachineLocksRequest{}).GetLocks()
	if len(list) != 1 || list[0].GetMachine() != "0" || list[0].GetHolder().GetUnit() != "web/0" || list[0].GetHolder().GetModel() != "m" ||
		len(list[0].GetWaiting()) != 1 || list[0].GetWaiting()[0].GetUnit() != "web/1" || list[0].GetWaiting()[0].GetWhat() != "start" {
		t.Errorf("locks %v", list)
	}
	b.states["web/0"] = &controllerv1.AgentState{Unit: "web/0"}
	b.states["web/1"].Lock.HolderModel = "a-model-of-others"
	list = ok(t, b.client.MachineLocks, &clientv1.MachineLocksRequest{}).GetLocks()
	if len(list) != 1 || list[0].GetHolder().GetUnit() != "old/0" || list[0].GetHolder().GetModel() != "a-model-of-others" || list[0].GetHolder().GetWhat() != "stop" {
		t.Errorf("locks %v", list)
	}
	b.mu.Lock()
	b.away = true
	b.mu.Unlock()
	if list := ok(t, b.client.MachineLocks, &clientv1.MachineLocksRequest{}).GetLocks(); len(list) != 0 {
		t.Errorf("of agents that are gone: %v", list)
	}
}

func TestTasks(t *testing.T) {
	b, _ := small(t)
	b.put(map[key.Key]proto.Message{key.OfApp(key.Lead, "web"): &controllerv1.Lead{Unit: "web/1"}})
	run := ok(t, b.client.Run, &clientv1.RunRequest{Model: "m", Units: []string{"web/leader", "web/1", "web/0"}, Action: "backup", Params: `{"level":2}`})
	if len(run.GetTasks()) != 2 || run.GetTasks()[0].GetUnit() != "web/1" || run.GetTasks()[0].GetParams() != `{"level":2,"to":"/tmp"}` || run.GetOperation().GetId() != "1" || run.GetTasks()[1].GetId() != "3" {
		t.Fatalf("%v", run)
	}
	if w := ok(t, b.client.WaitOperation, &clientv1.WaitOperationRequest{Model: "m", Operation: "1"}); w.GetFinished() {
		t.Fatal("finished before it ran")
	}
	ok(t, b.client.CancelTask, &clientv1.CancelTaskRequest{Model: "m", Task: "3"})
	done := make(chan *clientv1.WaitOperationResponse)
	go func() {
		w, err := call(t.Context(), b.client.WaitOperation, &clientv1.WaitOperationRequest{Model: "m", Operation: "1", TimeoutMs: 60000})
		if err != nil {
			t.Error(err)
		}
		done <- w
	}()
	ended := proto.CloneOf(run.GetTasks()[0])
	ended.Status = "completed"
	b.put(map[key.Key]proto.Message{key.Named(key.Task, "2"): ended})
	w := <-done
	if !w.GetFinished() || w.GetTasks()[0].GetStatus() != "completed" || w.GetTasks()[1].GetStatus() != "cancelled" {
		t.Fatalf("%v", w)
	}
	if _, err := call(t.Context(), b.client.CancelTask, &clientv1.CancelTaskRequest{Model: "m", Task: "2"}); !errs.Is(err, errs.Conflict) {
		t.Fatalf("cancel of what has ended: %v", err)
	}
	exec := ok(t, b.client.Run, &clientv1.RunRequest{Model: "m", Applications: []string{"web"}, Command: []string{"true"}})
	if exec.GetOperation().GetId() != "4" || len(exec.GetTasks()) != 2 || exec.GetTasks()[0].GetKind() != "exec" {
		t.Fatalf("%v", exec)
	}
	if list := ok(t, b.client.ListOperations, &clientv1.ListOperationsRequest{Model: "m"}); len(list.GetOperations()) != 2 || len(list.GetTasks()) != 4 || list.GetTasks()[3].GetId() != "6" {
		t.Fatalf("%v", list)
	}
	if acts := ok(t, b.client.ListActions, &clientv1.ListActionsRequest{Model: "m", Application: "web"}); len(acts.GetActions()) != 1 || !json.Valid([]byte(acts.GetActions()[0].GetSchema())) {
		t.Fatalf("%v", acts)
	}
}

func TestResolvedNamesWhatItResolves(t *testing.T) {
	b, _ := small(t)
	b.put(map[key.Key]proto.Message{key.OfUnit(key.State, "web/0"): &controllerv1.UnitState{Cursor: &controllerv1.Cursor{
		Pending: &controllerv1.Pending{Step: "failed", Attempt: 3, Event: &hookv1.Event{Id: "7-start"}}}}})
	if got := ok(t, b.client.Resolved, &clientv1.ResolvedRequest{Model: "m", All: true, NoRetry: true}).GetUnits(); !slices.Equal(got, []string{"web/0"}) {
		t.Fatalf("resolved %v", got)
	}
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	if r := m.Resolved["web/0"].Value; r.GetEventId() != "7-start" || r.GetAttempt() != 3 || r.GetRetry() {
		t.Fatalf("%v", r)
	}
}

func TestRemovals(t *testing.T) {
	b, _ := small(t)
	b.put(map[key.Key]proto.Message{key.ScopeOf(2, "web/0"): &controllerv1.Scope{}, key.UnitBag(2, "web/0"): &controllerv1.Bag{Values: map[string]string{"a": "b"}}})
	ok(t, b.client.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"web", "pg"}})
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	if m.Relations[2].Value.GetLife() != controllerv1.Life_LIFE_DYING {
		t.Fatalf("a relation with units in it is %v", m.Relations[2])
	}
	ok(t, b.client.RemoveRelation, &clientv1.RemoveRelationRequest{Model: "m", Endpoints: []string{"2"}, Force: true})
	m, _ = b.reader.Model(m.UUID)
	if m.Relations[2].Exists() || len(m.Scopes) > 0 || len(m.Bags) > 0 {
		t.Fatalf("left after force: %v %v %v", m.Relations[2], m.Scopes, m.Bags)
	}
	dry := ok(t, b.client.RemoveApplication, &clientv1.RemoveApplicationRequest{Model: "m", Application: "web", DryRun: true})
	gone := ok(t, b.client.RemoveApplication, &clientv1.RemoveApplicationRequest{Model: "m", Application: "web"})
	if !proto.Equal(dry, gone) || !slices.Equal(gone.GetUnits(), []string{"web/0", "web/1"}) || !slices.Equal(gone.GetStorage(), []string{"data/0", "data/1"}) {
		t.Fatalf("dry run %v, real %v", dry, gone)
	}
	m, _ = b.reader.Model(m.UUID)
	if m.Applications["web"].Value.GetLife() != controllerv1.Life_LIFE_DYING || m.Units["web/1"].Value.GetLife() != controllerv1.Life_LIFE_DYING {
		t.Fatalf("%v %v", m.Applications["web"], m.Units["web/1"])
	}
	if _, err := call(t.Context(), b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web"}); !errs.Is(err, errs.Conflict) {
		t.Fatalf("add to a dying application: %v", err)
	}
}

func TestJSONOverPlainHTTP(t *testing.T) {
	b, _ := small(t)
	resp, err := b.http.Post(b.url+"/bangle.client.v1.Client/ListModels", "application/json", strings.NewReader("{}"))
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"name":"m"`) {
		t.Fatalf("%s %s", resp.Status, body)
	}
}

func TestRequestsAtOnceAreAllDoneOnce(t *testing.T) {
	b, _ := small(t)
	const n = 16
	got := make(chan string, n)
	for range n {
		go func() {
			resp, err := call(t.Context(), b.client.AddUnit, &clientv1.AddUnitRequest{Model: "m", Application: "web"})
			if err != nil {
				t.Error(err)
			}
			got <- strings.Join(resp.GetUnits(), " ")
		}()
	}
	seen := map[string]bool{}
	for range n {
		seen[<-got] = true
	}
	m, _ := b.reader.Model(b.reader.Models()[0].GetUuid())
	if len(seen) != n || len(m.UnitsOf("web")) != n+2 || len(m.Storage) != n+2 {
		t.Fatalf("%d answers differ, %d units, %d storage", len(seen), len(m.UnitsOf("web")), len(m.Storage))
	}
}

func TestThePackagesOwnRuntimeIsRecorded(t *testing.T) {
	b := newBox(t)
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	both := simple("both", "")
	both["charm.wasm"] = "\x00asm\x01\x00\x00\x00"
	zip := b.pack(both)
	stream := b.client.UploadCharm(t.Context())
	must(t, stream.Send(&clientv1.UploadCharmRequest{Runtime: "python", Data: zip}))
	resp, err := stream.CloseAndReceive()
	must(t, err)
	if resp.Msg.GetRuntime() != "python" || b.reader.Charm(resp.Msg.GetDigest()).GetRuntime() != "wasm" {
		t.Fatalf("checked for %q, recorded %q", resp.Msg.GetRuntime(), b.reader.Charm(resp.Msg.GetDigest()).GetRuntime())
	}
	for name, want := range map[string]string{"": "wasm", "python": "python"} {
		app := ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", Application: "x" + name, CharmDigest: resp.Msg.GetDigest(), Runtime: name}).GetApplication()
		if app.GetRuntime() != want {
			t.Errorf("deployed with %q: runs %q", name, app.GetRuntime())
		}
		ok(t, b.client.GetConfig, &clientv1.GetConfigRequest{Model: "m", Application: "x" + name})
	}
}
