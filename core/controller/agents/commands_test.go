package agents_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// listen watches as the agent does and gives the commands that come; stop breaks the stream.
func (h *holder) listen(t *testing.T) (<-chan *controllerv1.Command, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stream, err := h.rpc.Watch(ctx, &controllerv1.WatchRequest{Incarnation: "i-" + h.id})
	if err != nil {
		t.Fatal(err)
	}
	for synced := false; !synced; { // then the stream is the one by which the agent is asked
		d, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		synced = d.Synced
	}
	commands := make(chan *controllerv1.Command, 16)
	go func() {
		defer close(commands)
		for {
			d, err := stream.Recv()
			if err != nil {
				return
			}
			for _, cmd := range d.Commands {
				commands <- cmd
			}
		}
	}()
	return commands, stop
}

// answer sends one part.
func (h *holder) answer(cmd *controllerv1.Command, number int32, last bool) error {
	_, err := h.rpc.Answer(h.c.t.Context(), &controllerv1.AnswerRequest{Id: cmd.Id, Number: number, Last: last,
		Steps: []*controllerv1.RehearsedStep{{Unit: fmt.Sprint(number)}}})
	return plugin.FromStatus(err)
}

// ask asks the agent about web/0.
func ask(ctx context.Context, c *controller, agent string, each func(*controllerv1.AnswerRequest) error) <-chan error {
	done := make(chan error, 1)
	go func() {
		done <- c.service.Ask(ctx, agent, &controllerv1.Command{Model: "m1", Units: []string{"web/0"}}, each)
	}()
	return done
}

func TestAskIsAnsweredInParts(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	commands, _ := a.listen(t)
	var got []string
	done := ask(t.Context(), c, "a", func(p *controllerv1.AnswerRequest) error {
		got = append(got, p.Steps[0].Unit)
		return nil
	})
	cmd := <-commands
	for i, number := range []int32{1, 2, 2, 3} { // the second is sent twice
		if err := a.answer(cmd, number, number == 3); err != nil {
			t.Fatal(i, err)
		}
	}
	if err := <-done; err != nil || strings.Join(got, "") != "123" {
		t.Fatalf("got %v, %v", got, err)
	}
	if err := a.answer(cmd, 4, true); !errs.Is(err, errs.NotFound) {
		t.Errorf("an answer that nobody waits for: %v, want class NotFound", err)
	}
}

func TestAskOfAnAgentThatIsAway(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	away := func(err error) bool {
		return errs.Is(err, errs.Unavailable) && err.Error() == "the agent of web/0 is away; try again"
	}
	if err := <-ask(t.Context(), c, "a", nil); !away(err) {
		t.Errorf("an agent that never came: %v", err)
	}
	commands, stop := a.listen(t)
	done := ask(t.Context(), c, "a", func(*controllerv1.AnswerRequest) error { return nil })
	cmd := <-commands
	if err := a.answer(cmd, 1, false); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; !away(err) {
		t.Errorf("a stream that broke: %v", err)
	}
}

func TestAskThatIsGivenUp(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	commands, _ := a.listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := ask(ctx, c, "a", func(*controllerv1.AnswerRequest) error { return nil })
	cmd := <-commands
	cancel()
	if err := <-done; !errs.Is(err, errs.Canceled) {
		t.Errorf("got %v, want class Canceled", err)
	}
	if told := <-commands; told.Id != cmd.Id || told.GetCancel() == nil {
		t.Errorf("the agent was told %v, want that nobody waits", told)
	}
	enough := errors.New("enough")
	done = ask(t.Context(), c, "a", func(*controllerv1.AnswerRequest) error { return enough })
	cmd = <-commands
	if err := a.answer(cmd, 1, false); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	if told := <-commands; told.Id != cmd.Id || told.GetCancel() == nil {
		t.Errorf("the agent was told %v, want that nobody waits", told)
	}
}

func TestAskThatTheAgentCannotAnswer(t *testing.T) {
	c := start(t)
	c.world()
	a := c.agent("a")
	commands, _ := a.listen(t)
	done := ask(t.Context(), c, "a", func(*controllerv1.AnswerRequest) error { return nil })
	cmd := <-commands
	_, err := a.rpc.Answer(t.Context(), &controllerv1.AnswerRequest{Id: cmd.Id, Number: 1, Last: true, ErrorClass: string(errs.Unsupported), ErrorMessage: "cannot do it"})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errs.Is(err, errs.Unsupported) || err.Error() != "cannot do it" {
		t.Errorf("got %v", err)
	}
}

// TestACharmIsLentForAReplay: who is asked to replay on a package that none of its units has may fetch it while it answers, and
// nobody else, nor another one, nor afterwards.
func TestACharmIsLentForAReplay(t *testing.T) {
	c := start(t)
	c.world()
	a, b := c.agent("a"), c.agent("b")
	commands, _ := a.listen(t)
	fetch := func(h *holder, digest string) error {
		stream, err := h.rpc.FetchCharm(t.Context(), &controllerv1.FetchCharmRequest{Model: "m1", Digest: digest})
		if err == nil {
			_, err = stream.Recv()
		}
		return plugin.FromStatus(err)
	}
	if err := fetch(a, "d-lent"); !errs.Is(err, errs.Denied) {
		t.Errorf("before: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		done <- c.service.Ask(t.Context(), "a", &controllerv1.Command{Model: "m1", Units: []string{"web/0"},
			What: &controllerv1.Command_Replay{Replay: &controllerv1.Replay{Event: "last", Charm: "d-lent"}}}, func(*controllerv1.AnswerRequest) error { return nil })
	}()
	cmd := <-commands
	if err := fetch(a, "d-lent"); errs.Is(err, errs.Denied) {
		t.Errorf("while it answers: %v", err)
	}
	for name, err := range map[string]error{"another agent": fetch(b, "d-lent"), "another package": fetch(a, "d-other"), "none": fetch(a, "")} {
		if !errs.Is(err, errs.Denied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.answer(cmd, 1, true); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := fetch(a, "d-lent"); !errs.Is(err, errs.Denied) {
		t.Errorf("afterwards: %v", err)
	}
}
