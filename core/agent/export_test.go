package agent

import (
	"context"
	"log/slog"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Flights is how many commits are on their way whose units stand aside.
func (a *Agent) Flights() int { return len(a.flights) }

// Reporter is what tells the controller of what is no part of a commit.
func Reporter(client controllerv1.AgentsClient) (tell func(record any), run func(context.Context)) {
	r := newReporter(client, slog.New(slog.DiscardHandler))
	return r.tell, r.run
}
