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
	name := event.Name(job.Event)
	tell := func(message string, lock *controllerv1.MachineLock) {
		a.tellLock(job.Key, api.AgentExecuting, message, lock)
	}
	release, held, err := a.takeLock(ctx, place{job.Key, job.Seen.Environment.GetMachineId(), file, name}, tell)
	if err != nil {
		return nil, err
	}
	tell("running "+name, held)
	a.upToDate(job)
	return func() {
		release()
		tell("committing "+name, nil)
	}, nil
}

// upToDate counts what is left of the unit's leadership from now on.
func (a *Agent) upToDate(job *dispatch.Job) {
	job.Now = a.cfg.Now()
	if job.Model.Leads() {
		job.LeaderUntil = a.lead.Until(job.Key, job.Model.LeadTerm)
		job.LeaderLeft = a.lead.Left(job.LeaderUntil)
	}
}

// place is who wants which lock, and what for.
type place struct {
	key           event.Key
	machine, file string
	what          string
}

// takeLock has the lock, and answers what is to be told while it is held. A unit that waits keeps no other from working.
func (a *Agent) takeLock(ctx context.Context, p place, tell func(message string, lock *controllerv1.MachineLock)) (release func(), held *controllerv1.MachineLock, err error) {
	back := func() {}
	defer func() { back() }()
	var aside sync.Once
	asked := a.cfg.Now().UnixNano()
	release, err = a.locks.Take(ctx, p.file, machinelock.Holder{Model: p.key.Model, Unit: p.key.Unit, What: p.what}, func(by machinelock.Holder) {
		aside.Do(func() { back = a.queue.Aside() })
		now := &controllerv1.MachineLock{Machine: p.machine, File: p.file, What: p.what, SinceUnixNano: asked,
			HolderModel: by.Model, HolderUnit: by.Unit, HolderWhat: by.What}
		if !by.Since.IsZero() {
			now.HolderSinceUnixNano = by.Since.UnixNano()
		}
		tell(waitsFor(by), now)
		a.cfg.Log.Debug("waiting for the machine lock", "unit", p.key.Unit, "event", p.what, "holder", by.Unit, "runs", by.What)
	})
	if err != nil {
		return nil, nil, err
	}
	return release, &controllerv1.MachineLock{Machine: p.machine, File: p.file, What: p.what, Held: true, SinceUnixNano: a.cfg.Now().UnixNano()}, nil
}

func waitsFor(by machinelock.Holder) string {
	if by.Unit == "" {
		return "waiting for the machine lock"
	}
	return fmt.Sprintf("waiting for the machine lock, which %s has for %s", by.Unit, by.What)
}

func (a *Agent) tellLock(k event.Key, current, message string, lock *controllerv1.MachineLock) {
	a.report.tell(&controllerv1.AgentState{Model: k.Model, Unit: k.Unit, Current: current, Message: message,
		Since: a.cfg.Now().UTC().Format(time.RFC3339), Lock: lock})
}
