package charmruntimetest

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// callCases are about what a charm asks its host.
func callCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "nothing is asked that the view knows", Run: noCall},
		{Name: "a call's reply reaches the charm", Run: callReply},
		{Name: "a call's error reaches the charm", Run: callError},
		{Name: "events of two units run at the same time", Run: parallel},
		{Name: "events of one unit run one after the other", Run: serial},
		{Name: "twenty units at once do not mix", Run: manyUnits},
	}
}

// endCases are about events that end otherwise than by themselves.
func endCases() []suite.Case[*bench] {
	return []suite.Case[*bench]{
		{Name: "a cancelled event is ended and killed", Run: cancelled},
		{Name: "a cancelled caller starts nothing", Run: cancelledBefore},
		{Name: "an event past its time is killed and names the limit", Run: timeout},
		{Name: "an oversized event is refused and harms nobody", Run: oversized},
		{Name: "an oversized result is an error and harms nobody", Run: oversizedResult},
	}
}

func noCall(t testing.TB, b *bench) {
	h := newHost()
	state(t, b.ok(t, b.start(t, b.load(t), "web/0", "leader l", "copy-bag 3 pg/0 address a", "copy-config do d"), h), "l", "true")
	if got := h.asked(); got != "[]" {
		t.Errorf("the host was asked %s", got)
	}
}

// renewing is an event whose leadership must be asked for.
func renewing(t testing.TB, b *bench, handle, unit string, do ...string) *charmruntimev1.Start {
	start := b.start(t, handle, unit, do...)
	start.View.Leadership.SecondsLeft = 1
	return start
}

func callReply(t testing.TB, b *bench) {
	handle := b.load(t)
	for _, answer := range []string{"true", "false"} {
		h := newHost()
		h.call = func(context.Context, string) (string, error) { return answer, nil }
		state(t, b.ok(t, renewing(t, b, handle, "web/0", "leader l"), h), "l", answer)
		if got := h.asked(); got != "[is-leader]" {
			t.Errorf("the host was asked %s, want is-leader once", got)
		}
	}
}

func callError(t testing.TB, b *bench) {
	handle := b.load(t)
	h := newHost()
	h.call = func(context.Context, string) (string, error) {
		return "", errs.E(errs.Unavailable, "cannot ask the controller: it is away")
	}
	done := b.dispatch(t, renewing(t, b, handle, "web/0", "leader l", "state after yes"), h)
	if done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_FAILED {
		t.Errorf("outcome = %s with %v, want failed: the command could not be obeyed", done.GetOutcome(), done.GetChangeset())
	}
	if got := h.asked(); got != "[is-leader]" {
		t.Errorf("the host was asked %s, want is-leader once", got)
	}
}

func parallel(t testing.TB, b *bench) {
	handle := b.load(t)
	ctx := b.ctx(t)
	var finished sync.WaitGroup
	arrived, met := make(chan struct{}, 2), make(chan struct{})
	h := newHost()
	h.call = func(context.Context, string) (string, error) {
		arrived <- struct{}{}
		select {
		case <-met:
			return "true", nil
		case <-ctx.Done():
			return "", errs.E(errs.Canceled, "the other unit's event did not run at the same time")
		}
	}
	finished.Go(func() {
		for range 2 {
			select {
			case <-arrived:
			case <-ctx.Done():
				return
			}
		}
		close(met)
	})
	for _, unit := range []string{"web/0", "web/1"} {
		start := renewing(t, b, handle, unit, "state k of-"+unit, "leader l", "copy-state k again")
		finished.Go(func() {
			done, err := b.Runtime.Dispatch(ctx, start, h)
			state(t, done.GetChangeset(), "again", "of-"+unit)
			if err != nil || done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_OK {
				t.Errorf("%s: %s, %v; want both to run at once", unit, done.GetOutcome(), err)
			}
		})
	}
	finished.Wait()
}

func serial(t testing.TB, b *bench) {
	handle, h := b.load(t), newHost()
	for _, word := range []string{"one", "two", "three"} {
		cs := b.ok(t, b.start(t, handle, "web/0", "log "+word, "state k "+word), h)
		state(t, cs, "k", word)
	}
	if got := h.lines("one", "two", "three"); got != "one two three" {
		t.Errorf("log = %q", got)
	}
}

func manyUnits(t testing.TB, b *bench) {
	handle := b.load(t)
	var finished sync.WaitGroup
	for n := range 20 {
		word := "w" + strings.Repeat("x", n)
		start := b.start(t, handle, "web/"+strconv.Itoa(n), "state k "+word, "copy-state k again")
		finished.Go(func() {
			done, err := b.Runtime.Dispatch(b.ctx(t), start, newHost())
			if got := done.GetChangeset().GetStateSet()["again"]; err != nil || got != word {
				t.Errorf("unit %d: state = %q, %v; want %q", n, got, err, word)
			}
		})
	}
	finished.Wait()
}

// hanging starts an event that never ends and returns when the charm hangs.
func hanging(t testing.TB, b *bench, ctx context.Context, start *charmruntimev1.Start) <-chan result {
	h, ended := newHost(), make(chan result, 1)
	go func() {
		done, err := b.Runtime.Dispatch(ctx, start, h)
		ended <- result{done, err}
	}()
	h.waitLog(t, "hanging", b.cfg.Patience)
	return ended
}

type result struct {
	done *charmruntimev1.Done
	err  error
}

// killed wants the event to have ended as killed.
func killed(t testing.TB, b *bench, ended <-chan result) *charmruntimev1.Done {
	t.Helper()
	select {
	case r := <-ended:
		if r.err != nil || r.done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED {
			t.Fatalf("outcome = %s, %v; want killed", r.done.GetOutcome(), r.err)
		}
		return r.done
	case <-b.ctx(t).Done():
		t.Fatal("the event did not end")
	}
	return nil
}

func cancelled(t testing.TB, b *bench) {
	handle := b.load(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := hanging(t, b, ctx, b.start(t, handle, "web/0", "hang"))
	cancel()
	killed(t, b, ended)
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}

func cancelledBefore(t testing.TB, b *bench) {
	start := b.start(t, b.load(t), "web/0", "log ran")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h := newHost()
	done, err := b.Runtime.Dispatch(ctx, start, h)
	if err == nil && done.GetOutcome() != charmruntimev1.Outcome_OUTCOME_KILLED || err != nil && !errs.Is(err, errs.Canceled) {
		t.Errorf("outcome = %s, %v; want canceled or killed", done.GetOutcome(), err)
	}
}

func timeout(t testing.TB, b *bench) {
	handle := b.load(t)
	start := b.start(t, handle, "web/0", "hang")
	start.TimeoutMs = 700
	done := killed(t, b, hanging(t, b, t.Context(), start))
	if done.GetLimit() == "" || done.GetMessage() == "" {
		t.Errorf("limit = %q, message = %q; want both to say what was over", done.GetLimit(), done.GetMessage())
	}
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}

func oversized(t testing.TB, b *bench) {
	if b.Kill == nil {
		t.Skip("messages have no size within one process")
	}
	handle := b.load(t)
	start := b.start(t, handle, "web/0", "size-config big k")
	start.View.Config["big"] = text(strings.Repeat("x", 11<<20))
	if _, err := b.Runtime.Dispatch(b.ctx(t), start, newHost()); !errs.Is(err, errs.Exhausted) {
		t.Errorf("error = %v, want exhausted", err)
	}
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}

func oversizedResult(t testing.TB, b *bench) {
	if b.Kill == nil {
		t.Skip("messages have no size within one process")
	}
	handle := b.load(t)
	done, err := b.Runtime.Dispatch(b.ctx(t), b.start(t, handle, "web/0", "big 11534336"), newHost())
	if err == nil && done.GetOutcome() == charmruntimev1.Outcome_OUTCOME_OK || err != nil && !errs.Is(err, errs.Exhausted) {
		t.Errorf("outcome = %s, %v; want exhausted or a failed event", done.GetOutcome(), err)
	}
	state(t, b.ok(t, b.start(t, handle, "web/0", "state a b"), newHost()), "a", "b")
}
