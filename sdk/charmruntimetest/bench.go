package charmruntimetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// bench is what a case works with.
type bench struct {
	Subject
	cfg  Config
	mu   sync.Mutex
	dirs map[string]*charmruntimev1.Workspace
}

// digest is that of the suite's charm.
const digest = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00"

// ctx ends with the case's patience.
func (b *bench) ctx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), b.cfg.Patience)
	t.Cleanup(cancel)
	return ctx
}

// load loads the suite's charm.
func (b *bench) load(t testing.TB) string {
	t.Helper()
	answer, err := b.Runtime.Load(b.ctx(t), &charmruntimev1.LoadRequest{Digest: digest, Dir: b.cfg.Charm})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	for _, d := range answer.GetDiagnostics() {
		if d.GetSeverity() == "error" {
			t.Fatalf("Load of the suite's charm found: %v", d)
		}
	}
	if answer.GetHandle() == "" {
		t.Fatal("Load returned no handle")
	}
	return answer.GetHandle()
}

// restart kills the runtime and gives the bench its next life.
func (b *bench) restart(t testing.TB) {
	t.Helper()
	b.mayKill(t)
	b.Kill()
	b.Subject = b.cfg.Start(t)
}

// mayKill skips the case where there is no process to kill.
func (b *bench) mayKill(t testing.TB) {
	t.Helper()
	if b.Kill == nil {
		t.Skip("the runtime runs in this process and cannot be killed")
	}
}

// start makes an event for a unit whose charm is told what to do.
func (b *bench) start(t testing.TB, handle, unit string, do ...string) *charmruntimev1.Start {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	return &charmruntimev1.Start{
		Handle:    handle,
		Event:     &hookv1.Event{Id: "7-config-changed", Kind: "config-changed", Name: "config-changed"},
		View:      view(unit, strings.Join(do, "\n")),
		Workspace: b.workspace(t, unit),
	}
}

// view is a small model as the unit may see it.
func view(unit, do string) *hookv1.View {
	app, _, _ := strings.Cut(unit, "/")
	return &hookv1.View{
		Revision: 42, Epoch: "epoch",
		Model:       &hookv1.ModelView{Name: "test", Uuid: "deadbeef-0000-4000-8000-000000000001", JujuVersion: "3.6.14"},
		Unit:        &hookv1.UnitView{Name: unit, Life: "alive"},
		Application: &hookv1.ApplicationView{Name: app, Life: "alive", CharmName: "conformance", CharmUrl: "local:conformance-0"},
		Config:      map[string]*hookv1.ConfigValue{"do": text(do)},
		Leadership:  &hookv1.Leadership{Leader: true, SecondsLeft: 60, Term: 1},
		Relations: []*hookv1.RelationView{{
			Id: 3, Endpoint: "db", Interface: "sql", Role: "requirer", Scope: "global", Life: "alive", RemoteApp: "pg",
			Members: []*hookv1.MemberView{{Unit: "pg/0", Bag: map[string]string{"address": "10.0.0.7"}, Version: 1}},
		}},
	}
}

// text is a config value of type string.
func text(s string) *hookv1.ConfigValue {
	return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: s}}
}

// dispatch runs an event that must end without an error.
func (b *bench) dispatch(t testing.TB, start *charmruntimev1.Start, h *host) *charmruntimev1.Done {
	t.Helper()
	done, err := b.Runtime.Dispatch(b.ctx(t), start, h)
	if err != nil {
		t.Fatalf("Dispatch: %v (class %s)", err, errs.Class(err))
	}
	return done
}

// ok runs an event whose outcome must be ok and returns its changeset.
func (b *bench) ok(t testing.TB, start *charmruntimev1.Start, h *host) *hookv1.Changeset {
	t.Helper()
	done := b.dispatch(t, start, h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
		t.Fatalf("outcome = %s, exit code %d, message %q, detail %q; want ok", done.GetOutcome(), done.GetExitCode(), done.GetMessage(), done.GetDetail())
	}
	return done.GetChangeset()
}

// state compares one key of the charm's state.
func state(t testing.TB, cs *hookv1.Changeset, key, want string) {
	t.Helper()
	if got := cs.GetStateSet()[key]; got != want {
		t.Errorf("state %s = %.200q, want %.200q", key, got, want)
	}
}

// host answers calls and keeps what was handed over at once.
type host struct {
	call func(ctx context.Context, operation string) (string, error) // nil = every call is a surprise

	mu     sync.Mutex
	calls  []string
	logs   []string
	logged chan string
}

func newHost() *host { return &host{logged: make(chan string, 1000)} }

// Call answers one call.
func (h *host) Call(ctx context.Context, operation, request string) (string, error) {
	h.mu.Lock()
	h.calls = append(h.calls, operation)
	h.mu.Unlock()
	if h.call == nil {
		return "", errs.E(errs.Internal, "cannot answer %s %s: this case expects no call", operation, request)
	}
	return h.call(ctx, operation)
}

// Immediate keeps log messages.
func (h *host) Immediate(what *charmruntimev1.Immediate) {
	if what.GetLog() == nil {
		return
	}
	message := what.GetLog().GetMessage()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logs = append(h.logs, message)
	select {
	case h.logged <- message:
	default:
	}
}

// lines returns the log messages among the given ones, in the order they came.
func (h *host) lines(among ...string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []string
	for _, line := range h.logs {
		for _, word := range among {
			if line == word {
				found = append(found, line)
			}
		}
	}
	return strings.Join(found, " ")
}

// asked returns the operations called so far.
func (h *host) asked() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprint(h.calls)
}

// waitLog waits until the charm wrote the line.
func (h *host) waitLog(t testing.TB, line string, patience time.Duration) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case got := <-h.logged:
			if got == line {
				return
			}
		case <-timer.C:
			t.Fatalf("the charm did not log %q in time", line)
		}
	}
}
