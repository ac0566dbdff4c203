package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/plugin"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

const (
	beat     = 50 * time.Millisecond // how often processes are looked at
	patience = 10 * time.Second      // before a supervisor that does not end is killed
)

// wanted is a unit that a specification names.
type wanted struct {
	spec *substratev1.ApplicationSpec
	unit *substratev1.UnitSpec
}

// loop makes what is be as it was asked for, until ctx ends. It never waits for
// a process: what takes time is looked at again at the next beat.
func (p *plain) loop(ctx context.Context) {
	log := plugin.NewLogger()
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		p.mu.Lock()
		before := p.versions()
		if err := p.converge(time.Now()); err != nil {
			log.Error("cannot converge", "err", err)
		}
		if p.versions() != before {
			p.tell()
		}
		p.mu.Unlock()
		select {
		case <-ticker.C:
		case <-p.poke:
		case <-ctx.Done():
			return
		}
	}
}

// versions sums up all changes.
func (p *plain) versions() (n int) {
	for _, at := range p.places {
		n += at.version
	}
	return n
}

// converge takes one step with every place.
func (p *plain) converge(now time.Time) error {
	for k, at := range p.places {
		_, want := p.want[k]
		switch {
		case at.phase == "running" && !want && p.known[at.Model+" "+at.App]:
			at.phase, at.deadline = "stopping", now.Add(patience)
			at.version++
			at.signal(syscall.SIGTERM)
		case at.phase == "stopping" && at.alive() && now.After(at.deadline):
			at.signal(syscall.SIGKILL)
		case at.phase == "stopping" && !at.alive():
			if err := p.drop(k); err != nil {
				return err
			}
			at.phase = "gone" // and nothing else: only now is it certain
			at.version++
		}
	}
	for k, w := range p.want {
		at := p.places[k]
		if at == nil || at.phase == "gone" {
			version := 0
			if at != nil {
				version = at.version
			}
			at = &place{Model: w.spec.GetModelUuid(), App: w.spec.GetApplication(), Unit: w.unit.GetName(), phase: "running", version: version + 1}
			p.places[k] = at
		}
		if at.phase != "running" {
			continue // it comes back when its former life is over
		}
		if err := p.run(k, at, w); err != nil {
			return err
		}
	}
	return nil
}

// run sees to a place's storage and containers, and writes down what it did.
func (p *plain) run(k string, at *place, w wanted) error {
	mounts, err := p.mounts(at, w)
	if err != nil {
		return err
	}
	at.saved = at.saved && len(mounts) == len(at.Storage)
	at.Storage = mounts
	for _, want := range w.spec.GetContainers() {
		c := at.container(want.GetName())
		if c == nil {
			c = &container{Name: want.GetName(), Socket: filepath.Join(p.runDir, key(k, want.GetName())+".s")}
			at.Containers = append(at.Containers, c)
		}
		if c.alive() {
			continue
		}
		at.saved = false
		if err := p.start(k, c); err != nil {
			return err
		}
	}
	if at.saved {
		return nil
	}
	at.version++
	return p.save(k, at)
}

// mounts are the directories of a unit's storage; what is there already is kept.
func (p *plain) mounts(at *place, w wanted) ([]*substratev1.StorageMount, error) {
	var mounts []*substratev1.StorageMount
	for _, s := range w.unit.GetStorage() {
		if i := slices.IndexFunc(at.Storage, func(m *substratev1.StorageMount) bool { return m.GetId() == s.GetId() }); i >= 0 {
			mounts = append(mounts, at.Storage[i])
			continue
		}
		location := p.storageDir(w.spec.GetModelUuid(), s.GetId())
		if err := os.MkdirAll(location, 0o700); err != nil {
			return nil, err
		}
		mounts = append(mounts, &substratev1.StorageMount{Id: s.GetId(), Name: s.GetName(), Kind: "filesystem", Location: location})
		at.saved = false
	}
	return mounts, nil
}

func (at *place) container(name string) *container {
	for _, c := range at.Containers {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// alive says whether anything of a place still runs.
func (at *place) alive() bool {
	for _, c := range at.Containers {
		if c.alive() {
			return true
		}
	}
	return false
}

func (at *place) signal(s syscall.Signal) {
	for _, c := range at.Containers {
		c.signal(s)
	}
}
