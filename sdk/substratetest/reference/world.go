// Package reference is a substrate in memory, as small as one can be: places are
// records and supervisors are servers that only say who they are. It shows what
// the contract asks for, and with a Fault what the suite finds.
package reference

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// World is what outlives a substrate's process: units and their supervisors.
type World struct {
	run, state string

	mu        sync.Mutex
	changed   chan struct{} // closed at every change
	units     map[string]*unit
	revisions map[string]uint64
	last      int
	boots     int
	reboots   []string // who asked for one
}

// unit is one place.
type unit struct {
	model, app, name string
	id               string
	phase            string
	confirmed        bool // told to be gone, true in phase gone only, but for a fault
	since            time.Time
	version          int // counts changes
	containers       []*container
	storage          []*substratev1.StorageMount
	had              []string // every storage that it ever had
}

// container is one supervisor.
type container struct {
	name, socket, boot string
	server             *http.Server
	served             chan struct{}
}

// NewWorld makes an empty world whose sockets lie in run and storage in state.
func NewWorld(run, state string) *World {
	return &World{run: run, state: state, changed: make(chan struct{}), units: map[string]*unit{}, revisions: map[string]uint64{}}
}

// Close ends everything in the world.
func (w *World) Close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.units {
		u.stop()
	}
}

// Crash ends the supervisor behind a socket; another is started in its place.
func (w *World) Crash(socket string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.units {
		for _, c := range u.containers {
			if c.socket == socket && c.server != nil {
				c.stop()
				err := c.start()
				u.version++
				w.tell()
				return err
			}
		}
	}
	return errs.E(errs.NotFound, "cannot crash %s: nobody listens there", socket)
}

// tell wakes everybody who waits for a change.
func (w *World) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// place makes a unit's place be as the specification says.
func (w *World) place(key string, spec *substratev1.ApplicationSpec, want *substratev1.UnitSpec) error {
	u := w.units[key]
	if u == nil || u.phase == "gone" {
		w.last++
		version := 0
		if u != nil {
			version = u.version
			u.stop() // it has, but for a fault
		}
		u = &unit{model: spec.GetModelUuid(), app: spec.GetApplication(), name: want.GetName(), id: fmt.Sprintf("place-%d", w.last),
			phase: "running", since: time.Now(), version: version + 1}
		w.units[key] = u
	}
	for _, c := range spec.GetContainers() {
		if u.container(c.GetName()) != nil {
			continue
		}
		w.last++
		added := &container{name: c.GetName(), socket: filepath.Join(w.run, fmt.Sprintf("%d.s", w.last))}
		if err := added.start(); err != nil {
			return err
		}
		u.containers = append(u.containers, added)
		u.version++
	}
	return w.mount(u, want)
}

// dir is where a storage lies, attached or not.
func (w *World) dir(model, id string) string {
	return filepath.Join(w.state, "storage", model[:8]+"-"+strings.ReplaceAll(id, "/", "-"))
}

// destroy removes one storage.
func (w *World) destroy(req *substratev1.RemoveRequest, fault Fault) error {
	dir := w.dir(req.GetModelUuid(), req.GetStorage())
	if fault == RemovesAll {
		dir = filepath.Dir(dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return errs.E(errs.Unavailable, "cannot destroy storage %s: %w", req.GetStorage(), err)
	}
	return nil
}

// mounted lists what was attached or detached since it was told.
func (s *Substrate) mounted(key string, told map[string]*substratev1.StorageMount) (news []*substratev1.StorageChanged) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	u := s.world.units[key]
	if u == nil || s.fault == KeepsStorage {
		return nil
	}
	now := map[string]bool{}
	for _, m := range u.storage {
		now[m.GetId()] = true
		if told[m.GetId()] == nil {
			told[m.GetId()] = m
			news = append(news, &substratev1.StorageChanged{Id: m.GetId(), State: "attached", Mount: m})
		}
	}
	for id, m := range told {
		if !now[id] {
			delete(told, id)
			news = append(news, &substratev1.StorageChanged{Id: id, State: "detaching", Mount: m})
		}
	}
	return news
}

// mount makes the unit's storage directories.
func (w *World) mount(u *unit, want *substratev1.UnitSpec) error {
	u.storage = nil
	for _, s := range want.GetStorage() {
		dir := w.dir(u.model, s.GetId())
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return errs.E(errs.Unavailable, "cannot make storage %s: %w", s.GetId(), err)
		}
		u.had = append(u.had, s.GetId())
		u.storage = append(u.storage, &substratev1.StorageMount{Id: s.GetId(), Name: s.GetName(), Kind: "filesystem", Location: dir})
	}
	return nil
}

func (u *unit) container(name string) *container {
	for _, c := range u.containers {
		if c.name == name {
			return c
		}
	}
	return nil
}

// end ends a unit for good.
func (u *unit) end() {
	if u.phase == "gone" {
		return
	}
	u.stop()
	u.phase, u.confirmed, u.since = "gone", true, time.Now()
	u.version++
}

func (u *unit) stop() {
	for _, c := range u.containers {
		c.stop()
	}
}

func (c *container) start() error {
	listener, err := net.Listen("unix", c.socket)
	if err != nil {
		return errs.E(errs.Unavailable, "cannot start container %s: %w", c.name, err)
	}
	boot := rand.Text()
	c.boot, c.served = boot, make(chan struct{})
	c.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(to).Encode(map[string]any{"result": map[string]string{"boot-id": boot}}) // a client that left
	})}
	server, served := c.server, c.served
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends by Close
	}()
	return nil
}

func (c *container) stop() {
	if c.server == nil {
		return
	}
	_ = c.server.Close() // removes the socket
	<-c.served
	c.server = nil
}
