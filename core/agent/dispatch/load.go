package dispatch

import (
	"context"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/errs"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// isolationConfig is the model's setting of who shares a process that runs WASM charms.
const isolationConfig = "isolation"

// scope names those units that share the process. Executable charms are processes of their own, so all share what starts
// them.
func scope(job Job, kind string) string {
	if kind != string(charm.Wasm) {
		return ""
	}
	switch job.Model.Model.GetConfig()[isolationConfig] {
	case "application":
		return job.Key.Model + "/" + api.ApplicationOf(job.Key.Unit)
	case "unit":
		return job.Key.Model + "/" + job.Key.Unit
	}
	return job.Key.Model
}

// hookMemoryConfig is the model's setting of what one process of a hook may take.
const hookMemoryConfig = "hook-memory"

// limits are those of all events of a charm. What the setting says was checked when it was set.
func limits(job Job, start *charmruntimev1.Start) *charmruntimev1.Limits {
	bytes, err := charm.ParseSize(job.Model.Model.GetConfig()[hookMemoryConfig])
	if err != nil {
		bytes = 0
	}
	return &charmruntimev1.Limits{HookTimeoutMs: start.TimeoutMs, MemoryBytes: bytes}
}

// note keeps the handle of a charm in one life of a runtime, and forgets those of lives that are over.
func (d *Dispatcher) note(key loading, handle string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.handles {
		if mortal, ok := k.runtime.(interface{ Ended() bool }); ok && mortal.Ended() {
			delete(d.handles, k)
		}
	}
	d.handles[key] = handle
}

// request is a charm with what it may take and do.
func request(job Job, c *Charm, start *charmruntimev1.Start) *charmruntimev1.LoadRequest {
	return &charmruntimev1.LoadRequest{Digest: c.Digest, Dir: c.Dir, Limits: limits(job, start), Grants: c.Granted(job.Model.Application.GetGrants())}
}

// keyOf tells charms apart that are to be loaded apart: what one may not call is found when it is loaded.
func keyOf(rt charmruntime.Runtime, req *charmruntimev1.LoadRequest) loading {
	return loading{rt, req.Digest, req.GetLimits().GetMemoryBytes(), strings.Join(req.Grants, " ")}
}

// load lets the runtime prepare the charm's files before they are copied to units, and answers what is wrong with them. A
// runtime that cannot say is asked again when the event is dispatched.
func (d *Dispatcher) load(ctx context.Context, rt charmruntime.Runtime, req *charmruntimev1.LoadRequest) string {
	key := keyOf(rt, req)
	d.mu.Lock()
	_, ok := d.handles[key]
	d.mu.Unlock()
	if ok {
		return ""
	}
	resp, err := rt.Load(ctx, req)
	if err != nil {
		return ""
	}
	if text := problems(resp.Diagnostics); text != "" {
		return text
	}
	d.note(key, resp.Handle)
	return ""
}

// dispatch loads the charm, unless this life of the runtime has it, and runs the event. loaded is false when the runtime
// found the charm wanting.
func (d *Dispatcher) dispatch(ctx context.Context, rt charmruntime.Runtime, req *charmruntimev1.LoadRequest, start *charmruntimev1.Start, h charmruntime.Host) (done *charmruntimev1.Done, loaded bool, err error) {
	key := keyOf(rt, req)
	for again := false; ; again = true {
		d.mu.Lock()
		handle, ok := d.handles[key]
		d.mu.Unlock()
		if !ok {
			resp, err := rt.Load(ctx, req)
			if err != nil {
				return nil, true, err
			}
			if text := problems(resp.Diagnostics); text != "" {
				return failed(text).Done, false, nil
			}
			handle = resp.Handle
			d.note(key, handle)
		}
		start.Handle = handle
		done, err := rt.Dispatch(ctx, start, h)
		if err == nil {
			return done, true, nil
		}
		if errs.Is(err, errs.Unsupported) {
			return failed(err.Error()).Done, true, nil // the runtime cannot do this at all, and did nothing
		}
		d.mu.Lock()
		delete(d.handles, key) // forgotten by the runtime, or dead with it
		d.mu.Unlock()
		if again || !errs.Is(err, errs.NotFound) {
			return nil, true, err
		}
	}
}
