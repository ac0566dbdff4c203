package python_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/runtimes/python"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/tool"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// pair is one unit twice, in two places with names of one length: its events are run cold in one and warm in the other.
type pair struct {
	cold, warm *side
	number     int
	warmRuns   int
	coldRuns   int
	told       map[string]bool // facts that were found to differ; they do in every event
}

// side is one of them.
type side struct {
	name    string
	runtime *python.Runtime
	dir     string
	space   *charmruntimev1.Workspace
	handle  string
	parents map[int]bool // of the events' processes so far
	drawn   []string     // random values
}

func newPair(t *testing.T) *pair {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range own { // those that this test was started with would be seen by cold runs only
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	tools := filepath.Join(dir, "tools")
	if err := os.Mkdir(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range tool.Names() {
		if err := os.Symlink(hooktool, filepath.Join(tools, name)); err != nil {
			t.Fatal(err)
		}
	}
	return &pair{told: map[string]bool{}, cold: newSide(t, dir, "cold", tools), warm: newSide(t, dir, "auto", tools)}
}

// newSide makes a unit's place and a runtime for it.
func newSide(t *testing.T, dir, mode, tools string) *side {
	t.Helper()
	s := &side{name: mode, dir: filepath.Join(dir, mode), parents: map[int]bool{}}
	s.space = &charmruntimev1.Workspace{CharmDir: filepath.Join(s.dir, "charm"), RunDir: filepath.Join(s.dir, "run"), ToolsDir: tools}
	if err := os.MkdirAll(s.space.RunDir, 0o700); err != nil {
		t.Fatal(err)
	}
	copyCharm(t, s.space.CharmDir)
	copyCharm(t, s.unpacked("1"))
	s.runtime = runtimeIn(t, mode)
	s.load(t, "1")
	return s
}

func (s *side) load(t *testing.T, digest string) {
	t.Helper()
	loaded, err := s.runtime.Load(t.Context(), &charmruntimev1.LoadRequest{Digest: digest, Dir: s.unpacked(digest)})
	if err != nil || len(loaded.GetDiagnostics()) > 0 {
		t.Fatalf("load: %v, %v", loaded, err)
	}
	s.handle = loaded.GetHandle()
}

// unpacked is where a revision of the charm lies as it was delivered.
func (s *side) unpacked(digest string) string { return filepath.Join(s.dir, "unpacked-"+digest) }

// account is all that one side's event did, by what it is, with the names of the place taken out.
type account map[string]string

// event runs an event on both sides and compares.
func (p *pair) event(t *testing.T, e *hookv1.Event, script []step) {
	t.Helper()
	p.number++
	title := e.GetActionParams()
	e.Id, e.ActionParams = fmt.Sprintf("%d-%s", p.number, e.GetName()), ""
	view := observed(t, title, script)
	var accounts [2]account
	var hosts [2]*recorder
	var both sync.WaitGroup
	began := time.Now()
	for i, s := range []*side{p.cold, p.warm} {
		hosts[i] = &recorder{side: s, said: map[string][]string{}}
		both.Go(func() { accounts[i] = s.run(t, proto.CloneOf(e), proto.CloneOf(view), hosts[i]) })
	}
	both.Wait()
	if took := time.Since(began); took > 5*time.Second {
		t.Logf("event %d took %s: %v %v", p.number, took, e, script)
	}
	if accounts[0] == nil || accounts[1] == nil {
		return
	}
	text, _ := json.Marshal(script)
	where := fmt.Sprintf("event %d %s %s", p.number, e.GetName(), text)
	p.background(t, strings.Contains(accounts[0]["outcome"], "KILLED"))
	accounts[0].tree(p.cold)
	accounts[1].tree(p.warm)
	p.modules(t, accounts[0], accounts[1])
	p.count(accounts[0], accounts[1])
	for k := range free {
		delete(accounts[0], "seen: "+k)
		delete(accounts[1], "seen: "+k)
	}
	for k := range p.told {
		delete(accounts[0], k)
		delete(accounts[1], k)
	}
	for k, v := range accounts[0] {
		if strings.HasPrefix(k, "seen: ") && accounts[1][k] != v {
			p.told[k] = true
		}
	}
	compare(t, where, accounts[0], accounts[1])
	hosts[0].sameAs(t, where, hosts[1])
}

// run runs one event on one side.
func (s *side) run(t *testing.T, e *hookv1.Event, view *hookv1.View, h *recorder) account {
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { s.cancelWaiting(ended, cancel) })
	start := &charmruntimev1.Start{Handle: s.handle, Event: e, View: view, Workspace: s.space, TimeoutMs: 120_000}
	done, err := s.runtime.Dispatch(ctx, start, h)
	for range 3 {
		if _, began := os.Stat(filepath.Join(s.space.CharmDir, "report.jsonl")); !errs.Is(err, errs.Unavailable) || began == nil {
			break
		}
		done, err = s.runtime.Dispatch(ctx, start, h) // its interpreter was killed before it began: so does the agent
	}
	close(ended)
	watcher.Wait()
	cancel(nil)
	if err != nil {
		t.Errorf("%s: %v", s.name, err)
		return nil
	}
	a := account{}
	a.done(s, done)
	if e.GetKind() == api.EventAction { // what came after the end is for the log
		a["stdout of the action"], a["stderr of the action"] = s.plain(done.GetStdout()), answers.ReplaceAllString(s.plain(done.GetStderr()), "")
	}
	s.report(t, a)
	return a
}

// cancelWaiting cancels an event that says that it waits for that; the sides are asked in the same state.
func (s *side) cancelWaiting(ended chan struct{}, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			if os.Remove(filepath.Join(s.space.CharmDir, "waiting")) == nil {
				cancel(&charmruntime.Cancelled{Reason: "not wanted", Grace: 5 * time.Second})
				return
			}
		}
	}
}

// done enters the outcome.
func (a account) done(s *side, d *charmruntimev1.Done) {
	changes, _ := protojson.MarshalOptions{}.Marshal(d.GetChangeset()) // it was decoded
	var sorted any
	_ = json.Unmarshal(changes, &sorted) // protojson puts spaces at random
	changes, _ = json.Marshal(sorted)
	a["outcome"] = fmt.Sprint(d.GetOutcome(), d.GetExitCode(), " ", d.GetLimit())
	a["message"] = s.plain(d.GetMessage() + d.GetDetail())
	a["changes"] = s.plain(string(changes))
	a["calls"] = fmt.Sprint(d.GetStats().GetCalls())
}

// report reads what the charm wrote of itself.
func (s *side) report(t *testing.T, a account) {
	path := filepath.Join(s.space.CharmDir, "report.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		return // it may have none
	}
	if err := os.Remove(path); err != nil {
		t.Error(err)
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		var entry [2]json.RawMessage
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%s: the charm reports %q: %v", s.name, line, err)
			continue
		}
		if string(entry[0]) != `"seen"` {
			a[fmt.Sprintf("report %d", i)] = s.plain(line)
			continue
		}
		var facts map[string]json.RawMessage
		if err := json.Unmarshal(entry[1], &facts); err != nil {
			t.Errorf("%s: the charm saw %q: %v", s.name, entry[1], err)
		}
		for name, fact := range facts {
			a["seen: "+name] = s.plain(string(fact))
		}
	}
}

var (
	random  = regexp.MustCompile(`temporary-[a-z0-9_]{8}`)
	address = regexp.MustCompile(`0x[0-9a-f]{6,}|refcount : \d+|subprocess \d+ is`)
	answers = regexp.MustCompile(`(?m)^ +File "(?:bangle|[^"]*/subprocess\.py)", .*
(?: +[^F ].*
)*`)  // the frames of who answered a tool
	depth   = regexp.MustCompile(`repeated \d+ more times`) // how deep the program's first frame lies
	eventID = regexp.MustCompile(`\b[0-9a-f]{32}\b`)
	secret  = regexp.MustCompile(`\b[0-9a-v]{20}\b`)
)

// plain takes out what the two sides cannot have in common: the place, the event's context, addresses in memory.
func (s *side) plain(text string) string {
	text = strings.ReplaceAll(text, s.dir, "/PLACE")
	text = eventID.ReplaceAllString(text, "CONTEXT")
	text = secret.ReplaceAllString(text, "SECRET")
	text = depth.ReplaceAllString(text, "repeated many more times")
	text = address.ReplaceAllString(text, "0x")
	return random.ReplaceAllString(text, "temporary-X")
}

// tree enters every file of the unit with its mode and content.
func (a account) tree(s *side) {
	_ = filepath.WalkDir(s.space.CharmDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			a["file "+s.plain(path)] = err.Error()
			return nil //nolint:nilerr // it is held against the other side
		}
		if d.Name() == "__pycache__" {
			return fs.SkipDir
		}
		info, err := os.Lstat(path)
		if err != nil {
			return nil //nolint:nilerr // it went while we looked, as one of a child that lives on may
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() && !strings.HasSuffix(path, "-wal") && !strings.HasSuffix(path, "-shm") { // these begin with random salts
			content, _ := os.ReadFile(path) // its mode may forbid it, to both
			text += " " + s.plain(string(content))
		}
		a["file "+s.plain(path)] = text
		return nil
	})
}

// background lets what an event left behind go on, and waits for what it does then. An event that was cancelled takes it along.
func (p *pair) background(t *testing.T, cancelled bool) {
	t.Helper()
	for _, s := range []*side{p.cold, p.warm} {
		at := func(name string) string { return filepath.Join(s.space.CharmDir, name) }
		if _, err := os.Stat(at("bg.pid")); err != nil {
			continue
		}
		pid := readPID(t, at("bg.pid"))
		if cancelled == alive(pid) {
			t.Errorf("%s: the background process %d lives: %v; the event was cancelled: %v", s.name, pid, cancelled, cancelled)
			continue
		}
		if !cancelled {
			write(t, at("go"), "", 0o600)
			await(t, func() bool { _, err := os.Stat(at("bg.txt")); return err == nil })
			await(t, func() bool { return !alive(pid) })
		}
		for _, name := range []string{"go", "bg.pid"} {
			if err := os.Remove(at(name)); err != nil && !os.IsNotExist(err) {
				t.Error(err)
			}
		}
	}
}

// modules wants everything that a fresh interpreter has loaded to be there in a warm one.
func (p *pair) modules(t *testing.T, cold, warm account) {
	t.Helper()
	var fresh, loaded []string
	if cold["seen: modules"] == "" {
		return
	}
	if err := json.Unmarshal([]byte(cold["seen: modules"]), &fresh); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(warm["seen: modules"]), &loaded); err != nil {
		t.Error(err)
	}
	for _, m := range fresh {
		if !slices.Contains(loaded, m) {
			t.Errorf("module %s is loaded in a fresh interpreter, and not in a warm one", m)
		}
	}
}

// count notes who ran an event: the parent of a cold one is this process.
func (p *pair) count(cold, warm account) {
	for i, a := range []account{cold, warm} {
		s := []*side{p.cold, p.warm}[i]
		parent, err := strconv.Atoi(a["seen: parent"])
		if err != nil {
			continue
		}
		s.drawn = append(s.drawn, a["seen: chance"])
		s.parents[parent] = true
		if i == 1 && parent != os.Getpid() {
			p.warmRuns++
		} else if i == 1 {
			p.coldRuns++
		}
	}
}

// wasWarm fails where there was nothing to compare: both sides ran cold.
func (p *pair) wasWarm(t *testing.T) {
	t.Helper()
	if len(p.cold.parents) > 1 || !p.cold.parents[os.Getpid()] {
		t.Errorf("the cold side's events were started by %v", slices.Collect(maps.Keys(p.cold.parents)))
	}
	if p.warmRuns < 3*p.coldRuns || p.warmRuns == 0 {
		t.Errorf("of the warm side's events %d ran warm and %d cold", p.warmRuns, p.coldRuns)
	}
}

// chance wants no two events to have drawn the same.
func (p *pair) chance(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range []*side{p.cold, p.warm} {
		for _, values := range s.drawn {
			var list []any
			if err := json.Unmarshal([]byte(values), &list); err != nil {
				t.Error(err)
			}
			for _, v := range list {
				if text := fmt.Sprint(v); seen[text] {
					t.Errorf("%s: %s was drawn twice", s.name, text)
				} else {
					seen[text] = true
				}
			}
		}
	}
}

// killServers ends the warm interpreters as a machine short of memory does.
func (p *pair) killServers() {
	for pid := range p.warm.parents {
		if pid != os.Getpid() && pid > 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
		}
		delete(p.warm.parents, pid)
	}
}

// upgrade replaces the charm's program on both sides, as a refresh does.
func (p *pair) upgrade(t *testing.T) {
	t.Helper()
	for _, s := range []*side{p.cold, p.warm} {
		copyCharm(t, s.unpacked("2"))
		for _, dir := range []string{s.unpacked("2"), s.space.CharmDir} {
			path := filepath.Join(dir, "src", "charm.py")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			write(t, path, strings.Replace(string(text), `report("seen"`, `report("revision", 2)`+"\n    "+`report("seen"`, 1), 0o755)
		}
		s.load(t, "2")
	}
}

// recorder is the host of one side's event.
type recorder struct {
	side *side
	mu   sync.Mutex
	said map[string][]string
}

// Call implements charmruntime.Host.
func (h *recorder) Call(_ context.Context, operation, request string) (string, error) {
	h.say("calls", operation+" "+request)
	return "true", nil
}

// Immediate implements charmruntime.Host.
func (h *recorder) Immediate(what *charmruntimev1.Immediate) {
	switch w := what.GetWhat().(type) {
	case *charmruntimev1.Immediate_Log:
		h.say("log "+w.Log.GetModule()+" "+w.Log.GetLevel(), w.Log.GetMessage())
	case *charmruntimev1.Immediate_ActionLog:
		h.say("action log", w.ActionLog.GetMessage())
	case *charmruntimev1.Immediate_Status:
		h.say("status", w.Status.String())
	}
}

func (h *recorder) say(key, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said[key] = append(h.said[key], h.side.plain(text))
}

func (h *recorder) all() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]string{}
	for k, v := range h.said {
		all[k] = answers.ReplaceAllString(strings.ReplaceAll(strings.Join(v, "\n"), "  ", " "), "") // protobuf's text has one space or two
	}
	return all
}

// sameAs wants both hosts to have been told the same; what children wrote comes when it comes.
func (h *recorder) sameAs(t *testing.T, where string, warm *recorder) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		a, b := h.all(), warm.all()
		if maps.Equal(a, b) {
			return
		}
		select {
		case <-deadline:
			compare(t, where, a, b)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// observed is the view of the observing charm's unit.
func observed(t *testing.T, title string, script []step) *hookv1.View {
	t.Helper()
	if script == nil {
		script = []step{}
	}
	text, err := json.Marshal(script)
	if err != nil {
		t.Fatal(err)
	}
	view := &hookv1.View{Revision: 7, Epoch: "e", Model: &hookv1.ModelView{Name: "m", Uuid: "0d2c3e4f-1111-4222-8333-444455556666", JujuVersion: "3.6.14"},
		Unit:        &hookv1.UnitView{Name: "web/0", Life: "alive", MachineId: "0", PrivateAddress: "127.0.0.1"},
		Application: &hookv1.ApplicationView{Name: "web", Life: "alive"}, Config: map[string]*hookv1.ConfigValue{}, CharmState: map[string]string{"a": "1"},
		Leadership: &hookv1.Leadership{Leader: true, SecondsLeft: 60, Term: 3}, NowUnix: 1_790_000_000,
		Networks:    []*hookv1.NetworkView{{Binding: "db", IngressAddresses: []string{"127.0.0.1"}}},
		Storage:     []*hookv1.StorageView{{Id: "data/0", Name: "data", Kind: "filesystem", Location: "/data", Life: "alive"}},
		Environment: map[string]string{"KUBERNETES_PORT": "443", "ODD": "a=b 'c' \"d\" ünï $HOME"},
		Relations: []*hookv1.RelationView{{Id: 1, Endpoint: "db", Interface: "db", Role: "requirer", Life: "alive", RemoteApp: "db", LocalUnit: map[string]string{"gone": "1"},
			Members: []*hookv1.MemberView{{Unit: "db/0", Bag: map[string]string{"key": "välue"}, Version: 1}}}}}
	for k, v := range map[string]string{"title": title, "script": string(text), "big": strings.Repeat("0123456789abcdef", 20_000), "latin": "ünï", "lines": "a\r\nb\rc\n\nd"} {
		view.Config[k] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: v}}
	}
	return view
}

// runtimeIn is a runtime whose process was told how to run charms.
func runtimeIn(t *testing.T, mode string) *python.Runtime {
	t.Helper()
	r := python.New(python.Config{Version: "test", Cold: mode == "cold", Starting: &starting, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(r.Close)
	return r
}
