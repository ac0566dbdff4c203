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
