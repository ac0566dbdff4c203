package hook_test

import (
	"context"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// slowHost answers is-leader after a while, during which the clock goes on.
type slowHost struct {
	answer string
	takes  time.Duration
	now    *time.Duration
	calls  int
}

func (h *slowHost) Call(context.Context, string, string) (string, error) {
	h.calls++
	*h.now += h.takes
	return h.answer, nil
}

func (*slowHost) Immediate(*charmruntimev1.Immediate) {}

func TestIsLeaderAtTheMomentOfTheAnswer(t *testing.T) {
	const boot = 7 * time.Hour // of the machine, when the view is read
	for name, c := range map[string]struct {
		seconds float64
		until   time.Duration // by the machine's clock, 0 = not told
		later   time.Duration // between making the context and asking
		answer  string
		takes   time.Duration
		want    bool
		calls   int
	}{
		"enough is left":                             {60, boot + time.Minute, 0, "", 0, true, 0},
		"enough is left, the end is not told":        {60, 0, 0, "", 0, true, 0},
		"thirty seconds are enough":                  {60, boot + time.Minute, 30 * time.Second, "", 0, true, 0},
		"less is not":                                {60, boot + time.Minute, 31 * time.Second, "59.5", 0, true, 1},
		"the view was long on its way":               {60, boot + 10*time.Second, 0, "0", 0, false, 1},
		"the view was made before the machine slept": {60, boot - time.Hour, 0, "0", 0, false, 1},
		"the machine slept in the hook":              {60, boot + time.Minute, 8 * time.Hour, "0", 0, false, 1},
		"renewed":                                    {1, boot + time.Second, 0, "60", 50 * time.Millisecond, true, 1},
		"the answer took longer than it holds":       {1, boot + time.Second, 0, "60", 61 * time.Second, false, 1},
		"a host that knows no more":                  {1, boot + time.Second, 0, "true", time.Second, true, 1},
		"a host that knows no more says no":          {1, boot + time.Second, 0, "false", 0, false, 1},
	} {
		now := boot
		h := &slowHost{answer: c.answer, takes: c.takes, now: &now}
		view := &hookv1.View{Leadership: &hookv1.Leadership{Leader: true, SecondsLeft: c.seconds, UntilBoottimeNs: int64(c.until)}}
		hctx := hook.New(&hookv1.Event{}, view, h, hook.WithClock(func() time.Duration { return now }))
		now += c.later
		if got, err := hctx.IsLeader(t.Context()); got != c.want || err != nil || h.calls != c.calls {
			t.Errorf("%s: %v after %d calls (%v), want %v after %d", name, got, h.calls, err, c.want, c.calls)
		}
	}
}

func TestIsLeaderKeepsARenewedPromise(t *testing.T) {
	now := time.Duration(0)
	h := &slowHost{answer: "60", now: &now}
	hctx := hook.New(&hookv1.Event{}, &hookv1.View{Leadership: &hookv1.Leadership{Leader: true}}, h, hook.WithClock(func() time.Duration { return now }))
	for range 3 {
		if got, err := hctx.IsLeader(t.Context()); !got || err != nil {
			t.Fatal(got, err)
		}
	}
	if h.calls != 1 {
		t.Errorf("%d calls while the promise of the first holds", h.calls)
	}
	now += 31 * time.Second
	h.answer = "nonsense"
	if got, err := hctx.IsLeader(t.Context()); got || err == nil || h.calls != 2 {
		t.Errorf("an answer that cannot be read: %v, %v", got, err)
	}
}
