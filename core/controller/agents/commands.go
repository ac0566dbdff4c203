package agents

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// commands are what is asked of agents now. Nothing of it is stored: a question lives as long as whoever asks and the
// stream that carried it to the agent.
type commands struct {
	mu        sync.Mutex
	lines     map[string]*commandLine // agent → its newest stream
	questions map[string]*question    // id → who waits
	came      chan struct{}           // closed when the next stream comes
}

// commandLine is one stream to an agent.
type commandLine struct {
	tell func(*controllerv1.Command)
	gone chan struct{} // closed at its end
}

// question is one command that is being answered.
type question struct {
	agent string
	charm string // digest of a package that the agent may fetch while it answers; empty = none
	parts chan *controllerv1.AnswerRequest
	over  chan struct{} // closed when nobody waits any more

	mu     sync.Mutex // held while a part is handed over, so that parts come in order
	number int32      // of the last part
}

func newCommands() *commands {
	return &commands{lines: map[string]*commandLine{}, questions: map[string]*question{}, came: make(chan struct{})}
}

// enter makes a stream the one by which the agent is asked.
func (c *commands) enter(agent string, tell func(*controllerv1.Command)) (leave func()) {
	l := &commandLine{tell: tell, gone: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines[agent] = l
	close(c.came)
	c.came = make(chan struct{})
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		close(l.gone)
		if c.lines[agent] == l {
			delete(c.lines, agent)
		}
	}
}

// Await returns when the agent can be asked.
func (s *Service) Await(ctx context.Context, agent string) error {
	for {
		s.commands.mu.Lock()
		here, came := s.commands.lines[agent] != nil, s.commands.came
		s.commands.mu.Unlock()
		if here {
			return nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return errs.E(errs.Canceled, "cannot wait for agent %s any longer: %w", agent, context.Cause(ctx))
		}
	}
}

// Ask gives an agent a command and hands each part of its answer to each, until the last one came, ctx ended or each
// answered an error; in the latter two cases the agent is told that nobody waits any more. An agent that is not connected,
// or whose stream breaks before the last part, is errs.Unavailable. The command's id is made here.
func (s *Service) Ask(ctx context.Context, agent string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error {
	cmd = proto.CloneOf(cmd)
	cmd.Id = commandID()
	l, q := s.commands.open(agent, cmd)
	if l == nil {
		return away(agent, cmd)
	}
	defer s.commands.close(cmd.Id, q)
	l.tell(cmd)
	stop := func() {
		l.tell(&controllerv1.Command{Id: cmd.Id, Model: cmd.Model, What: &controllerv1.Command_Cancel{Cancel: &controllerv1.CancelCommand{}}})
	}
	for {
		select {
		case part := <-q.parts:
			last, err := take(part, each)
			if err != nil && !last {
				stop()
			}
			if last || err != nil {
				return err
			}
		case <-l.gone:
			return away(agent, cmd)
		case <-ctx.Done():
			stop()
			return errs.E(errs.Canceled, "cannot wait for the agent of %s any longer: %w", about(agent, cmd), context.Cause(ctx))
		}
	}
}

// take looks at one part.
func take(part *controllerv1.AnswerRequest, each func(*controllerv1.AnswerRequest) error) (last bool, err error) {
	if part.GetLast() && part.GetErrorClass() != "" {
		kind, ok := errs.Parse(part.GetErrorClass())
		if !ok {
			kind = errs.Internal
		}
		return true, errs.E(kind, "%s", part.GetErrorMessage())
	}
	return part.GetLast(), each(part)
}

// about names whose agent is meant.
func about(agent string, cmd *controllerv1.Command) string {
	if len(cmd.GetUnits()) > 0 {
		return cmd.GetUnits()[0]
	}
	return agent
}

func away(agent string, cmd *controllerv1.Command) error {
	return errs.E(errs.Unavailable, "the agent of %s is away; try again", about(agent, cmd))
}

func commandID() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// open begins a question; the line is nil if the agent is not connected.
func (c *commands) open(agent string, cmd *controllerv1.Command) (*commandLine, *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lines[agent]
	if l == nil {
		return nil, nil
	}
	q := &question{agent: agent, charm: cmd.GetReplay().GetCharm(), parts: make(chan *controllerv1.AnswerRequest), over: make(chan struct{})}
	c.questions[cmd.GetId()] = q
	return l, q
}

// lends says whether the agent is answering a question for which it needs the package of that digest.
func (c *commands) lends(agent, digest string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.questions {
		if q.agent == agent && q.charm == digest && digest != "" {
			return true
		}
	}
	return false
}

func (c *commands) close(id string, q *question) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.questions, id)
	close(q.over)
}

// Answer implements the call. A part that was sent twice is taken once.
func (s *Service) Answer(ctx context.Context, req *controllerv1.AnswerRequest) (*controllerv1.AnswerResponse, error) {
	s.commands.mu.Lock()
	q := s.commands.questions[req.GetId()]
	s.commands.mu.Unlock()
	if q == nil {
		return nil, nobodyWaits(req)
	}
	if q.agent != agentOf(ctx) {
		return nil, errs.E(errs.Denied, "cannot take the answer: command %q was not given to agent %s", req.GetId(), agentOf(ctx))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if req.GetNumber() <= q.number {
		return &controllerv1.AnswerResponse{}, nil
	}
	if req.GetNumber() != q.number+1 {
		return nil, errs.E(errs.Invalid, "cannot take part %d of the answer: the one before it did not come", req.GetNumber())
	}
	select {
	case q.parts <- req:
		q.number = req.GetNumber()
		return &controllerv1.AnswerResponse{}, nil
	case <-q.over:
		return nil, nobodyWaits(req)
	case <-ctx.Done():
		return nil, errs.E(errs.Canceled, "cannot take the answer: %w", context.Cause(ctx))
	}
}

func nobodyWaits(req *controllerv1.AnswerRequest) error {
	return errs.E(errs.NotFound, "cannot take the answer: nobody waits for one to command %q", req.GetId())
}
