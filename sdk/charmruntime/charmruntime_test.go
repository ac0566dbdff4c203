package charmruntime_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin/plugintest"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// scripted is a runtime that does in Dispatch what the event's name says.
type scripted struct{ meet chan struct{} }

func (scripted) Info(context.Context) (*charmruntimev1.InfoResponse, error) {
	return &charmruntimev1.InfoResponse{Name: "scripted"}, nil
}

func (scripted) Load(context.Context, *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return &charmruntimev1.LoadResponse{}, nil
}

func (scripted) Unload(context.Context, string) error { return nil }

func (s scripted) Dispatch(ctx context.Context, start *charmruntimev1.Start, host charmruntime.Host) (*charmruntimev1.Done, error) {
	switch start.GetEvent().GetName() {
	case "panic":
		panic("as told")
	case "nothing":
		return nil, nil
	case "cancelled":
		host.Immediate(&charmruntimev1.Immediate{})
		<-ctx.Done()
		done := &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_KILLED, Message: context.Cause(ctx).Error()}
		if c, ok := errors.AsType[*charmruntime.Cancelled](context.Cause(ctx)); ok {
			done.Stats = &charmruntimev1.Stats{WallUs: c.Grace.Microseconds()}
		}
		return done, nil
	case "meet":
		select {
		case s.meet <- struct{}{}:
		case <-s.meet:
		case <-ctx.Done():
		}
	case "calls":
		var all sync.WaitGroup
		answers := make([]string, 20)
		for n := range answers {
			all.Go(func() { answers[n], _ = host.Call(ctx, "echo", strings.Repeat("x", n)) })
		}
		all.Wait()
		return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK, Stdout: strings.Join(answers, " ")}, nil
	}
	return &charmruntimev1.Done{Outcome: charmruntimev1.Outcome_OUTCOME_OK}, nil
}

// echo answers every call with its request.
type echo struct{}

func (echo) Call(_ context.Context, _, request string) (string, error) { return request, nil }
func (echo) Immediate(*charmruntimev1.Immediate)                       {}

// counting counts the streams that are opened over a connection.
type counting struct {
	grpc.ClientConnInterface
	mu      sync.Mutex
	streams int
}

func (c *counting) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	c.mu.Lock()
	c.streams++
	c.mu.Unlock()
	return c.ClientConnInterface.NewStream(ctx, desc, method, opts...)
}

// serve gives a client of the scripted runtime.
func serve(t *testing.T) (*charmruntime.Remote, *counting) {
	t.Helper()
	served := plugintest.Serve(t, func(to grpc.ServiceRegistrar) {
		charmruntime.Register(to, scripted{meet: make(chan struct{})}, slog.New(slog.DiscardHandler))
	})
	conn := &counting{ClientConnInterface: served.Conn}
	remote := charmruntime.Client(conn)
	t.Cleanup(remote.Close)
	return remote, conn
}

func event(name string) *charmruntimev1.Start {
	return &charmruntimev1.Start{Event: &hookv1.Event{Id: "1-" + name, Name: name}}
}

func TestLanesAreUsedAgain(t *testing.T) {
	remote, conn := serve(t)
	for range 10 {
		if _, err := remote.Dispatch(t.Context(), event("ok"), echo{}); err != nil {
			t.Fatal(err)
		}
	}
	if conn.streams != 1 {
		t.Errorf("ten events one after the other opened %d streams", conn.streams)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if _, err := remote.Dispatch(t.Context(), event("meet"), echo{}); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	if conn.streams != 2 {
		t.Errorf("two events at once use %d streams", conn.streams)
	}
}

func TestMistakesOfARuntimeEndOneEvent(t *testing.T) {
	remote, _ := serve(t)
	for name, text := range map[string]string{"panic": "as told", "nothing": "returned nothing"} {
		_, err := remote.Dispatch(t.Context(), event(name), echo{})
		if !errs.Is(err, errs.Internal) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error = %v, want internal with %q", name, err, text)
		}
	}
	if _, err := remote.Dispatch(t.Context(), event("ok"), echo{}); err != nil {
		t.Errorf("the event after a panic: %v", err)
	}
}

func TestCallsOfOneEventDoNotMix(t *testing.T) {
	remote, _ := serve(t)
	done, err := remote.Dispatch(t.Context(), event("calls"), echo{})
	if err != nil {
		t.Fatal(err)
	}
	for n, answer := range strings.Split(done.GetStdout(), " ") {
		if len(answer) != n {
			t.Errorf("call %d was answered with %q", n, answer)
		}
	}
}

// begun closes itself when the event says something.
type begun chan struct{}

func (begun) Call(context.Context, string, string) (string, error) { return "", nil }
func (b begun) Immediate(*charmruntimev1.Immediate)                { close(b) }

// TestACancelSaysHowMuchTimeThereIs, over the wire too; who only ends the context gives none.
func TestACancelSaysHowMuchTimeThereIs(t *testing.T) {
	remote, _ := serve(t)
	for _, c := range []struct {
		cause  error
		reason string
		grace  time.Duration
	}{{&charmruntime.Cancelled{Reason: "not wanted", Grace: 3 * time.Second}, "not wanted", 3 * time.Second}, {errors.New("the agent ends"), "the agent ends", 0}} {
		ctx, cancel := context.WithCancelCause(t.Context())
		said := make(begun)
		go func() { <-said; cancel(c.cause) }()
		done, err := remote.Dispatch(ctx, event("cancelled"), said)
		if err != nil || done.GetMessage() != c.reason || done.GetStats().GetWallUs() != c.grace.Microseconds() {
			t.Errorf("%v: got %v, %v", c.cause, done, err)
		}
	}
}

// ending is a runtime that has something to end.
type ending struct {
	scripted
	dirs chan string
}

func (e ending) End(_ context.Context, dir string) error {
	e.dirs <- dir
	return errs.E(errs.Unavailable, "it does not end")
}

// TestEnd reaches a runtime that has something to end, and is no error where there is none.
func TestEnd(t *testing.T) {
	remote, _ := serve(t)
	if err := remote.End(t.Context(), "/run/u"); err != nil {
		t.Errorf("a runtime without End: %v", err)
	}
	dirs := make(chan string, 1)
	served := plugintest.Serve(t, func(to grpc.ServiceRegistrar) {
		charmruntime.Register(to, ending{dirs: dirs}, slog.New(slog.DiscardHandler))
	})
	other := charmruntime.Client(served.Conn)
	t.Cleanup(other.Close)
	if err := other.End(t.Context(), "/run/u"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("error = %v", err)
	}
	if dir := <-dirs; dir != "/run/u" {
		t.Errorf("asked for %q", dir)
	}
}
