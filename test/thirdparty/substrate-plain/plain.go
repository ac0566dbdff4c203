package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// plain is both sides of the contract. What it must not forget lies in files;
// everything else is asked of the kernel. The agent runs a process of its own of
// it for the unit's side (watch.go), which knows the files alone.
type plain struct {
	poke chan struct{} // wakes the loop
	end  context.CancelFunc
	done chan struct{} // closed when the loop has ended; nil before Adopt

	mu                        sync.Mutex
	changed                   chan struct{} // closed at every change
	state, runDir, supervisor string
	places                    map[string]*place
	want                      map[string]wanted
	known                     map[string]bool // applications that a specification was given for: only their units are ended
	revisions                 map[string]uint64
}

func newPlain() *plain {
	return &plain{poke: make(chan struct{}, 1), changed: make(chan struct{}), places: map[string]*place{}, want: map[string]wanted{},
		known: map[string]bool{}, revisions: map[string]uint64{}}
}

// tell wakes everybody who waits for a change.
func (p *plain) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// wake makes the loop look at once.
func (p *plain) wake() {
	select {
	case p.poke <- struct{}{}:
	default:
	}
}

// Close ends the loop; what runs goes on running.
func (p *plain) Close() error {
	if p.done != nil {
		p.end()
		<-p.done
	}
	return nil
}

// Info names the substrate.
func (p *plain) Info(context.Context) (*substratev1.InfoResponse, error) {
	return &substratev1.InfoResponse{Name: "plain", Version: plugin.Version(), Agents: "shared", Capabilities: []string{"scale", "storage", "confirm-gone"}}, nil
}

// Configure takes the directories.
func (p *plain) Configure(_ context.Context, req *substratev1.ConfigureRequest) error {
	for name := range req.GetSettings() {
		return errs.E(errs.Invalid, "cannot configure the plain substrate: it has no setting %q, and no other", name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.runDir, p.supervisor = req.GetStateDir(), req.GetRunDir(), req.GetSupervisor()
	return nil
}

// Adopt takes over what an earlier life started and begins to work: only the
// process beside the controller is asked to.
func (p *plain) Adopt(context.Context) (*substratev1.AdoptResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == "" {
		return nil, errs.E(errs.Invalid, "cannot adopt units: the substrate is not configured")
	}
	if err := p.restore(); err != nil {
		return nil, errs.E(errs.Unavailable, "cannot adopt units: %w", err)
	}
	answer := &substratev1.AdoptResponse{}
	for k, at := range p.places {
		answer.Units = append(answer.Units, &substratev1.Adopted{ModelUuid: at.Model, Unit: at.Unit, ProviderId: k})
	}
	p.tell()
	if p.done == nil {
		var ctx context.Context
		ctx, p.end = context.WithCancel(context.Background())
		p.done = make(chan struct{})
		go func() {
			defer close(p.done)
			p.loop(ctx)
		}()
	}
	return answer, nil
}

// Validate finds what plain processes cannot give.
func (p *plain) Validate(_ context.Context, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	var found []*substratev1.Diagnostic
	for _, c := range spec.GetContainers() {
		if c.GetRoot() != "" {
			found = append(found, &substratev1.Diagnostic{Severity: "error", Key: "containers." + c.GetName() + ".root",
				Message: "plain processes have no root of their own", Hint: "leave root empty, or use the substrate local"})
		}
	}
	return found, nil
}

// Ensure writes down what is wanted; the loop brings it about. Draining units
// are wanted until they are left out: that is the whole of two-phase scale-down.
func (p *plain) Ensure(_ context.Context, req *substratev1.EnsureRequest) (*substratev1.EnsureResponse, error) {
	spec := req.GetSpec()
	app := spec.GetModelUuid() + " " + spec.GetApplication()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil || len(spec.GetModelUuid()) < 8 {
		return nil, errs.E(errs.Invalid, "cannot place %s: the substrate has not adopted yet, or the specification has no model", spec.GetApplication())
	}
	if req.GetRevision() < p.revisions[app] {
		return &substratev1.EnsureResponse{}, nil
	}
	p.revisions[app] = req.GetRevision()
	p.forget(spec.GetModelUuid(), spec.GetApplication(), "")
	for _, u := range spec.GetUnits() {
		p.want[key(spec.GetModelUuid(), u.GetName())] = wanted{spec: spec, unit: u}
	}
	p.wake()
	return &substratev1.EnsureResponse{Accepted: true}, nil
}

// forget takes an application's units, or one of them, out of what is wanted.
func (p *plain) forget(model, app, unit string) {
	p.known[model+" "+app] = true
	for k, w := range p.want {
		if w.spec.GetModelUuid() == model && w.spec.GetApplication() == app && (unit == "" || w.unit.GetName() == unit) {
			delete(p.want, k)
		}
	}
}

// Remove ends units and waits for their end.
func (p *plain) Remove(ctx context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	ctx, end := context.WithTimeout(ctx, time.Duration(req.GetTimeoutMs())*time.Millisecond)
	defer end()
	if req.GetStorage() != "" {
		return p.removeStorage(ctx, req, send)
	}
	p.mu.Lock()
	p.forget(req.GetModelUuid(), req.GetApplication(), req.GetUnit())
	p.wake()
	p.mu.Unlock()
	told := map[string]string{}
	for {
		left, news, changed := p.left(req, told)
		for _, progress := range news {
			if err := send(progress); err != nil {
				return err
			}
		}
		if left == 0 {
			return p.destroy(req)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return p.blocked(req, send)
		}
	}
}

// left lists what changed since it was told, and how many places are left.
func (p *plain) left(req *substratev1.RemoveRequest, told map[string]string) (left int, news []*substratev1.RemoveProgress, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, at := range p.places {
		if at.Model != req.GetModelUuid() || at.App != req.GetApplication() || req.GetUnit() != "" && at.Unit != req.GetUnit() {
			continue
		}
		state := "removing"
		if at.phase == "gone" {
			state = "removed"
		} else {
			left++
		}
		if told[k] != state && (state == "removing" || told[k] != "") {
			news = append(news, &substratev1.RemoveProgress{Object: at.Unit, State: state})
		}
		told[k] = state
	}
	return left, news, p.changed
}

// blocked names what did not end in time.
func (p *plain) blocked(req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	p.mu.Lock()
	var news []*substratev1.RemoveProgress
	for _, at := range p.places {
		if at.Model == req.GetModelUuid() && at.App == req.GetApplication() && at.phase != "gone" {
			news = append(news, &substratev1.RemoveProgress{Object: at.Unit, State: "blocked", Blocking: "its supervisors are still ending"})
		}
	}
	p.mu.Unlock()
	for _, progress := range news {
		if err := send(progress); err != nil {
			return err
		}
	}
	return nil
}

// destroy removes the storage of what was removed, if that was asked for.
func (p *plain) destroy(req *substratev1.RemoveRequest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.places {
		if !req.GetDestroyStorage() || at.Model != req.GetModelUuid() || at.App != req.GetApplication() || req.GetUnit() != "" && at.Unit != req.GetUnit() {
			continue
		}
		for _, s := range at.Storage {
			if err := os.RemoveAll(s.GetLocation()); err != nil {
				return errs.E(errs.Unavailable, "cannot destroy storage %s: %w", s.GetId(), err)
			}
		}
	}
	return nil
}

// removeStorage removes one storage when no unit has it any more.
func (p *plain) removeStorage(ctx context.Context, req *substratev1.RemoveRequest, send func(*substratev1.RemoveProgress) error) error {
	for {
		p.mu.Lock()
		holder, changed := "", p.changed
		for _, at := range p.places {
			if at.Model == req.GetModelUuid() && at.phase != "gone" && slices.ContainsFunc(at.Storage, func(m *substratev1.StorageMount) bool { return m.GetId() == req.GetStorage() }) {
				holder = at.Unit
			}
		}
		p.mu.Unlock()
		if holder == "" {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return send(&substratev1.RemoveProgress{Object: req.GetStorage(), State: "blocked", Blocking: "unit " + holder + " has it"})
		}
	}
	if !req.GetDestroyStorage() {
		return nil
	}
	if err := os.RemoveAll(p.storageDir(req.GetModelUuid(), req.GetStorage())); err != nil {
		return errs.E(errs.Unavailable, "cannot destroy storage %s: %w", req.GetStorage(), err)
	}
	return nil
}

// storageDir is where a storage lies, whoever has it.
func (p *plain) storageDir(model, id string) string {
	return filepath.Join(p.state, "storage", model[:min(8, len(model))]+"-"+strings.ReplaceAll(id, "/", "-"))
}

// sorted is a list of a map's keys in order.
func sorted(places map[string]*place) []string {
	var keys []string
	for k := range places {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(places[a].Unit, places[b].Unit) })
	return keys
}
