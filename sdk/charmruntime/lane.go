package charmruntime

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// lane is one stream. It is used by one event at a time.
type lane struct {
	stream charmruntimev1.Runtime_DispatchClient
	end    context.CancelFunc

	mu sync.Mutex // guards Send
}

// run has one event done. After an error the lane must be ended.
func (l *lane) run(ctx context.Context, begin *charmruntimev1.DispatchRequest, host Host) (*charmruntimev1.Done, error) {
	if err := l.send(begin); err != nil {
		return nil, l.lost(err)
	}
	calls := sync.WaitGroup{}
	callCtx, endCalls := context.WithCancel(ctx)
	defer calls.Wait()
	defer endCalls()
	stop := l.cancelWith(ctx)
	defer stop()
	for {
		message, err := l.stream.Recv()
		if err != nil {
			return nil, l.lost(err)
		}
		switch m := message.GetMessage().(type) {
		case *charmruntimev1.DispatchResponse_Call:
			calls.Go(func() { l.answer(callCtx, m.Call, host) })
		case *charmruntimev1.DispatchResponse_Immediate:
			host.Immediate(m.Immediate)
		case *charmruntimev1.DispatchResponse_Done:
			return m.Done, nil
		}
	}
}

// cancelWith tells the runtime when ctx ends, and ends the lane if it does not
// obey. The returned function undoes it and waits, so that no cancel of this
// event reaches the next one.
func (l *lane) cancelWith(ctx context.Context) (stop func()) {
	finished, told := make(chan struct{}), make(chan struct{})
	stopFunc := context.AfterFunc(ctx, func() {
		defer close(told)
		cancel := &charmruntimev1.Cancel{Reason: context.Cause(ctx).Error()}
		if c, ok := errors.AsType[*Cancelled](context.Cause(ctx)); ok {
			cancel.GraceMs = c.Grace.Milliseconds()
		}
		_ = l.send(&charmruntimev1.DispatchRequest{Message: &charmruntimev1.DispatchRequest_Cancel{Cancel: cancel}}) // a lost stream is found by Recv
		timer := time.NewTimer(obeys)
		defer timer.Stop()
		select {
		case <-finished:
		case <-timer.C:
			l.end()
		}
	})
	return func() {
		close(finished)
		if !stopFunc() {
			<-told
		}
	}
}

// answer lets the host answer one call.
func (l *lane) answer(ctx context.Context, call *charmruntimev1.Call, host Host) {
	reply := &charmruntimev1.Reply{CallId: call.GetId()}
	response, err := host.Call(ctx, call.GetOperation(), call.GetRequest())
	reply.Response = response
	if err == nil {
		err = fits(reply, "answer "+call.GetOperation())
	}
	if err != nil {
		reply.Response, reply.ErrorClass, reply.ErrorMessage = "", errs.Class(err).String(), err.Error()
	}
	_ = l.send(&charmruntimev1.DispatchRequest{Message: &charmruntimev1.DispatchRequest_Reply{Reply: reply}}) // as above
}

// send is Send for several goroutines.
func (l *lane) send(message *charmruntimev1.DispatchRequest) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stream.Send(message)
}

// lost finds out why a stream ended: Send knows only that it did.
func (l *lane) lost(err error) error {
	for errors.Is(err, io.EOF) {
		if _, err = l.stream.Recv(); err == nil {
			err = io.EOF // a message that was under way
			continue
		}
		if errors.Is(err, io.EOF) {
			return errs.E(errs.Unavailable, "cannot finish the event: the runtime closed the stream; what ran is unknown, dispatch it again")
		}
	}
	if errs.Is(err, errs.Canceled) {
		return errs.E(errs.Unavailable, "cannot finish the event: its lane was ended, because the client was closed or the runtime did not end a cancelled event; recycle the runtime's process")
	}
	return err
}
