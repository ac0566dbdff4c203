package agent

import (
	"context"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// answerCall is how long one part of an answer may take to be heard.
const answerCall = 10 * time.Second

// told answers one command. It ends when ctx does; its error is the answer's. answer sends a part before the last one, and
// fails when nobody waits any more: the command is then over.
type told func(ctx context.Context, cmd *controllerv1.Command, answer func(*controllerv1.AnswerRequest) error) error

// follower finds what follows a command, nil for those of a newer controller.
func (a *Agent) follower(cmd *controllerv1.Command) told {
	switch cmd.GetWhat().(type) {
	case *controllerv1.Command_Rehearse:
		return a.rehearse
	case *controllerv1.Command_Replay:
		return a.replay
	}
	return nil
}

// commands are those that are being followed.
type commands struct {
	client controllerv1.AgentsClient
	wg     sync.WaitGroup

	mu      sync.Mutex
	running map[string]context.CancelFunc // id → ends it
}

// follow begins to follow a command, or ends one; it does not wait. ctx is the stream's: a command ends with what brought it.
func (c *commands) follow(ctx context.Context, cmd *controllerv1.Command, do told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd.GetCancel() != nil {
		if end := c.running[cmd.GetId()]; end != nil {
			end()
		}
		return
	}
	ctx, end := context.WithCancel(ctx)
	c.running[cmd.GetId()] = end
	c.wg.Go(func() {
		defer end()
		c.answer(ctx, cmd, do)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, cmd.GetId())
	})
}

// answer runs the command and sends its answer, the last part included.
func (c *commands) answer(ctx context.Context, cmd *controllerv1.Command, do told) {
	number := int32(0)
	send := func(part *controllerv1.AnswerRequest) error {
		number++
		part.Id, part.Number = cmd.GetId(), number
		ctx, cancel := context.WithTimeout(ctx, answerCall)
		defer cancel()
		_, err := c.client.Answer(ctx, part)
		return plugin.FromStatus(err)
	}
	err := errs.E(errs.Unsupported, "cannot follow the command: this agent is of another version than the controller")
	if do != nil {
		err = do(ctx, cmd, send)
	}
	last := &controllerv1.AnswerRequest{Last: true}
	if err != nil {
		last.ErrorClass, last.ErrorMessage = string(errs.Class(err)), err.Error()
	}
	if ctx.Err() == nil {
		_ = send(last) // who asked is told of a stream that broke by the stream
	}
}
