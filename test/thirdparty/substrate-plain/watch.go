package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// The unit's side runs beside the agent, in another process than the provider,
// perhaps before it. So it reads what the provider wrote, and asks the sockets.

// UnitInfo names the substrate.
func (p *plain) UnitInfo(ctx context.Context) (*substratev1.InfoResponse, error) { return p.Info(ctx) }

// find reads the record of a unit's place, nil when it has none.
func (p *plain) find(model, unit string) (*place, error) {
	p.mu.Lock()
	file := p.file(key(model, unit))
	p.mu.Unlock()
	at, err := load(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, errs.E(errs.Unavailable, "cannot read the place of %s: %w", unit, err)
	}
	return at, nil
}

// Environment says what a unit finds.
func (p *plain) Environment(_ context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	at, err := p.find(req.GetModelUuid(), req.GetUnit())
	if err != nil {
		return nil, err
	}
	if at == nil {
		return nil, errs.E(errs.NotFound, "cannot describe the environment of %s: the unit has no place", req.GetUnit())
	}
	answer := &substratev1.EnvironmentResponse{Addresses: []string{"127.0.0.1"}, Storage: at.Storage, BootId: bootID()}
	for _, c := range at.Containers {
		answer.Containers = append(answer.Containers, &substratev1.UnitContainer{Name: c.Name, Socket: c.Socket})
	}
	return answer, nil
}

// Watch looks at every beat and tells what is other than it was told.
func (p *plain) Watch(ctx context.Context, req *substratev1.WatchRequest, send func(*substratev1.UnitEvent) error) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	t := &told{lives: map[string]string{}, mounts: map[string]bool{}}
	for {
		at, err := p.find(req.GetModelUuid(), req.GetUnit())
		if err != nil {
			return err
		}
		for _, event := range t.news(at) {
			if err := send(event); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errs.With(errs.Canceled, context.Cause(ctx))
		}
	}
}

// told is what a watcher knows.
type told struct {
	there  bool
	lives  map[string]string // of containers; "" = down
	mounts map[string]bool
}

// news compares a place with what was told of it.
func (t *told) news(at *place) (news []*substratev1.UnitEvent) {
	if at == nil {
		if t.there {
			news = append(news, &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Terminating{Terminating: &substratev1.Terminating{}}})
		}
		*t = told{lives: map[string]string{}, mounts: map[string]bool{}}
		return news
	}
	t.there = true
	for _, c := range at.Containers {
		if event := t.container(c); event != nil {
			news = append(news, event)
		}
	}
	for _, m := range at.Storage {
		if !t.mounts[m.GetId()] {
			t.mounts[m.GetId()] = true
			news = append(news, storage(&substratev1.StorageChanged{Id: m.GetId(), State: "attached", Mount: m}))
		}
	}
	for id := range t.mounts {
		if !slices.ContainsFunc(at.Storage, func(m *substratev1.StorageMount) bool { return m.GetId() == id }) {
			delete(t.mounts, id)
			news = append(news, storage(&substratev1.StorageChanged{Id: id, State: "detaching"}))
		}
	}
	return news
}

func storage(changed *substratev1.StorageChanged) *substratev1.UnitEvent {
	return &substratev1.UnitEvent{Event: &substratev1.UnitEvent_Storage{Storage: changed}}
}

// container says what is new about a container, nil if nothing is.
func (t *told) container(c *container) *substratev1.UnitEvent {
	before, known := t.lives[c.Name]
	now := ""
	if c.alive() && (c.life() == before || c.answers() == c.PID) {
		now = c.life()
	}
	if known && now == before {
		return nil
	}
	t.lives[c.Name] = now
	if now == "" {
		return &substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerDown{ContainerDown: &substratev1.ContainerDown{
			Name: c.Name, Reason: "its supervisor does not answer"}}}
	}
	return &substratev1.UnitEvent{Event: &substratev1.UnitEvent_ContainerUp{ContainerUp: &substratev1.ContainerUp{
		Name: c.Name, BootId: now, Socket: c.Socket}}}
}
