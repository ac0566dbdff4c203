// Package world is the one place where what a charm asks leaves its runtime: calls to the host, supervisors, and every
// other capability with something behind it. An event meets the world in one of four ways: live; live and written down;
// from what was written down; or as a rehearsal, in which reading is live and everything else is noted instead of done.
// The guest's clock and random numbers belong to it too.
package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Mode is how an event meets the world.
type Mode int

// The modes.
const (
	Live Mode = iota
	Record
	Replay
	DryRun
)

const (
	maxExchanges = 10_000
	maxBytes     = 1 << 20 // of questions and answers that are kept of one event
	maxShown     = 300     // bytes of a question in a message
)

// World is what one event of a charm meets. The guest is single-threaded, and so is this but for what is read at the end.
type World struct {
	mode  Mode
	clock clock
	rand  randomness

	mu         sync.Mutex
	recording  *charmruntimev1.Recording // being written, or read
	size       int
	next       int // the exchange that a replay is asked for next
	effects    []*charmruntimev1.Effect
	changed    map[string]bool // objects of Kubernetes that a rehearsal has changed
	divergence string
	lost       string
}

// New makes the world of one event. Only a replay reads the recording, which stays the caller's.
func New(mode Mode, recording *charmruntimev1.Recording) (*World, error) {
	w := &World{mode: mode}
	switch mode {
	case Live:
		w.clock, w.rand = clock{real: true, start: time.Now(), origin: began}, system{}
		return w, nil
	case Replay:
		if why := recording.GetIncomplete(); recording == nil || why != "" {
			return nil, errs.E(errs.Invalid, "cannot replay the event: its recording is not whole: %s", why)
		}
		if n := len(recording.GetSeed()); n != seedSize {
			return nil, errs.E(errs.Invalid, "cannot replay the event: the recording's seed has %d bytes, not %d", n, seedSize)
		}
		w.recording = recording
	default:
		w.recording = &charmruntimev1.Recording{NowUnixNano: time.Now().UnixNano(), Seed: newSeed()}
	}
	w.clock = clock{base: w.recording.NowUnixNano, start: time.Now(), origin: began}
	w.rand = seeded(w.recording.Seed)
	return w, nil
}

// Verb is one thing that a charm asks of the world.
type Verb[In, Out any] struct {
	Operation string // as Exchange names it
	// Do asks the world.
	Do func(context.Context, *In) (*Out, error)
	// Effect says what the question changes; nil, or a nil answer: nothing, it reads.
	Effect func(*In) *charmruntimev1.Effect
	// Pretend answers in a rehearsal, and in a replay what the recording does not have. It may say more in the effect, which
	// is nil for what reads. nil: reading is done, and what changes something is answered with an empty Out.
	Pretend func(context.Context, *In, *charmruntimev1.Effect) (*Out, error)
}

// Ask asks the world in the event's mode. In and Out are written as JSON.
func Ask[In, Out any](ctx context.Context, w *World, v Verb[In, Out], in *In) (*Out, error) {
	if w.mode == Live {
		return v.Do(ctx, in)
	}
	var effect *charmruntimev1.Effect
	if v.Effect != nil {
		effect = v.Effect(in)
	}
	if w.mode == DryRun {
		w.affect(effect)
		switch {
		case v.Pretend != nil:
			return v.Pretend(ctx, in, effect)
		case effect != nil:
			return new(Out), nil
		}
		return v.Do(ctx, in)
	}
	question, err := json.Marshal(noted(in))
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot write down %s: %w", v.Operation, err)
	}
	var out *Out
	answer, found, err := w.exchange(v.Operation, question, effect, func() ([]byte, error) {
		var err error
		if out, err = v.Do(ctx, in); err != nil {
			return nil, err
		}
		return json.Marshal(out)
	})
	switch {
	case err != nil || out != nil:
		return out, err
	case !found && v.Pretend != nil:
		return v.Pretend(ctx, in, effect)
	case !found && effect == nil:
		return nil, w.unknown(v.Operation, question)
	}
	out = new(Out)
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return nil, w.lose("exchange %d of the recording, %s, has an answer that cannot be read: %v", w.next, v.Operation, err)
		}
	}
	return out, nil
}

// noted is a question as it is written down: some have a form of their own for that.
func noted(in any) any {
	if n, ok := in.(interface{ Noted() any }); ok {
		return n.Noted()
	}
	return in
}

// exchange records one question and its answer, or takes the answer from the recording, if that has one.
func (w *World) exchange(operation string, question []byte, effect *charmruntimev1.Effect, do func() ([]byte, error)) ([]byte, bool, error) {
	if w.mode == Record {
		answer, err := do()
		w.note(operation, question, answer, err)
		return answer, true, err
	}
	w.affect(effect)
	return w.recall(operation, question)
}

// note writes an exchange down.
func (w *World) note(operation string, question, answer []byte, failed error) {
	w.clock.goOn()
	x := &charmruntimev1.Exchange{Operation: operation, Request: question, Response: answer, AtNs: w.clock.passed}
	if failed != nil {
		x.ErrorClass, x.ErrorMessage, x.Response = errs.Class(failed).String(), valid(failed.Error()), nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recording.Incomplete != "" {
		return
	}
	w.size += len(operation) + len(x.Request) + len(x.Response) + len(x.ErrorMessage)
	switch {
	case w.size > maxBytes:
		w.spoil(fmt.Sprintf("what the event asked and was answered has more than %d bytes", maxBytes))
	case len(w.recording.Exchanges) == maxExchanges:
		w.spoil(fmt.Sprintf("the event asked more than %d questions", maxExchanges))
	default:
		w.recording.Exchanges = append(w.recording.Exchanges, x)
	}
}

func (w *World) spoil(why string) { w.recording.Incomplete, w.recording.Exchanges = why, nil }

// recall answers from the recording. Once the charm has asked something else, what it asks is searched for among what is
// left.
func (w *World) recall(operation string, question []byte) (answer []byte, found bool, err error) {
	all := w.recording.GetExchanges()
	if w.next < len(all) && same(all[w.next], operation, question) {
		answer, err = w.answer(w.next)
		return answer, true, err
	}
	w.diverge(operation, question)
	for n := w.next; n < len(all); n++ {
		if same(all[n], operation, question) {
			answer, err = w.answer(n)
			return answer, true, err
		}
	}
	return nil, false, nil
}

// unknown ends a replay over a question that the recording has no answer to.
func (w *World) unknown(operation string, question []byte) error {
	return w.lose("the recording has no answer to %s %s", operation, shown(question))
}

func same(x *charmruntimev1.Exchange, operation string, question []byte) bool {
	return x.GetOperation() == operation && bytes.Equal(x.GetRequest(), question)
}

func (w *World) answer(n int) ([]byte, error) {
	x := w.recording.Exchanges[n]
	w.next = n + 1
	w.clock.goTo(x.GetAtNs())
	if x.GetSealed() != "" {
		return nil, w.lose("exchange %d of the recording, %s, is sealed: %s", n+1, x.GetOperation(), x.GetSealed())
	}
	if x.GetErrorClass() != "" {
		kind, ok := errs.Parse(x.GetErrorClass())
		if !ok {
			return nil, w.lose("exchange %d of the recording, %s, failed in a way that is not known: %q", n+1, x.GetOperation(), x.GetErrorClass())
		}
		return nil, errs.With(kind, errors.New(x.GetErrorMessage()))
	}
	return x.GetResponse(), nil
}

// diverge notes where the charm asked something else first.
func (w *World) diverge(operation string, question []byte) {
	if w.Divergence() != "" {
		return
	}
	text := fmt.Sprintf("question %d: the charm asked %s %s; ", w.next+1, operation, shown(question))
	if all := w.recording.GetExchanges(); w.next < len(all) {
		text += "recorded is " + all[w.next].GetOperation() + " " + shown(all[w.next].GetRequest())
	} else {
		text += "the recording has no more"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.divergence = text
}

// lose ends a replay that has no answer that would be true. The first reason is what Lost says.
func (w *World) lose(format string, args ...any) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost == "" {
		w.lost = "the replay cannot go on: " + fmt.Sprintf(format, args...)
	}
	return errs.E(errs.Internal, "%s", w.lost)
}

// Lost is why a replay cannot go on, "" if it can.
func (w *World) Lost() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// affect notes an effect; nil is none.
func (w *World) affect(e *charmruntimev1.Effect) {
	if e == nil {
		return
	}
	e.Target, e.Summary, e.Detail = valid(e.Target), valid(e.Summary), valid(e.Detail)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects = append(w.effects, e)
}

// Effects are what the event did, or would have done, outside its changeset: of a replay and a rehearsal.
func (w *World) Effects() []*charmruntimev1.Effect {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.effects
}

// Divergence is where a replayed charm asked something else than the recording has, "" if nowhere. That it asked less is
// known once it has ended.
func (w *World) Divergence() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.divergence
}

// End is called when the charm has ended: a replay that has answers left was asked less than the recording has.
func (w *World) End() {
	if all := w.recording.GetExchanges(); w.mode == Replay && w.next < len(all) && w.Divergence() == "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.divergence = fmt.Sprintf("the charm asked %d questions and then no more; recorded is %s %s next", w.next,
			all[w.next].GetOperation(), shown(all[w.next].GetRequest()))
	}
}

// Recording is what was written down; nil unless that was asked for.
func (w *World) Recording() *charmruntimev1.Recording {
	if w.mode != Record {
		return nil
	}
	return w.recording
}

func shown(text []byte) string {
	if len(text) > maxShown {
		return valid(string(text[:maxShown])) + "…"
	}
	return valid(string(text))
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s), []byte("\ufffd")))
}
