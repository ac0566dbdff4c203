package main

import (
	"context"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// Observe sends what changed since it last looked: a slow reader misses states
// between, never the last.
func (p *plain) Observe(ctx context.Context, req *substratev1.ObserveRequest, send func(*substratev1.Observation) error) error {
	told := map[string]int{}
	for first := true; ; first = false {
		news, changed := p.news(req.GetModelUuid(), told)
		if first {
			news = append(news, &substratev1.Observation{Synced: true})
		}
		for _, seen := range news {
			if err := send(seen); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errs.With(errs.Canceled, context.Cause(ctx))
		}
	}
}

// news lists the places that changed and what to wait for.
func (p *plain) news(model string, told map[string]int) ([]*substratev1.Observation, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var news []*substratev1.Observation
	for _, k := range sorted(p.places) {
		at := p.places[k]
		if model != "" && at.Model != model || told[k] == at.version {
			continue
		}
		told[k] = at.version
		news = append(news, &substratev1.Observation{ModelUuid: at.Model, Application: at.App, Unit: at.Unit, ProviderId: k,
			Addresses: []string{"127.0.0.1"}, Phase: at.phase, Ready: at.phase == "running", GoneConfirmed: at.phase == "gone"})
	}
	return news, p.changed
}

// UnitInfo names the substrate.
func (p *plain) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) { return p.Info(ctx) }

// Environment says what a unit finds.
func (p *plain) Environment(_ context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.places[key(req.GetModelUuid(), req.GetUnit())]
	if at == nil || at.phase == "gone" {
		return nil, errs.E(errs.NotFound, "cannot describe the environment of %s: the unit has no place", req.GetUnit())
	}
	answer := &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, Storage: at.Storage}
	for _, c := range at.Containers {
		answer.Containers = append(answer.Containers, &substratev1.UnitContainer{Name: c.Name, Socket: c.Socket})
	}
	return answer, nil
}

// Watch tells every container that came up since it last looked.
func (p *plain) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	told := map[string]string{}
	for {
		ups, changed := p.ups(key(req.GetModelUuid(), req.GetUnit()), told)
		for _, up := range ups {
			if err := send(&substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: up}}); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errs.With(errs.Canceled, context.Cause(ctx))
		}
	}
}

// ups lists the containers that answer and were not told, and what to wait for.
func (p *plain) ups(k string, told map[string]string) ([]*substratev1.ContainerUp, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var ups []*substratev1.ContainerUp
	if at := p.places[k]; at != nil && at.phase == "running" {
		for _, c := range at.Containers {
			if c.answers && told[c.Name] != c.boot() {
				told[c.Name] = c.boot()
				ups = append(ups, &substratev1.ContainerUp{Name: c.Name, BootId: c.boot(), Socket: c.Socket})
			}
		}
	}
	return ups, p.changed
}
