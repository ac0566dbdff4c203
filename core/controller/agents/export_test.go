package agents

import (
	"context"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Expect has somebody wait, until ctx ends, for the agent's answer to a command, and gives the command's id.
func (s *Service) Expect(ctx context.Context, agent string) string {
	q := &question{agent: agent, parts: make(chan *controllerv1.AnswerRequest), over: make(chan struct{})}
	id := commandID()
	s.commands.mu.Lock()
	s.commands.questions[id] = q
	s.commands.mu.Unlock()
	go func() {
		for {
			select {
			case <-q.parts:
			case <-ctx.Done():
				s.commands.close(id, q)
				return
			}
		}
	}()
	return id
}
