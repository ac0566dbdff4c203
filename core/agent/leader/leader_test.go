package leader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/leader"
	"github.com/bangle-dev/bangle/core/event"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

var web = event.Key{Model: "m", Unit: "web/0"}

// line is a controller whose answers, and the time they take, a test decides.
type line struct {
	now     time.Duration // the machine's clock
	travel  time.Duration // of a request and its answer together
	seconds float64
	term    int64
	err     error
	asked   []*controllerv1.LeadRequest
}

func (l *line) Lead(_ context.Context, req *controllerv1.LeadRequest, _ ...grpc.CallOption) (*controllerv1.LeadResponse, error) {
	l.asked = append(l.asked, req)
	l.now += l.travel
	if l.err != nil {
		return nil, l.err
	}
	resp := &controllerv1.LeadResponse{}
	for _, t := range req.GetTerms() {
		p := &controllerv1.LeadPromise{}
		if t.GetTerm() == l.term {
			p.Seconds, p.Term = l.seconds, l.term
		}
		resp.Promises = append(resp.Promises, p)
	}
	return resp, nil
}

func promises(l *line) *leader.Promises {
	return leader.New(leader.Config{Client: l, Clock: func() time.Duration { return l.now }})
}

func TestPromises(t *testing.T) {
	type step struct {
		travel, sleep time.Duration
		term          int64 // that the controller knows
		fails         bool
		want          time.Duration // left when Renew returned
		after         time.Duration // left after sleep
	}
	for name, steps := range map[string][]step{
		"counts from before it was asked for":            {{travel: 12 * time.Second, term: 7, want: 48 * time.Second, after: 48 * time.Second}},
		"an answer that is older than its promise is no": {{travel: 61 * time.Second, term: 7}},
		"a suspended machine wakes up without a promise": {{term: 7, sleep: 8 * time.Hour, want: time.Minute}},
		"what is not renewed runs out": {{term: 7, sleep: 40 * time.Second, want: time.Minute, after: 20 * time.Second},
			{fails: true, sleep: 20 * time.Second, after: 0}},
		"an error shortens nothing": {{term: 7, sleep: 10 * time.Second, want: time.Minute, after: 50 * time.Second}, {fails: true, after: 50 * time.Second}},
		"renewed":                   {{term: 7, sleep: 50 * time.Second, want: time.Minute, after: 10 * time.Second}, {term: 7, want: time.Minute, after: time.Minute}},
		"a no ends it at once":      {{term: 7, want: time.Minute, after: time.Minute}, {term: 8}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &line{now: 5 * time.Hour, seconds: 60}
			p := promises(l)
			if p.Until(web, 7) != 0 {
				t.Fatal("there is a promise that nobody gave")
			}
			for i, s := range steps {
				l.travel, l.term, l.err = s.travel, s.term, nil
				if s.fails {
					l.err = errors.New("the line is broken")
				}
				left, err := p.Renew(t.Context(), web, 7)
				if (err != nil) != s.fails || left != s.want {
					t.Errorf("step %d: left %v, want %v (%v)", i, left, s.want, err)
				}
				l.now += s.sleep
				if got := p.Left(p.Until(web, 7)); got != s.after {
					t.Errorf("step %d: later left %v, want %v", i, got, s.after)
				}
			}
		})
	}
}

func TestAPromiseIsForOneTerm(t *testing.T) {
	l := &line{seconds: 60, term: 7}
	p := promises(l)
	p.Until(web, 7)
	if left, err := p.Renew(t.Context(), web, 7); left != time.Minute || err != nil {
		t.Fatalf("%v, %v", left, err)
	}
	if got := p.Until(web, 9); got != 0 {
		t.Errorf("the next term begins with the last one's promise: %v", got)
	}
	if left, err := p.Renew(t.Context(), web, 7); left != 0 || err != nil {
		t.Errorf("an event of the last term is told %v, %v; its writes would be refused", left, err)
	}
	p.Forget(web)
	if left, err := p.Renew(t.Context(), web, 7); left != 0 || err != nil {
		t.Errorf("a unit that was forgotten leads: %v, %v", left, err)
	}
}

// slow answers one call only when it is told to.
type slow struct {
	line
	hold chan chan struct{}
}

func (s *slow) Lead(ctx context.Context, req *controllerv1.LeadRequest, o ...grpc.CallOption) (*controllerv1.LeadResponse, error) {
	resp, err := s.line.Lead(ctx, req, o...)
	if s.hold != nil {
		release := make(chan struct{})
		s.hold <- release
		<-release
	}
	return resp, err
}

func TestAnAnswerThatWasOvertakenShortensNothing(t *testing.T) {
	s := &slow{line: line{seconds: 60, term: 7}, hold: make(chan chan struct{})}
	p := leader.New(leader.Config{Client: s, Clock: func() time.Duration { return s.now }})
	p.Until(web, 7)
	done := make(chan struct{})
	go func() { defer close(done); _, _ = p.Renew(t.Context(), web, 7) }()
	release := <-s.hold
	s.hold, s.now = nil, 20*time.Second
	if left, err := p.Renew(t.Context(), web, 7); left != time.Minute || err != nil {
		t.Fatalf("%v, %v", left, err)
	}
	close(release)
	<-done
	if got := p.Until(web, 7); got != 80*time.Second {
		t.Errorf("the promise ends at %v, want 80 s", got)
	}
}

func TestAllAreRenewedInOneCall(t *testing.T) {
	l := &line{seconds: 60, term: 7}
	told := make(chan int, 100)
	p := leader.New(leader.Config{Client: caller(func(ctx context.Context, req *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error) {
		defer func() { told <- len(req.GetTerms()) }()
		return l.Lead(ctx, req)
	}), Clock: func() time.Duration { return 0 }, Every: time.Hour})
	p.Until(web, 7)
	p.Until(event.Key{Model: "m", Unit: "db/3"}, 7)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	if n := <-told; n != 2 {
		t.Errorf("%d leaders in the call, want 2", n)
	}
	cancel()
	<-ended
}

type caller func(context.Context, *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error)

func (c caller) Lead(ctx context.Context, req *controllerv1.LeadRequest, _ ...grpc.CallOption) (*controllerv1.LeadResponse, error) {
	return c(ctx, req)
}
