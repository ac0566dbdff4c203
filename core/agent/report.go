package agent

import (
	"context"
	"log/slog"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

const (
	reportEvery = 100 * time.Millisecond
	// Somebody may wait for an event that ended: it is sent as soon as what its end says may go along, unless something was
	// sent just now. Of many events that follow each other each would be a call.
	reportSoon  = 3 * time.Millisecond
	reportPause = 25 * time.Millisecond
	reportCall  = 5 * time.Second
	reportMax   = 500  // records in one call
	reportQueue = 8192 // records that wait; more are dropped and counted
)

// reporter tells the controller what is worth knowing and no part of a commit. Nothing waits for it.
type reporter struct {
	client controllerv1.AgentsClient
	log    *slog.Logger
	in     chan any
}

func newReporter(client controllerv1.AgentsClient, log *slog.Logger) *reporter {
	return &reporter{client: client, log: log, in: make(chan any, reportQueue)}
}

// tell queues a record: *LogRecord, *AgentState, *JournalEntry or *ImmediateRequest.
func (r *reporter) tell(record any) {
	select {
	case r.in <- record:
	default: // the controller is away for long: lines are lost, never a hook held up
	}
}

// sent waits until what was told so far has been sent, but not for long. Lines of a unit that is gone are refused, so the
// commit that ends it comes after them.
func (r *reporter) sent(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportCall)
	defer cancel()
	done := make(chan struct{})
	select {
	case r.in <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// run sends until ctx ends, then what is left, for a moment.
func (r *reporter) run(ctx context.Context) {
	batch := &batch{req: &controllerv1.ReportRequest{}}
	timer := time.NewTimer(reportEvery)
	timer.Stop()
	var last time.Time // when something was sent
	soon := false      // the timer was set for an event that ended
	for {
		select {
		case record := <-r.in:
			if _, ended := record.(*controllerv1.JournalEntry); ended && !soon {
				timer.Reset(max(reportSoon, reportPause-time.Since(last)))
				soon = true
			} else if batch.size() == 0 {
				timer.Reset(reportEvery)
			}
			r.take(ctx, batch, record)
		case <-timer.C:
			r.flush(ctx, batch)
			last, soon = time.Now(), false
		case <-ctx.Done():
			timer.Stop()
			r.last(batch)
			return
		}
	}
}

// last drains the queue with a context of its own.
func (r *reporter) last(b *batch) {
	ctx, cancel := context.WithTimeout(context.Background(), reportCall)
	defer cancel()
	for {
		select {
		case record := <-r.in:
			r.take(ctx, b, record)
		default:
			r.flush(ctx, b)
			return
		}
	}
}

// take adds a record to the batch, or sends it at once where order counts.
func (r *reporter) take(ctx context.Context, b *batch, record any) {
	switch rec := record.(type) {
	case *controllerv1.ImmediateRequest:
		ctx, cancel := context.WithTimeout(ctx, reportCall)
		defer cancel()
		if _, err := r.client.Immediate(ctx, rec); err != nil {
			r.log.Debug("cannot show a status before its hook ends", "unit", rec.Unit, "err", err)
		}
		return
	case chan struct{}:
		r.flush(ctx, b)
		close(rec)
		return
	case *controllerv1.LogRecord:
		b.req.Logs = append(b.req.Logs, rec)
	case *controllerv1.AgentState:
		b.req.States = append(b.req.States, rec)
	case *controllerv1.JournalEntry:
		b.req.Journal = append(b.req.Journal, rec)
	}
	if b.size() >= reportMax {
		r.flush(ctx, b)
	}
}

// flush sends the batch. One foreign record, of a unit that is gone meanwhile, refuses the whole: then each goes alone.
func (r *reporter) flush(ctx context.Context, b *batch) {
	if b.size() == 0 {
		return
	}
	req := b.req
	b.req = &controllerv1.ReportRequest{}
	err := r.send(ctx, req)
	if errs.Is(err, errs.Denied) {
		for _, rec := range req.Logs {
			_ = r.send(ctx, &controllerv1.ReportRequest{Logs: []*controllerv1.LogRecord{rec}})
		}
		for _, rec := range req.States {
			_ = r.send(ctx, &controllerv1.ReportRequest{States: []*controllerv1.AgentState{rec}})
		}
		for _, rec := range req.Journal {
			_ = r.send(ctx, &controllerv1.ReportRequest{Journal: []*controllerv1.JournalEntry{rec}})
		}
		return
	}
	if err != nil {
		r.log.Debug("cannot report", "err", err)
	}
}

func (r *reporter) send(ctx context.Context, req *controllerv1.ReportRequest) error {
	ctx, cancel := context.WithTimeout(ctx, reportCall)
	defer cancel()
	_, err := r.client.Report(ctx, req)
	return err
}

// batch is what goes in one call.
type batch struct {
	req *controllerv1.ReportRequest
}

func (b *batch) size() int { return len(b.req.Logs) + len(b.req.States) + len(b.req.Journal) }
