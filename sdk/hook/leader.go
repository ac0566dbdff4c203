package hook

import (
	"context"
	"strconv"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// leaderMargin is how long a promise must still hold for a yes that nobody is asked for.
const leaderMargin = 30 * time.Second

// promised is when the view's promise ends by the clock. Where the end is known as a time of the machine's clock, what
// lay between making the view and this moment counts too: a paused runtime, a wait for the machine.
func promised(l *hookv1.Leadership, now time.Duration) time.Duration {
	until := now + time.Duration(l.GetSecondsLeft()*float64(time.Second))
	if at := time.Duration(l.GetUntilBoottimeNs()); at > 0 {
		until = min(until, at)
	}
	return until
}

// IsLeader says whether the unit leads its application at the moment of the answer. A yes from the view needs at
// least 30 seconds of the promise to be left, else the host is asked to renew it; an answer that took longer to come
// than the promise in it lasts is a no.
func (c *Context) IsLeader(ctx context.Context) (bool, error) {
	if !c.view.GetLeadership().GetLeader() {
		return false, nil
	}
	if c.until-c.clock() >= c.margin {
		return true, nil
	}
	if c.host == nil {
		return false, nil
	}
	asked := c.clock()
	answer, err := c.host.Call(ctx, "is-leader", `{"seconds":true}`)
	if err != nil {
		return false, err
	}
	switch answer {
	case "true", "false": // a host that knows no more
		return answer == "true", nil
	}
	left, err := strconv.ParseFloat(answer, 64)
	if err != nil {
		return false, errs.E(errs.Internal, "cannot read whether the unit leads: the host answered %q", answer)
	}
	c.until = asked + time.Duration(left*float64(time.Second))
	return c.clock() < c.until, nil
}
