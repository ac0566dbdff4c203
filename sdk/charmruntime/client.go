package charmruntime

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// MaxLanes is how many events one client has in flight at most; further ones wait.
const MaxLanes = 64

// obeys is how long a runtime may take to end a cancelled event.
const obeys = 10 * time.Second

// Remote is a Runtime behind a connection. It keeps a few long-lived streams
// ("lanes"), opened when they are needed, each with one event in flight. It is
// safe for concurrent use; that a unit has one event at a time is the caller's
// business.
type Remote struct {
	api   charmruntimev1.RuntimeClient
	slots chan struct{} // one for each lane in use
	ctx   context.Context
	end   context.CancelFunc

	mu   sync.Mutex
	idle []*lane // last used first
}

// Client makes a Runtime of a connection that has plugin.DialOptions. Close
// ends its lanes; the connection stays the caller's.
func Client(conn grpc.ClientConnInterface) *Remote {
	ctx, end := context.WithCancel(context.Background())
	return &Remote{api: charmruntimev1.NewRuntimeClient(conn), slots: make(chan struct{}, MaxLanes), ctx: ctx, end: end}
}

// Close ends every lane, events in flight included.
func (r *Remote) Close() { r.end() }

// Info asks the runtime.
func (r *Remote) Info(ctx context.Context) (*charmruntimev1.InfoResponse, error) {
	return r.api.Info(ctx, &charmruntimev1.InfoRequest{})
}

// Load asks the runtime.
func (r *Remote) Load(ctx context.Context, req *charmruntimev1.LoadRequest) (*charmruntimev1.LoadResponse, error) {
	return r.api.Load(ctx, req)
}

// Unload asks the runtime.
func (r *Remote) Unload(ctx context.Context, handle string) error {
	_, err := r.api.Unload(ctx, &charmruntimev1.UnloadRequest{Handle: handle})
	return err
}

// End asks the runtime; one that has nothing to end is no error.
func (r *Remote) End(ctx context.Context, runDir string) error {
	_, err := r.api.End(ctx, &charmruntimev1.EndRequest{RunDir: runDir})
	if errs.Is(err, errs.Unsupported) {
		return nil
	}
	return err
}

// Dispatch runs one event on a lane of its own. When ctx ends, the runtime is
// told and its Done is returned; one that does not end the event within ten
// seconds loses the lane and the error is of class Unavailable: the caller then
// recycles the process.
func (r *Remote) Dispatch(ctx context.Context, start *charmruntimev1.Start, host Host) (*charmruntimev1.Done, error) {
	begin := &charmruntimev1.DispatchRequest{Message: &charmruntimev1.DispatchRequest_Start{Start: start}}
	if err := fits(begin, "send event "+start.GetEvent().GetId()); err != nil {
		return nil, err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, errs.E(errs.Canceled, "cannot dispatch event %s: %w", start.GetEvent().GetId(), context.Cause(ctx))
	}
	if ctx.Err() != nil {
		return nil, errs.E(errs.Canceled, "cannot dispatch event %s: %w", start.GetEvent().GetId(), context.Cause(ctx))
	}
	l, err := r.take()
	if err != nil {
		return nil, err
	}
	done, err := l.run(ctx, begin, host)
	if err != nil {
		l.end()
		return nil, err
	}
	r.put(l)
	return done, nil
}

// take gives the lane used last, whose buffers are warm, or a new one.
func (r *Remote) take() (*lane, error) {
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		l := r.idle[n-1]
		r.idle = r.idle[:n-1]
		r.mu.Unlock()
		return l, nil
	}
	r.mu.Unlock()
	ctx, end := context.WithCancel(r.ctx)
	stream, err := r.api.Dispatch(ctx)
	if err != nil {
		end()
		return nil, err
	}
	return &lane{stream: stream, end: end}, nil
}

// put keeps a lane for the next event.
func (r *Remote) put(l *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, l)
}

// fits refuses a message that the other side would not take, before it costs a
// stream.
func fits(message proto.Message, what string) error {
	if size := plugin.Size(message); size > plugin.MaxMessage-1024 {
		return errs.E(errs.Exhausted, "cannot %s: its message has %d bytes and the limit is %d; make databags, parameters or output smaller",
			what, size, plugin.MaxMessage)
	}
	return nil
}
