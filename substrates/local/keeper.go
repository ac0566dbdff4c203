package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/image"
)

// want is what shall become of a unit's place. The zero want is that of an
// adopted one: watch it, start nothing, until a spec names it.
type want struct {
	rec            *record // as of the spec
	ending         bool
	destroyStorage bool
}

// keeper makes one place be as wanted. Its goroutine alone changes the place.
type keeper struct {
	s    *Substrate
	lay  *layout
	wake chan struct{}
	gone chan struct{} // closed when the place is gone

	model, app, unit string

	mu       sync.Mutex
	rec      *record
	want     want
	states   map[string]state // of containers
	failure  string
	blocking string // what the end waits for
	runners  map[string]*runner
}

// state of one container, as far as is known.
type state struct {
	up     bool
	reason string
}

// keep starts a keeper. The caller holds s.mu.
func (s *Substrate) keep(r *record, w want) *keeper {
	k := &keeper{
		s: s, lay: s.lay, wake: make(chan struct{}, 1), gone: make(chan struct{}), model: r.ModelUUID, app: r.Application, unit: r.Unit,
		rec: r, want: w, states: map[string]state{}, runners: map[string]*runner{},
	}
	s.keepers[unitKey(r.ModelUUID, r.Unit)] = k
	k.publish()
	s.wg.Go(func() { k.run(s.ctx) })
	return k
}

// set changes what is wanted.
func (k *keeper) set(w want) {
	k.mu.Lock()
	k.want = w
	k.mu.Unlock()
	k.poke()
}

// wants says whether the place is to be as the record says already, and nothing is in the way of that.
func (k *keeper) wants(r *record) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.want.ending && k.failure == "" && k.want.rec != nil && k.want.rec.equal(r)
}

func (k *keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default: // it is awake already
	}
}

const retryTime = time.Second

func (k *keeper) run(ctx context.Context) {
	defer k.leave()
	for {
		k.mu.Lock()
		w := k.want
		k.mu.Unlock()
		var err error
		if w.ending {
			if err = k.tearDown(ctx, w); err == nil && k.finish() {
				return
			}
		} else {
			err = k.converge(ctx, w)
		}
		if ctx.Err() != nil {
			return
		}
		var again <-chan time.Time
		k.mu.Lock()
		if k.failure = ""; err != nil {
			k.failure = err.Error()
			again = time.After(retryTime)
		}
		k.mu.Unlock()
		k.publish()
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		case <-again:
		}
	}
}

// leave ends the runners without ending what they watch.
func (k *keeper) leave() {
	for name := range k.runners {
		k.drop(name)
	}
}

// finish takes the ended place off the list, unless it is wanted again.
func (k *keeper) finish() bool {
	k.s.mu.Lock()
	defer k.s.mu.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rec
	k.s.hub.publish(&substratev1.Observation{
		ModelUuid: r.ModelUUID, Application: r.Application, Unit: r.Unit, ProviderId: r.ProviderID, Phase: "gone", GoneConfirmed: true,
	})
	if !k.want.ending {
		return false
	}
	delete(k.s.keepers, unitKey(r.ModelUUID, r.Unit))
	close(k.gone)
	return true
}

// publish tells the observers what is.
func (k *keeper) publish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := k.rec
	o := &substratev1.Observation{
		ModelUuid: r.ModelUUID, Application: r.Application, Unit: r.Unit, ProviderId: r.ProviderID, Addresses: []string{r.address()}, Phase: "running", Ready: true,
	}
	for _, c := range r.Containers {
		if st := k.states[c.Name]; !st.up {
			o.Phase, o.Ready = "starting", false
			if st.reason != "" {
				o.Reason = "container " + c.Name + ": " + st.reason
			}
		}
	}
	if len(r.Containers) == 0 && k.want.rec != nil && k.want.rec.Revision > r.Revision {
		o.Phase, o.Ready = "pending", false
	}
	switch {
	case k.want.ending:
		o.Phase, o.Ready, o.Reason = "stopping", false, k.blocking
	case k.failure != "":
		o.Phase, o.Ready, o.Reason = "error", false, k.failure
	}
	k.s.hub.publish(o)
}

// converge makes directories and supervisors be as the spec says.
func (k *keeper) converge(ctx context.Context, w want) error {
	if w.rec == nil {
		for _, c := range k.record().Containers {
			k.follow(ctx, c.Name) // until a spec tells more
		}
		return nil
	}
	next, stale, err := k.merge(ctx, w.rec)
	if err != nil {
		return err
	}
	for _, name := range stale {
		k.drop(name)
		if err := k.end(ctx, name); err != nil {
			return err
		}
	}
	k.mu.Lock()
	for i := range next.Containers { // a runner may have started one anew meanwhile
		c := &next.Containers[i]
		if now := k.rec.container(c.Name); now != nil && now.same(*c) {
			c.Process = now.Process
		}
	}
	before := k.rec
	k.rec = next
	next = next.clone()
	k.mu.Unlock()
	if err := errors.Join(k.furnish(next), k.lay.disown(before, next)); err != nil {
		return err
	}
	for _, c := range next.Containers {
		k.follow(ctx, c.Name)
	}
	return nil
}

// merge gives the record to be, with what runs already, and the names of the
// containers that must end first.
func (k *keeper) merge(ctx context.Context, wanted *record) (next *record, stale []string, err error) {
	now := k.record()
	next = wanted.clone()
	if _, err := os.Stat(k.lay.recordFile(now.ModelUUID, now.Unit)); err == nil {
		next.Token = now.Token
	}
	for i := range next.Containers {
		c := &next.Containers[i]
		if old := now.container(c.Name); old != nil && old.same(*c) {
			c.Process, c.Root = old.Process, old.Root
		}
		if c.Source != "" && c.Root == "" {
			if c.Root, err = k.root(ctx, *c); err != nil {
				return nil, nil, fmt.Errorf("cannot prepare the root of container %s: %w", c.Name, err)
			}
		}
	}
	for _, old := range now.Containers {
		if c := next.container(old.Name); c == nil || !old.same(*c) {
			stale = append(stale, old.Name)
		}
	}
	return next, stale, nil
}

// root is the directory that the container's programs see. A directory is used
// as it is; of an image every unit gets a copy of its own.
func (k *keeper) root(ctx context.Context, c container) (string, error) {
	kind, err := image.Look(c.Source)
	if err != nil || kind == image.Directory {
		return c.Source, err
	}
	tree, err := image.Unpack(ctx, c.Source, k.lay.images())
	if err != nil {
		return "", err
	}
	dir := k.lay.containerDir(k.model, k.unit, c.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	copied := filepath.Join(dir, "root-"+filepath.Base(tree)[:12])
	return copied, image.Copy(ctx, tree, copied)
}

// furnish makes directories and links, then the record.
func (k *keeper) furnish(r *record) error {
	dir := k.lay.unitDir(r.ModelUUID, r.Unit)
	made := []string{filepath.Join(dir, "charm", "containers")}
	for _, s := range r.Storage {
		made = append(made, s.Location)
	}
	for _, c := range r.Containers {
		made = append(made, k.lay.containerDir(r.ModelUUID, r.Unit, c.Name), filepath.Join(dir, "charm", "containers", c.Name), filepath.Dir(c.Socket))
	}
	for _, d := range made {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("cannot make %s: %w", place(r.ModelUUID, r.Unit), err)
		}
	}
	if err := k.lay.own(r); err != nil {
		return err
	}
	for _, c := range r.Containers {
		link := filepath.Join(dir, "charm", "containers", c.Name, "pebble.socket")
		if target, err := os.Readlink(link); err == nil && target == c.Socket {
			continue
		}
		if err := errors.Join(os.RemoveAll(link), os.Symlink(c.Socket, link)); err != nil {
			return fmt.Errorf("cannot make %s: %w", place(r.ModelUUID, r.Unit), err)
		}
	}
	return k.save()
}

// save writes the record as it is now.
func (k *keeper) save() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rec.save(k.lay.recordFile(k.model, k.unit))
}

// record is a copy of what is known now.
func (k *keeper) record() *record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rec.clone()
}
