package agent_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// reports is a controller that takes reports.
type reports struct {
	controllerv1.AgentsClient
	began time.Time
	got   []string // when, and how many of what
}

func (r *reports) Report(_ context.Context, req *controllerv1.ReportRequest, _ ...grpc.CallOption) (*controllerv1.ReportResponse, error) {
	r.got = append(r.got, fmt.Sprintf("%s: %d states, %d events", time.Since(r.began), len(req.States), len(req.Journal)))
	return &controllerv1.ReportResponse{}, nil
}

// TestReports: an event that comes alone is told of almost at once, with what belongs to it and in one call, since somebody may wait
// for it; events that follow each other are told of together. Time is the test's own.
func TestReports(t *testing.T) {
	type at struct {
		after  time.Duration
		record any
	}
	const ms = time.Millisecond
	state, ended := &controllerv1.AgentState{}, &controllerv1.JournalEntry{}
	busy := []at{}
	for n := range 60 {
		busy = append(busy, at{time.Duration(n) * 1100 * time.Microsecond, ended})
	}
	for name, c := range map[string]struct {
		told []at
		want []string
	}{
		"a short event":        {[]at{{0, state}, {5 * ms, ended}, {6 * ms, state}}, []string{"8ms: 2 states, 1 events"}},
		"a long event":         {[]at{{0, state}, {400 * ms, ended}, {401 * ms, state}}, []string{"100ms: 1 states, 0 events", "403ms: 1 states, 1 events"}},
		"the next soon after":  {[]at{{0, state}, {5 * ms, ended}, {30 * ms, state}, {35 * ms, ended}}, []string{"8ms: 1 states, 1 events", "38ms: 1 states, 1 events"}},
		"the next at once":     {[]at{{0, state}, {5 * ms, ended}, {9 * ms, state}, {12 * ms, ended}}, []string{"8ms: 1 states, 1 events", "33ms: 1 states, 1 events"}},
		"the next a while off": {[]at{{0, state}, {5 * ms, ended}, {200 * ms, state}, {205 * ms, ended}}, []string{"8ms: 1 states, 1 events", "208ms: 1 states, 1 events"}},
		"a busy unit":          {busy, []string{"3ms: 0 states, 3 events", "28ms: 0 states, 23 events", "53ms: 0 states, 23 events", "78ms: 0 states, 11 events"}},
		"nothing but states":   {[]at{{0, state}, {50 * ms, state}}, []string{"100ms: 2 states, 0 events"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &reports{began: time.Now()}
				tell, run := agent.Reporter(client)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); run(ctx) }()
				for _, one := range c.told {
					time.Sleep(time.Until(client.began.Add(one.after)))
					tell(one.record)
					synctest.Wait()
				}
				time.Sleep(time.Until(client.began.Add(500 * ms)))
				stop()
				<-done
				if fmt.Sprint(client.got) != fmt.Sprint(c.want) {
					t.Errorf("reported %q, want %q", client.got, c.want)
				}
			})
		})
	}
}
