package agent

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/machinelock"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// takeTurn waits for the lock of the unit's machine, and lets the model know who waits for whom and who has it.
func (a *Agent) takeTurn(ctx context.Context, job *dispatch.Job, file string) (func(), error) {
	release, err := a.takeLock(ctx, job, event.Name(job.Event), file)
	if err != nil {
		return nil, err
	}
	a.upToDate(job)
	return release, nil
}

// upToDate counts what is left of the unit's leadership from now on.
func (a *Agent) upToDate(job *dispatch.Job) {
	job.Now = a.cfg.Now()
	if job.Model.Leads() {
		job.LeaderUntil = a.lead.Until(job.Key, job.Model.LeadTerm)
		job.LeaderLeft = a.lead.Left(job.LeaderUntil)
	}
}

// takeLock has the lock for what is called name. A unit that waits keeps no other from working.
func (a *Agent) takeLock(ctx context.Context, job *dispatch.Job, name, file string) (func(), error) {
	back := func() {}
	defer func() { back() }()
	var aside sync.Once
	place := &controllerv1.MachineLock{Machine: job.Seen.Environment.GetMachineId(), File: file, What: name, SinceUnixNano: a.cfg.Now().UnixNano()}
	release, err := a.locks.Take(ctx, file, machinelock.Holder{Model: job.Key.Model, Unit: job.Key.Unit, What: name}, func(by machinelock.Holder) {
		aside.Do(func() { back = a.queue.Aside() })
		now := &controllerv1.MachineLock{Machine: place.Machine, File: file, What: name, SinceUnixNano: place.SinceUnixNano,
			HolderModel: by.Model, HolderUnit: by.Unit, HolderWhat: by.What}
		if !by.Since.IsZero() {
			now.HolderSinceUnixNano = by.Since.UnixNano()
		}
		a.tellLock(job.Key, waitsFor(by), now)
		a.cfg.Log.Debug("waiting for the machine lock", "unit", job.Key.Unit, "event", name, "holder", by.Unit, "runs", by.What)
	})
	if err != nil {
		return nil, err
	}
	place.Held, place.SinceUnixNano = true, a.cfg.Now().UnixNano()
	a.tellLock(job.Key, "running "+name, place)
	return func() {
		release()
		a.tellLock(job.Key, "committing "+name, nil)
	}, nil
}

func waitsFor(by machinelock.Holder) string {
	if by.Unit == "" {
		return "waiting for the machine lock"
	}
	return fmt.Sprintf("waiting for the machine lock, which %s has for %s", by.Unit, by.What)
}

func (a *Agent) tellLock(k event.Key, message string, lock *controllerv1.MachineLock) {
	a.report.tell(&controllerv1.AgentState{Model: k.Model, Unit: k.Unit, Current: api.AgentExecuting, Message: message,
		Since: a.cfg.Now().UTC().Format(time.RFC3339), Lock: lock})
}
