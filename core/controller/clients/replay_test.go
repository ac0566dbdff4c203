package clients_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// asker is the agents as a replay meets them.
type asker struct {
	mu    sync.Mutex
	asked []*controllerv1.Command
	of    []string
	// answer is what the agent of a unit answers, part by part, and how it ends.
	answer func(unit string, each func(*controllerv1.AnswerRequest) error) error
}

func (a *asker) ask(_ context.Context, agent string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error {
	a.mu.Lock()
	a.asked, a.of = append(a.asked, cmd), append(a.of, agent)
	a.mu.Unlock()
	return a.answer(cmd.GetUnits()[0], each)
}

// heard is what agents were asked, and which.
func (a *asker) heard() ([]*controllerv1.Command, []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked, a.of
}

// replaying is a box whose agents can be asked, with units web/0 to web/10 of agent local-0.
func replaying(t *testing.T, a *asker) *box {
	t.Helper()
	b := newBoxWith(t, func(cfg *clients.Config) { cfg.Ask = a.ask })
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(webCharm(nil)), Units: 11})
	return b
}

// replay asks and gives what came, in words, and how it ended.
func replay(t *testing.T, b *box, req *clientv1.ReplayRequest) (list []string, end error) {
	t.Helper()
	if req.Model == "" {
		req.Model = "m"
	}
	stream, err := b.client.Replay(t.Context(), connect.NewRequest(req))
	if err != nil {
		return nil, clients.FromWire(err)
	}
	defer stream.Close()
	for stream.Receive() {
		m := stream.Msg()
		switch {
		case m.GetProblem() != "":
			list = append(list, m.GetUnit()+" problem: "+m.GetProblem())
		default:
			list = append(list, m.GetUnit()+" "+m.GetAnswer().GetReplayed().GetRecorded().GetEvent())
		}
	}
	return list, clients.FromWire(stream.Err())
}

func replayedPart(event string) *controllerv1.AnswerRequest {
	return &controllerv1.AnswerRequest{Replay: &controllerv1.ReplayAnswer{Replayed: &controllerv1.Replayed{Recorded: &controllerv1.Recorded{Event: event}}}}
}

// TestReplayPassesThrough: the agent of the unit is asked, once, for what was asked for, and all that it answers comes as it
// is, in its order; what is no answer to a replay does not.
func TestReplayPassesThrough(t *testing.T) {
	want := []*controllerv1.ReplayAnswer{{Recorded: []*controllerv1.Recorded{{Unit: "web/0", Event: "7-start", Name: "start", Outcome: "ok"}}},
		{Replayed: &controllerv1.Replayed{Outcome: "ok", Same: true}}}
	a := &asker{answer: func(_ string, each func(*controllerv1.AnswerRequest) error) error {
		for _, part := range []*controllerv1.AnswerRequest{{Number: 1, Replay: want[0]}, {Number: 2}, {Number: 3, Replay: want[1]}} {
			if err := each(part); err != nil {
				return err
			}
		}
		return nil
	}}
	b := replaying(t, a)
	digest := b.charm(simple("other", ""))
	stream, err := b.client.Replay(t.Context(), connect.NewRequest(&clientv1.ReplayRequest{Model: "m", Unit: "web/0", Event: "7-start", List: true, Events: 3, CharmDigest: digest, Runtime: "wasm"}))
	must(t, err)
	defer stream.Close()
	n := 0
	for ; stream.Receive(); n++ {
		if m := stream.Msg(); n >= len(want) || m.GetUnit() != "web/0" || m.GetProblem() != "" || !proto.Equal(m.GetAnswer(), want[n]) {
			t.Errorf("message %d: %v", n, m)
		}
	}
	asked, of := a.heard()
	if stream.Err() != nil || n != 2 || len(asked) != 1 || of[0] != "local-0" {
		t.Fatalf("%d messages, %v; asked %v of %v", n, stream.Err(), asked, of)
	}
	cmd := &controllerv1.Command{Model: b.model().UUID, Units: []string{"web/0"}, What: &controllerv1.Command_Replay{Replay: &controllerv1.Replay{
		Event: "7-start", List: true, Events: 3, Charm: digest, Runtime: "wasm", Secrets: true}}}
	if !proto.Equal(asked[0], cmd) {
		t.Errorf("asked %v, want %v", asked[0], cmd)
	}
}

// TestReplayRefused: what cannot be asked for is refused with its reason, and no agent hears of it.
func TestReplayRefused(t *testing.T) {
	a := &asker{answer: func(string, func(*controllerv1.AnswerRequest) error) error { return nil }}
	b := replaying(t, a)
	for name, c := range map[string]struct {
		req  *clientv1.ReplayRequest
		kind errs.Kind
		want string
	}{
		"unknown model":       {&clientv1.ReplayRequest{Model: "other", Unit: "web/0", Event: "last"}, errs.NotFound, "other"},
		"unknown unit":        {&clientv1.ReplayRequest{Unit: "web/77", Event: "last"}, errs.NotFound, `cannot find unit "web/77" in model "m"`},
		"no unit's name":      {&clientv1.ReplayRequest{Unit: "../web", Event: "last"}, errs.Invalid, "../web"},
		"unknown application": {&clientv1.ReplayRequest{Application: "db", Event: "last"}, errs.NotFound, "db"},
		"nobody":              {&clientv1.ReplayRequest{Event: "last"}, errs.Invalid, "name a unit or an application"},
		"both":                {&clientv1.ReplayRequest{Unit: "web/0", Application: "web", Event: "last"}, errs.Invalid, "and not both"},
		"nothing":             {&clientv1.ReplayRequest{Unit: "web/0"}, errs.Invalid, "say which event"},
		"below none":          {&clientv1.ReplayRequest{Unit: "web/0", Events: -1}, errs.Invalid, "-1"},
		"too many":            {&clientv1.ReplayRequest{Unit: "web/0", Events: 1001}, errs.Invalid, "1000"},
		"no such package":     {&clientv1.ReplayRequest{Unit: "web/0", Event: "last", CharmDigest: "sha256:feed"}, errs.NotFound, "sha256:feed"},
	} {
		if got, err := replay(t, b, c.req); len(got) > 0 || !errs.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if asked, _ := a.heard(); len(asked) > 0 {
		t.Errorf("agents were asked: %v", asked)
	}
}

// TestReplayOfAnApplication asks the agents of all its units, in the units' order; a unit without an agent, and one whose
// agent leaves in the middle, is a problem of its own, and the others are replayed.
func TestReplayOfAnApplication(t *testing.T) {
	a := &asker{answer: func(unit string, each func(*controllerv1.AnswerRequest) error) error {
		if err := each(replayedPart("1-install")); err != nil || unit != "web/2" {
			return err
		}
		return errs.E(errs.Unavailable, "the agent left while it answered")
	}}
	b := replaying(t, a)
	lost := proto.CloneOf(b.model().Units["web/1"].Value)
	lost.Agent = ""
	b.put(map[key.Key]proto.Message{key.OfUnit(key.Unit, "web/1"): lost})
	got, err := replay(t, b, &clientv1.ReplayRequest{Application: "web", Event: "last"})
	want := []string{"web/0 1-install", "web/1 problem: cannot ask the agent of web/1: it has none yet", "web/2 1-install", "web/2 problem: the agent left while it answered"}
	for n := 3; n <= 10; n++ {
		want = append(want, fmt.Sprintf("web/%d 1-install", n))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	// of one unit it is the error, after what came before it
	for unit, c := range map[string]struct {
		parts int
		want  string
	}{"web/1": {0, "it has none yet"}, "web/2": {1, "the agent left while it answered"}} {
		got, err := replay(t, b, &clientv1.ReplayRequest{Unit: unit, Event: "last"})
		if len(got) != c.parts || !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %v", unit, got, err)
		}
	}
}

// TestReplayWithoutAgents: a controller that can ask nobody says so.
func TestReplayWithoutAgents(t *testing.T) {
	b, _ := small(t)
	if got, err := replay(t, b, &clientv1.ReplayRequest{Unit: "web/0", Event: "last"}); len(got) > 0 || !errs.Is(err, errs.Unavailable) {
		t.Errorf("%v %v", got, err)
	}
}

// TestReplayIsGivenUp: who asked has gone, so the other units' agents are not asked any more.
func TestReplayIsGivenUp(t *testing.T) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	ended := make(chan struct{})
	a := &asker{}
	a.answer = func(string, func(*controllerv1.AnswerRequest) error) error {
		leave()
		return errs.E(errs.Canceled, "nobody waits")
	}
	b := newBoxWith(t, func(cfg *clients.Config) {
		cfg.Ask = func(ctx context.Context, agent string, cmd *controllerv1.Command, each func(*controllerv1.AnswerRequest) error) error {
			defer close(ended) // a second question would panic
			err := a.ask(ctx, agent, cmd, each)
			<-ctx.Done()
			return err
		}
	})
	ok(t, b.client.AddModel, &clientv1.AddModelRequest{Name: "m"})
	ok(t, b.client.Deploy, &clientv1.DeployRequest{Model: "m", CharmDigest: b.charm(webCharm(nil)), Units: 3})
	stream, err := b.client.Replay(ctx, connect.NewRequest(&clientv1.ReplayRequest{Model: "m", Application: "web", Event: "last"}))
	if err == nil {
		for stream.Receive() {
			t.Errorf("got %v", stream.Msg())
		}
		err = stream.Err()
		stream.Close()
	}
	<-ended
	if asked, _ := a.heard(); connect.CodeOf(err) != connect.CodeCanceled || len(asked) != 1 {
		t.Errorf("ended with %v after %d questions", err, len(asked))
	}
}
