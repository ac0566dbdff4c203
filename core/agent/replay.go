package agent

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/recordings"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// The model's settings of what is kept of a unit's events.
const (
	recordedEventsConfig = "recorded-events"
	recordedBytesConfig  = "recorded-bytes"
)

// shownDetail is how much of an effect's detail an answer carries, in bytes.
const shownDetail = 16 << 10

// recordingLimits are the model's word, else the defaults.
func recordingLimits(m *source.Snapshot) recordings.Limits {
	l := recordings.Limits{Events: recordings.DefaultEvents, Bytes: recordings.DefaultUnitBytes}
	if n, err := strconv.Atoi(m.Model.GetConfig()[recordedEventsConfig]); err == nil {
		l.Events = n
	}
	if n, err := strconv.ParseInt(m.Model.GetConfig()[recordedBytesConfig], 10, 64); err == nil {
		l.Bytes = n
	}
	return l
}

// record hands an event that is committed to the shelf; it says whether it will be kept.
func (a *Agent) record(u *unit, t *turn) bool {
	if t.ran.Start == nil || t.ran.Done.GetRecording() == nil {
		return false
	}
	kept := a.recordings.Keep(recordings.Event{Key: u.key, At: t.start, Start: t.ran.Start, Done: t.ran.Done, Charm: t.ran.Charm, Runtime: t.ran.Runtime,
		Committed: t.req.GetDone() != nil, Limits: recordingLimits(t.in.Model)})
	return kept && t.ran.Done.GetRecording().GetIncomplete() == ""
}

// replay answers a Replay: it runs recorded events once more. Nothing of it reaches the units, their cursors or the journal.
func (a *Agent) replay(ctx context.Context, cmd *controllerv1.Command, answer func(*controllerv1.AnswerRequest) error) error {
	settling, cancel := context.WithTimeout(ctx, answerCall)
	defer cancel()
	if err := a.recordings.Settle(settling); err != nil { // what the journal has shown is on the shelf
		return errs.E(errs.Unavailable, "cannot look at the recordings: %w", err)
	}
	for _, name := range cmd.GetUnits() {
		k := event.Key{Model: cmd.GetModel(), Unit: name}
		snap, ok := a.replica.Snapshot(k)
		if !ok {
			return errs.E(errs.NotFound, "cannot replay events of %s: this agent does not speak for it", name)
		}
		if err := a.replayUnit(ctx, k, snap, cmd.GetReplay(), answer); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) replayUnit(ctx context.Context, k event.Key, snap *source.Snapshot, ask *controllerv1.Replay, answer func(*controllerv1.AnswerRequest) error) error {
	all := a.recordings.List(k)
	if ask.GetList() {
		resp := &controllerv1.ReplayAnswer{}
		for _, h := range all {
			resp.Recorded = append(resp.Recorded, shown(k, h))
		}
		return answer(&controllerv1.AnswerRequest{Replay: resp})
	}
	if ask.GetEvent() != "" {
		h, err := a.recordings.Find(k, ask.GetEvent())
		if err != nil {
			return err
		}
		all = []recordings.Header{h}
	} else if n := int(ask.GetEvents()); len(all) > n {
		all = all[len(all)-max(n, 0):]
	}
	for _, h := range all {
		if err := answer(&controllerv1.AnswerRequest{Replay: &controllerv1.ReplayAnswer{Replayed: a.again(ctx, k, snap, h, ask)}}); err != nil {
			return err
		}
	}
	return nil
}

func shown(k event.Key, h recordings.Header) *controllerv1.Recorded {
	r := &controllerv1.Recorded{Unit: k.Unit, Event: h.Event, Name: h.Name, AtUnixNano: h.At, Outcome: h.Outcome, Charm: h.Charm, Bytes: h.Bytes, Problem: h.Problem}
	for _, s := range h.Secrets {
		r.Secrets = append(r.Secrets, s.String())
	}
	return r
}

// again runs one event once more and compares.
func (a *Agent) again(ctx context.Context, k event.Key, snap *source.Snapshot, h recordings.Header, ask *controllerv1.Replay) *controllerv1.Replayed {
	out := &controllerv1.Replayed{Recorded: shown(k, h)}
	var secrets recordings.Secrets
	if ask.GetSecrets() {
		secrets = func(ctx context.Context, s recordings.Secret) (map[string][]byte, error) {
			return a.secretAgain(ctx, k, s)
		}
	}
	r, err := a.recordings.Open(ctx, h, secrets)
	if err != nil {
		out.Message = err.Error()
		return out
	}
	job := dispatch.Again{Key: k, Model: snap, Start: r.Start, Charm: r.Charm, Runtime: r.Runtime}
	if ask.GetCharm() != "" {
		job.Charm, job.Runtime = ask.GetCharm(), ask.GetRuntime()
	}
	done, err := a.dispatcher.Replay(ctx, job)
	if err != nil {
		out.Message = err.Error()
		return out
	}
	out.Outcome, out.Message, out.Divergence = recordings.Outcome(done), done.GetMessage(), done.GetDivergence()
	out.Changes = recordings.Differences(r.Done.GetChangeset(), done.GetChangeset())
	if before := recordings.Outcome(r.Done); before != out.Outcome || r.Done.GetMessage() != done.GetMessage() {
		out.Changes = append([]*controllerv1.RehearsedChange{{Kind: "outcome", Before: join(before, r.Done.GetMessage()), After: join(out.Outcome, done.GetMessage())}}, out.Changes...)
	}
	out.Effects = effects(done.GetEffects())
	hide(r, out)
	out.Same = len(out.Changes) == 0 && out.Divergence == "" && proto.Equal(r.Done.GetChangeset(), done.GetChangeset())
	return out
}

// hide keeps contents of secrets out of what people are shown.
func hide(r *recordings.Recorded, out *controllerv1.Replayed) {
	out.Message, out.Divergence = r.Mask(out.Message), r.Mask(out.Divergence)
	for _, c := range out.Changes {
		c.Before, c.After = r.Mask(c.Before), r.Mask(c.After)
	}
	for _, e := range out.Effects {
		e.Target, e.Summary, e.Detail = r.Mask(e.Target), r.Mask(e.Summary), r.Mask(e.Detail)
	}
}

func join(outcome, message string) string {
	if message == "" {
		return outcome
	}
	return outcome + ": " + message
}

func effects(all []*charmruntimev1.Effect) []*controllerv1.RehearsedEffect {
	var out []*controllerv1.RehearsedEffect
	for _, e := range all {
		detail := e.GetDetail()
		if len(detail) > shownDetail {
			detail = ""
		}
		out = append(out, &controllerv1.RehearsedEffect{Kind: e.GetKind(), Target: e.GetTarget(), Summary: e.GetSummary(), Detail: detail})
	}
	return out
}

// secretAgain reads the revision of a secret that an event once read or wrote, with the unit's rights of today.
func (a *Agent) secretAgain(ctx context.Context, k event.Key, s recordings.Secret) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	got, err := a.cfg.Agents.ReadSecret(ctx, &controllerv1.ReadSecretRequest{Model: k.Model, Unit: k.Unit, Id: s.ID, Revision: s.Revision})
	if err != nil {
		return nil, plugin.FromStatus(err)
	}
	return got.GetContent(), nil
}
