package world_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/runtimes/wasm/world"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// real is a supervisor that has one plan, one service and one file, and refuses to change anything.
type real struct{ reads []string }

func (r *real) Request(_ context.Context, in *abi.Request) (*abi.Response, error) {
	if in.Method != "" && in.Method != "GET" {
		return nil, errs.E(errs.Denied, "%s %s was really asked", in.Method, in.Path)
	}
	r.reads = append(r.reads, in.Path)
	switch in.Path {
	case "/v1/plan":
		return &abi.Response{Status: 200, Body: `{"result":"services:\n    db:\n        override: replace\n        command: /bin/db\n        startup: enabled\n        environment: {A: a}\n"}`}, nil
	case "/v1/services":
		return &abi.Response{Status: 200, Body: `{"result":[{"name":"db","startup":"enabled","current":"active"}]}`}, nil
	}
	return &abi.Response{Status: 404, Body: `{}`}, nil
}

func (r *real) Exec(context.Context, *abi.Exec) (*abi.ExecResult, error) {
	return nil, errs.E(errs.Denied, "a command was really run")
}

func (r *real) Push(context.Context, *abi.Push) (*abi.Nothing, error) {
	return nil, errs.E(errs.Denied, "a file was really written")
}

func (r *real) Pull(_ context.Context, in *abi.Pull) (*abi.Content, error) {
	if in.Path == "/there" {
		return &abi.Content{Content: "real"}, nil
	}
	return nil, errs.E(errs.NotFound, "no file %s", in.Path)
}

func made(t testing.TB, mode world.Mode, r *charmruntimev1.Recording) *world.World {
	t.Helper()
	w, err := world.New(mode, r)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ask(t testing.TB, s abi.Supervisor, method, path, body string) string {
	t.Helper()
	got, err := s.Request(t.Context(), &abi.Request{Container: "web", Method: method, Path: path, Body: body})
	if err != nil {
		return err.Error()
	}
	return got.Body
}

// TestRehearsalIsReadBack: files, plan and services are found as they would be, and nothing is really changed.
func TestRehearsalIsReadBack(t *testing.T) {
	w := made(t, world.DryRun, nil)
	s, ctx := w.Supervisor(&real{}), t.Context()
	for _, err := range []error{
		second(s.Push(ctx, &abi.Push{Container: "web", Path: "/new", Content: "mine"})),
		second(s.Exec(ctx, &abi.Exec{Container: "web", Command: []string{"rm", "-rf", "/"}})),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for path, want := range map[string]string{"/new": "mine", "/there": "real"} {
		if got, err := s.Pull(ctx, &abi.Pull{Container: "web", Path: path}); err != nil || got.Content != want {
			t.Errorf("%s: %v %v", path, got, err)
		}
	}
	ask(t, s, "POST", "/v1/files", `{"action":"remove","paths":[{"path":"/there"}]}`)
	if got, err := s.Pull(ctx, &abi.Pull{Container: "web", Path: "/there"}); !errs.Is(err, errs.NotFound) {
		t.Errorf("a removed file is still there: %v", got)
	}
	if got := ask(t, s, "POST", "/v1/layers", `{"action":"add","combine":true,"label":"x","format":"yaml","layer":"services:\n  web: {override: replace, command: /bin/web, startup: enabled}\n  db: {override: merge, environment: {B: b}}\n"}`); !strings.Contains(got, `"result":true`) {
		t.Error(got)
	}
	plan := ask(t, s, "GET", "/v1/plan", "")
	for _, want := range []string{"/bin/web", `A: a`, `B: b`, "/bin/db"} {
		if !strings.Contains(plan, want) {
			t.Errorf("the plan lacks %s: %s", want, plan)
		}
	}
	if got := ask(t, s, "GET", "/v1/services", ""); !strings.Contains(got, `{"name":"web","startup":"enabled","current":"inactive"}`) {
		t.Error(got)
	}
	if got := ask(t, s, "POST", "/v1/services", `{"action":"replan"}`); !strings.Contains(got, `"change":"0"`) {
		t.Error(got)
	}
	if got := ask(t, s, "GET", "/v1/changes/0/wait", ""); !strings.Contains(got, `"ready":true`) {
		t.Error(got)
	}
	if got := ask(t, s, "GET", "/v1/services", ""); strings.Contains(got, "inactive") {
		t.Error(got)
	}
	ask(t, s, "POST", "/v1/services", `{"action":"replan"}`)
	ask(t, s, "POST", "/v1/services", `{"action":"stop","services":["db"]}`)
	ask(t, s, "POST", "/v1/notices", `{"action":"add","type":"custom","key":"a.b/c"}`)
	ask(t, s, "DELETE", "/v1/other", "")
	want := []string{"file web: /new: write /new (4 bytes)", "exec web: rm: run rm -rf /", "file web: /there: remove /there", "plan web: add layer x",
		"service web: db, web: replan: restart db, start web", "service web: what the plan says: replan: nothing to do", "service web: db: stop db",
		"notice web: a.b/c: notify a.b/c", "request web: /v1/other: DELETE /v1/other"}
	for n, e := range w.Effects() {
		if got := e.GetKind() + " " + e.GetTarget() + ": " + e.GetSummary(); n >= len(want) || got != want[n] {
			t.Errorf("effect %d is %q", n, got)
		}
	}
	if got := w.Effects()[3].GetDetail(); !strings.Contains(got, "+       B: b") || strings.Contains(got, "A: a") && !strings.Contains(got, "  ") {
		t.Errorf("%s", got)
	}
}

func second[T any](_ T, err error) error { return err }

type answering struct{ answer string }

func (a answering) Call(context.Context, string, string) (string, error) {
	if a.answer == "" {
		return "", errs.E(errs.Denied, "not for you")
	}
	return a.answer, nil
}

func (answering) Immediate(*charmruntimev1.Immediate) {}

// TestRecordAndReplay: answers and errors come back as they were, the clock goes on as it did, and random numbers repeat.
func TestRecordAndReplay(t *testing.T) {
	run := func(w *world.World, h answering) (said []string, times []int64, random [8]byte) {
		times = append(times, w.Now(), w.Monotonic())
		w.Slept(1e6)
		for _, op := range []string{"bag", "secret-get"} {
			answer, err := w.Host(h).Call(t.Context(), op, `{ "a": "<" }`)
			said = append(said, answer, errs.Class(err).String(), text(err))
		}
		_, err := w.Supervisor(&real{}).Pull(t.Context(), &abi.Pull{Container: "web", Path: "/nothing"})
		said = append(said, errs.Class(err).String(), text(err))
		w.Random(random[:])
		return said, append(times, w.Now(), w.Monotonic()), random
	}
	for _, h := range []answering{{`{ "x" : "\u003c<" }`}, {}} {
		w := made(t, world.Record, nil)
		said, times, random := run(w, h)
		recording := proto.CloneOf(w.Recording())
		if len(recording.GetExchanges()) != 3 {
			t.Fatal(recording)
		}
		r := made(t, world.Replay, recording)
		said2, times2, random2 := run(r, answering{"nobody"})
		r.End()
		if strings.Join(said, "|") != strings.Join(said2, "|") || random != random2 || len(times) != len(times2) || r.Divergence() != "" || r.Lost() != "" {
			t.Errorf("%q\n%q, diverges %q %q", said, said2, r.Divergence(), r.Lost())
		}
		for n := range times {
			if times[n] != times2[n] {
				t.Errorf("reading %d: %d, then %d", n, times[n], times2[n])
			}
		}
		if !proto.Equal(recording, w.Recording()) {
			t.Error("the replay changed the recording")
		}
		less := made(t, world.Replay, recording)
		less.End()
		if !strings.HasPrefix(less.Divergence(), "the charm asked 0 questions and then no more; recorded is bag") {
			t.Error(less.Divergence())
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRecordingIsBounded: one that grows too large is given up and says so, and cannot be replayed.
func TestRecordingIsBounded(t *testing.T) {
	for name, ask := range map[string]func(h interface {
		Call(context.Context, string, string) (string, error)
	}){
		"bytes": func(h interface {
			Call(context.Context, string, string) (string, error)
		}) {
			_, _ = h.Call(t.Context(), "bag", strings.Repeat("x", 2<<20))
		},
		"questions": func(h interface {
			Call(context.Context, string, string) (string, error)
		}) {
			for range 10_001 {
				_, _ = h.Call(t.Context(), "bag", "")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := made(t, world.Record, nil)
			ask(w.Host(answering{"1"}))
			if r := w.Recording(); !strings.Contains(r.GetIncomplete(), "more than") || len(r.GetExchanges()) > 0 {
				t.Errorf("%q, %d exchanges", r.GetIncomplete(), len(r.GetExchanges()))
			}
			if _, err := world.New(world.Replay, w.Recording()); !errs.Is(err, errs.Invalid) {
				t.Error(err)
			}
		})
	}
}

// FuzzReplay: no recording makes a replay panic or answer with something that has no class.
func FuzzReplay(f *testing.F) {
	whole, err := proto.Marshal(&charmruntimev1.Recording{Seed: make([]byte, 32), NowUnixNano: 1, Exchanges: []*charmruntimev1.Exchange{
		{Operation: "bag", Request: []byte("{}"), Response: []byte("{}"), AtNs: 5}, {Operation: "supervisor.pull", Request: []byte(`{"container":"web","path":"/x"}`), ErrorClass: "NOT_FOUND"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &charmruntimev1.Recording{}
		if proto.Unmarshal(data, r) != nil {
			return
		}
		w, err := world.New(world.Replay, r)
		if err != nil {
			return
		}
		w.Promises()()
		_, err = w.Host(answering{}).Call(t.Context(), "bag", "{}")
		_, err2 := w.Supervisor(nil).Pull(t.Context(), &abi.Pull{Container: "web", Path: "/x"})
		for _, err := range []error{err, err2} {
			if _, ok := errs.Parse(errs.Class(err).String()); err != nil && !ok {
				t.Errorf("class %q of %v", errs.Class(err), err)
			}
		}
		w.Now()
		w.End()
		if errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
