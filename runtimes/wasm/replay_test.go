package wasm_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/runtimes/wasm"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// container answers as a supervisor does, and counts the requests.
type container struct {
	socket string
	asked  atomic.Int32
}

func newContainer(t *testing.T) *container {
	t.Helper()
	dir, err := os.MkdirTemp("", "b") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	c := &container{socket: filepath.Join(dir, "s")}
	l, err := net.Listen("unix", c.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: c}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-ended; _ = os.RemoveAll(dir) })
	return c
}

func (c *container) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := c.asked.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	result := "true"
	switch {
	case r.URL.Path == "/v1/system-info":
		result = fmt.Sprintf(`{"version":"test","boot-id":"%d"}`, n)
	case r.URL.Path == "/v1/files":
		result = `[{"path":"/etc/web.conf"}]`
	case r.URL.Path == "/v1/plan":
		result = `"services:\n    web:\n        override: replace\n        command: /bin/old\n"`
	case r.URL.Path == "/v1/services" && r.Method == http.MethodGet:
		result = `[{"name":"web","startup":"enabled","current":"active"}]`
	case r.URL.Path == "/v1/services":
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"type":"async","status-code":202,"status":"Accepted","result":null,"change":"1"}`)
		return
	case strings.HasPrefix(r.URL.Path, "/v1/changes/"):
		result = `{"id":"1","kind":"replan","summary":"x","status":"Done","ready":true,"tasks":[]}`
	}
	_, _ = fmt.Fprintf(w, `{"type":"sync","status-code":200,"status":"OK","result":%s}`, result)
}

// databaseChanged is an event with which the example charms read a secret, push a file and replan.
func databaseChanged(handle, socket string) *charmruntimev1.Start {
	s := start(handle, "relation-changed", map[string]*hookv1.ConfigValue{"title": text("hello"),
		"port": {Value: &hookv1.ConfigValue_IntValue{IntValue: 8080}}})
	s.Event.Name, s.Event.RelationId, s.Event.Endpoint, s.Event.RemoteApp, s.Event.RemoteUnit = "db-relation-changed", 1, "db", "pg", "pg/0"
	s.View.Relations = []*hookv1.RelationView{{Id: 1, Endpoint: "db", Life: "alive", RemoteApp: "pg",
		RemoteAppBag: map[string]string{"address": "10.0.0.7:5432", "secret": "secret:00000000000000000001"},
		Members:      []*hookv1.MemberView{{Unit: "pg/0", Bag: map[string]string{"private-address": "10.0.0.7"}}}}}
	s.View.Containers = []*hookv1.ContainerView{{Name: "web", Socket: socket}}
	s.View.Storage = []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/srv/data", Life: "alive"}}
	return s
}

func answers() *host {
	return &host{answers: map[string]string{"secret-get": `{"content":{"password":"` + "czNjcmV0LW9mLXRoZS1kYXRhYmFzZQ==" + `"},"id":"00000000000000000001","owned":false,"revision":1}`}}
}

// again runs a recorded event from its recording alone: a host and a supervisor that are asked fail the test.
func again(t *testing.T, r *wasm.Runtime, s *charmruntimev1.Start, recording *charmruntimev1.Recording) *charmruntimev1.Done {
	t.Helper()
	s = proto.CloneOf(s)
	s.Mode, s.Record, s.Recording = charmruntimev1.Mode_MODE_REPLAY, false, recording
	for _, c := range s.View.Containers {
		c.Socket = "/nowhere/socket"
	}
	h := &host{}
	done := dispatch(t, r, s, h)
	if len(h.asked)+len(h.said) > 0 {
		t.Errorf("the replay asked %v and said %v", h.asked, h.said)
	}
	return done
}

func changeset(t testing.TB, done *charmruntimev1.Done) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(done.GetChangeset())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReplayInEveryLanguage: an event that reads a secret, writes a file and replans is recorded and runs again bit for
// bit, also in another life of the runtime, with nobody there to ask; and its recording tells what it did outside.
func TestReplayInEveryLanguage(t *testing.T) {
	for _, language := range wasm.Languages() {
		t.Run(language, func(t *testing.T) {
			dir := wasm.StoryCharm(t, language)
			c, cache := newContainer(t), filepath.Join(t.TempDir(), "cache")
			life := func() (*wasm.Runtime, string) {
				r := newRuntime(t, func(cfg *wasm.Config) { cfg.CacheDir = cache })
				return r, load(t, r, language, dir)
			}
			r, handle := life()
			s := databaseChanged(handle, c.socket)
			s.Record = true
			live := dispatch(t, r, s, answers())
			recording := live.GetRecording()
			if live.GetOutcome() != fine || recording.GetIncomplete() != "" || len(recording.GetExchanges()) != 6 {
				t.Fatalf("%s %q, recording %v", live.GetOutcome(), live.GetMessage(), recording)
			}
			asked := c.asked.Load()
			other, handle := life()
			for name, on := range map[string]*wasm.Runtime{"same life": r, "another life": other} {
				s.Handle = handle
				done := again(t, on, s, recording)
				if done.GetOutcome() != fine || done.GetDivergence() != "" || !bytes.Equal(changeset(t, done), changeset(t, live)) {
					t.Errorf("%s: %s %q, diverges %q\n%v\nwant\n%v", name, done.GetOutcome(), done.GetMessage(), done.GetDivergence(), done.GetChangeset(), live.GetChangeset())
				}
				var kinds []string
				for _, e := range done.GetEffects() {
					kinds = append(kinds, e.GetKind())
				}
				if got := strings.Join(kinds, " "); got != "file plan service" {
					t.Errorf("%s: effects %v", name, done.GetEffects())
				}
			}
			if c.asked.Load() != asked {
				t.Error("a replay reached the supervisor")
			}
		})
	}
}

// TestReplayDiverges: another configuration makes the charm ask something else, and the first such question is named.
func TestReplayDiverges(t *testing.T) {
	r, c := newRuntime(t), newContainer(t)
	s := databaseChanged(load(t, r, "story", wasm.StoryCharm(t, "go")), c.socket)
	s.Record = true
	recording := dispatch(t, r, s, answers()).GetRecording()
	other := proto.CloneOf(s)
	other.View.Config["title"] = text("goodbye")
	done := again(t, r, other, recording)
	if want := `question 3: the charm asked supervisor.push {"container":"web","path":"/etc/web.conf","content":"title = goodbye`; done.GetOutcome() != fine || !strings.HasPrefix(done.GetDivergence(), want) ||
		!strings.Contains(done.GetDivergence(), `; recorded is supervisor.push {"container":"web","path":"/etc/web.conf","content":"title = hello`) {
		t.Errorf("%s %q: %q", done.GetOutcome(), done.GetMessage(), done.GetDivergence())
	}
	other.View.Relations[0].RemoteAppBag["secret"] = "secret:00000000000000000002"
	done = again(t, r, other, recording)
	if done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "the replay cannot go on: the recording has no answer to secret-get") {
		t.Errorf("%s %q", done.GetOutcome(), done.GetMessage())
	}
}

// TestChanceIsRecorded: clocks, random numbers and the order of maps are the recording's, in every life of the runtime; live,
// they are new each time.
func TestChanceIsRecorded(t *testing.T) {
	chance := filepath.Join(t.TempDir(), "chance")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(chance, "charm.wasm"), "./testdata/chance")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dirs := map[string]string{"go": chance,
		"js": written(t, "charm.js", jsHead+`charm.on("config-changed", (ctx) => { ctx.setState("now", String(Date.now())); ctx.setState("key", String(Math.random())); });`),
		"py": written(t, "charm.py", pyHead+"import time, random\n@charm.on('config-changed')\ndef f(ctx):\n    ctx.set_state('now', str(time.time()))\n    ctx.set_state('key', str(random.getrandbits(30)))\n")}
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name == "go" {
				t.Skip("the host's side is the same for all, and this one takes long to compile")
			}
			cache := filepath.Join(t.TempDir(), "cache")
			var s *charmruntimev1.Start
			var live *charmruntimev1.Done
			for life := range 2 {
				r := newRuntime(t, func(cfg *wasm.Config) { cfg.CacheDir = cache })
				handle := load(t, r, name, dir)
				if life == 0 {
					s = start(handle, "config-changed", nil)
					s.Record = true
					live = dispatch(t, r, s, nil)
					if other := dispatch(t, r, s, nil); live.GetChangeset().GetStateSet()["key"] == other.GetChangeset().GetStateSet()["key"] {
						t.Errorf("two events drew the same random numbers: %v", live.GetChangeset())
					}
				}
				for range 2 {
					done := again(t, r, s, live.GetRecording())
					if live.GetOutcome() != fine || !bytes.Equal(changeset(t, done), changeset(t, live)) {
						t.Errorf("%v\nwant %v %s", done.GetChangeset(), live.GetChangeset(), live.GetMessage())
					}
				}
			}
		})
	}
}

// TestHostileRecordings: whatever a recording says, a replay ends with an answer.
func TestHostileRecordings(t *testing.T) {
	r, c := newRuntime(t), newContainer(t)
	s := databaseChanged(load(t, r, "story", wasm.StoryCharm(t, "go")), c.socket)
	s.Record = true
	good := dispatch(t, r, s, answers()).GetRecording()
	for name, change := range map[string]func(*charmruntimev1.Recording){
		"not whole":     func(r *charmruntimev1.Recording) { r.Incomplete = "it was too large" },
		"short seed":    func(r *charmruntimev1.Recording) { r.Seed = r.Seed[:3] },
		"no JSON":       func(r *charmruntimev1.Recording) { r.Exchanges[0].Response = []byte("{") },
		"unknown class": func(r *charmruntimev1.Recording) { r.Exchanges[0].ErrorClass = "BAD" },
		"sealed":        func(r *charmruntimev1.Recording) { r.Exchanges[1].Sealed = "a secret" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := proto.CloneOf(good)
			change(bad)
			s := proto.CloneOf(s)
			s.Mode, s.Record, s.Recording = charmruntimev1.Mode_MODE_REPLAY, false, bad
			done, err := r.Dispatch(t.Context(), s, &host{})
			if err == nil && (done.GetOutcome() != failed || !strings.Contains(done.GetMessage(), "the replay cannot go on")) {
				t.Errorf("%v", done)
			}
		})
	}
	none := proto.CloneOf(s)
	none.Mode, none.Record = charmruntimev1.Mode_MODE_REPLAY, false
	if _, err := r.Dispatch(t.Context(), none, &host{}); err == nil {
		t.Error("an event without a recording was replayed")
	}
}

// TestRehearsal: what a dry run changes is read back, is told, and never arrives.
func TestRehearsal(t *testing.T) {
	r, c := newRuntime(t), newContainer(t)
	s := databaseChanged(load(t, r, "story", wasm.StoryCharm(t, "go")), c.socket)
	s.Mode = charmruntimev1.Mode_MODE_DRY_RUN
	done := dispatch(t, r, s, answers())
	var got []string
	for _, e := range done.GetEffects() {
		got = append(got, fmt.Sprintf("%s %s: %s", e.GetKind(), e.GetTarget(), e.GetSummary()), e.GetDetail())
	}
	want := []string{"file web: /etc/web.conf: write /etc/web.conf (48 bytes)", "", "plan web: add layer web",
		"", "service web: web: replan: restart web", ""}
	if done.GetOutcome() != fine || len(got) != len(want) || got[0] != want[0] || got[2] != want[2] || got[4] != want[4] ||
		!strings.Contains(got[3], "-     command: /bin/old") || !strings.Contains(got[3], "+     command: /bin/web --port 8080") {
		t.Errorf("%s %q\n%s", done.GetOutcome(), done.GetMessage(), strings.Join(got, "\n"))
	}
}
