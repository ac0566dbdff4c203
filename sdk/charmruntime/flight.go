package charmruntime

import (
	"context"
	"sync"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// wire is the sending half of a lane on the runtime's side.
type wire struct {
	stream charmruntimev1.Runtime_DispatchServer
	mu     sync.Mutex
}

func (w *wire) send(message *charmruntimev1.DispatchResponse) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stream.Send(message)
}

// flight is one event under way; it is the Host that the implementation sees.
type flight struct {
	start  *charmruntimev1.Start
	wire   *wire
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	landed  bool
	last    int64
	waiting map[int64]chan *charmruntimev1.Reply
}

func newFlight(ctx context.Context, w *wire, start *charmruntimev1.Start) *flight {
	ctx, cancel := context.WithCancelCause(ctx)
	return &flight{start: start, wire: w, ctx: ctx, cancel: cancel, waiting: map[int64]chan *charmruntimev1.Reply{}}
}

// land ends the event: what the implementation left running can ask no more.
func (f *flight) land() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	f.cancel(errs.E(errs.Canceled, "the event has ended"))
}

// Call asks the host and waits for its reply.
func (f *flight) Call(ctx context.Context, operation, request string) (string, error) {
	answer := make(chan *charmruntimev1.Reply, 1)
	f.mu.Lock()
	if f.landed {
		f.mu.Unlock()
		return "", errs.E(errs.Invalid, "cannot call %s: the event has ended", operation)
	}
	f.last++
	id := f.last
	f.waiting[id] = answer
	f.mu.Unlock()
	defer f.forget(id)

	call := &charmruntimev1.DispatchResponse{Message: &charmruntimev1.DispatchResponse_Call{
		Call: &charmruntimev1.Call{Id: id, Operation: operation, Request: request}}}
	if err := fits(call, "call "+operation); err != nil {
		return "", err
	}
	if err := f.wire.send(call); err != nil {
		return "", errs.E(errs.Unavailable, "cannot call %s: %w", operation, err)
	}
	select {
	case reply := <-answer:
		if class := reply.GetErrorClass(); class != "" {
			kind, _ := errs.Parse(class)
			return "", errs.E(kind, "%s", reply.GetErrorMessage())
		}
		return reply.GetResponse(), nil
	case <-ctx.Done():
		return "", errs.E(errs.Canceled, "cannot call %s: %w", operation, context.Cause(ctx))
	case <-f.ctx.Done():
		return "", errs.E(errs.Canceled, "cannot call %s: %w", operation, context.Cause(f.ctx))
	}
}

func (f *flight) forget(id int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiting, id)
}

// reply hands the host's reply to its call; one for nobody is dropped.
func (f *flight) reply(reply *charmruntimev1.Reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if answer := f.waiting[reply.GetCallId()]; answer != nil {
		delete(f.waiting, reply.GetCallId())
		answer <- reply
	}
}

// Immediate hands over what takes effect now. After the event's end, or when it
// is larger than a message may be, it is dropped.
func (f *flight) Immediate(what *charmruntimev1.Immediate) {
	message := &charmruntimev1.DispatchResponse{Message: &charmruntimev1.DispatchResponse_Immediate{Immediate: what}}
	f.mu.Lock()
	landed := f.landed
	f.mu.Unlock()
	if landed || fits(message, "") != nil {
		return
	}
	_ = f.wire.send(message) // a lost stream ends the event anyway
}
