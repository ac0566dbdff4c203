package charmruntimetest

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// eventCases are about what a charm reads and writes.
func eventCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "what the charm wrote is in the changeset", Run: writes},
		{Name: "a charm that wrote nothing has an empty changeset", Run: writesNothing},
		{Name: "a failing charm is a failed outcome with code and message", Run: fails},
		{Name: "an event without handler is not implemented", Run: notImplemented},
		{Name: "an action's results are in the changeset", Run: action},
		{Name: "configuration of every type can be read", Run: config},
		{Name: "a remote unit's databag can be read", Run: remoteBag},
		{Name: "a charm reads its own writes", Run: ownWrites},
		{Name: "text of any language passes unharmed", Run: unicode},
		{Name: "a view of one MiB passes", Run: bigView},
		{Name: "the same event twice gives the same changeset", Run: deterministic},
		{Name: "log lines arrive at once and in order", Run: immediateOrder},
		{Name: "stats are counted", Run: stats},
		{Name: "a dry run writes the same or is refused", Run: dryRun},
		{Name: "what is not among the capabilities is unsupported", Run: unsupported},
	}
}

func writes(t testing.TB, b *bench) {
	cs := b.ok(t, b.start(t, b.load(t), "web/0", "status active ready", "state a b", "bag 3 url http://web"), newHost())
	want := &hookv1.Changeset{
		EventId:    "7-config-changed",
		UnitStatus: &hookv1.Status{Current: "active", Message: "ready", Since: cs.GetUnitStatus().GetSince()},
		Bags:       []*hookv1.BagWrite{{RelationId: 3, Set: map[string]string{"url": "http://web"}}},
		StateSet:   map[string]string{"a": "b"},
	}
	if !proto.Equal(cs, want) {
		t.Errorf("changeset = %v\nwant %v", cs, want)
	}
}

func writesNothing(t testing.TB, b *bench) {
	cs := b.ok(t, b.start(t, b.load(t), "web/0"), newHost())
	if want := (&hookv1.Changeset{EventId: "7-config-changed"}); !proto.Equal(cs, want) {
		t.Errorf("changeset = %v, want only the event's id", cs)
	}
}

func fails(t testing.TB, b *bench) {
	handle := b.load(t)
	done := b.dispatch(t, b.start(t, handle, "web/0", "fail 3"), newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_FAILED || done.GetExitCode() != 3 {
		t.Errorf("outcome = %s, exit code %d; want failed with 3", done.GetOutcome(), done.GetExitCode())
	}
	if m := done.GetMessage(); m == "" || strings.Contains(m, "\n") {
		t.Errorf("message = %q, want one line for the status", m)
	}
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}

func notImplemented(t testing.TB, b *bench) {
	answer, err := b.Runtime.Load(b.ctx(t), &charmruntimev1.LoadRequest{Digest: "e0" + digest[2:], Dir: b.cfg.Empty})
	if err != nil || answer.GetHandle() == "" {
		t.Fatalf("cannot load the empty charm: %v, %v", answer.GetDiagnostics(), err)
	}
	start := b.start(t, answer.GetHandle(), "web/0")
	start.Workspace = proto.CloneOf(start.GetWorkspace())
	start.Workspace.CharmDir = b.cfg.Empty
	done := b.dispatch(t, start, newHost())
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_NOT_IMPLEMENTED {
		t.Errorf("outcome = %s, want not implemented", done.GetOutcome())
	}
}

func action(t testing.TB, b *bench) {
	start := b.start(t, b.load(t), "web/0", "result size 12")
	start.Event = &hookv1.Event{Id: "8-backup", Kind: "action", Name: "backup", TaskId: "4", ActionParams: `{"to":"disk"}`}
	if got := b.ok(t, start, newHost()).GetAction().GetResults()["size"]; got != "12" {
		t.Errorf("result size = %q, want 12", got)
	}
}

func config(t testing.TB, b *bench) {
	start := b.start(t, b.load(t), "web/0", "copy-config name n", "copy-config count c", "copy-config debug d")
	start.View.Config["name"] = text("two words")
	start.View.Config["count"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: 12345678}}
	start.View.Config["debug"] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_BoolValue{BoolValue: true}}
	cs := b.ok(t, start, newHost())
	state(t, cs, "n", "two words")
	state(t, cs, "c", "12345678")
	if got := strings.ToLower(cs.GetStateSet()["d"]); got != "true" {
		t.Errorf("debug = %q, want true in the language's spelling", got)
	}
}

func remoteBag(t testing.TB, b *bench) {
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "copy-bag 3 pg/0 address k"), newHost()), "k", "10.0.0.7")
}

func ownWrites(t testing.TB, b *bench) {
	cs := b.ok(t, b.start(t, b.load(t), "web/0", "state a b", "copy-state a c"), newHost())
	state(t, cs, "c", "b")
}

func unicode(t testing.TB, b *bench) {
	const odd = "häßlich 日本 🜚 \t ' \" \\ $HOME `id` %s \u2028 end"
	start := b.start(t, b.load(t), "web/0", "copy-config odd k")
	start.View.Config["odd"] = text(odd)
	state(t, b.ok(t, start, newHost()), "k", odd)
}

func bigView(t testing.TB, b *bench) {
	start := b.start(t, b.load(t), "web/0", "size-config big k")
	start.View.Config["big"] = text(strings.Repeat("x", 1<<20))
	state(t, b.ok(t, start, newHost()), "k", "1048576")
}

func deterministic(t testing.TB, b *bench) {
	handle := b.load(t)
	do := []string{"bag 3 b 2", "bag 3 a 1", "state z 1", "state a 2", "copy-config do copy"}
	first := b.ok(t, b.start(t, handle, "web/0", do...), newHost())
	for range 5 {
		if again := b.ok(t, b.start(t, handle, "web/0", do...), newHost()); !proto.Equal(first, again) {
			t.Fatalf("changesets of one event differ:\n%v\n%v", first, again)
		}
	}
}

func immediateOrder(t testing.TB, b *bench) {
	h := newHost()
	b.ok(t, b.start(t, b.load(t), "web/0", "log one", "log two", "log three", "log four"), h)
	if got := h.lines("one", "two", "three", "four"); got != "one two three four" {
		t.Errorf("log = %q", got)
	}
}

func stats(t testing.TB, b *bench) {
	if s := b.dispatch(t, b.start(t, b.load(t), "web/0", "state a b"), newHost()).GetStats(); s.GetWallUs() <= 0 {
		t.Errorf("stats = %v, want a wall time", s)
	}
}

func dryRun(t testing.TB, b *bench) {
	handle := b.load(t)
	live := b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost())
	start := b.start(t, handle, "web/0", "state a b")
	start.Mode = charmruntimev1.Mode_MODE_DRY_RUN
	done, err := b.Runtime.Dispatch(b.ctx(t), start, newHost())
	switch {
	case errs.Is(err, errs.Unsupported):
	case err != nil:
		t.Errorf("error = %v, want none or unsupported", err)
	case !proto.Equal(done.GetChangeset(), live):
		t.Errorf("dry changeset = %v, live %v", done.GetChangeset(), live)
	}
}

func unsupported(t testing.TB, b *bench) {
	info, err := b.Runtime.Info(b.ctx(t))
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	handle := b.load(t)
	declared := strings.Join(info.GetCapabilities(), " ")
	replay := b.start(t, handle, "web/0")
	replay.Mode = charmruntimev1.Mode_MODE_REPLAY
	exec := b.start(t, handle, "web/0")
	exec.Event = &hookv1.Event{Id: "9-exec", Kind: "exec", TaskId: "5", Command: []string{"true"}}
	for capability, start := range map[string]*charmruntimev1.Start{"replay": replay, "exec": exec} {
		if strings.Contains(declared, capability) {
			continue
		}
		if _, err := b.Runtime.Dispatch(b.ctx(t), start, newHost()); !errs.Is(err, errs.Unsupported) {
			t.Errorf("%s is not declared, and the error is %v, want unsupported", capability, err)
		}
	}
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}
