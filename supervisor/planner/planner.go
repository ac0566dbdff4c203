// Package planner keeps the layers of a running supervisor and the plan they
// make. It adds a lock and listeners to the pure package plan.
package planner

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"github.com/bangle-dev/bangle/supervisor/plan"
)

// Planner holds the current plan; reading it takes no lock.
type Planner struct {
	plan atomic.Pointer[plan.Plan]

	mu        sync.Mutex
	layers    []*plan.Layer
	listeners []func(*plan.Plan)
}

// New reads the layers directory; a missing one means no layers.
func New(dir string) (*Planner, error) {
	layers, err := plan.Load(os.DirFS(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	p, err := plan.Combine(layers...)
	if err != nil {
		return nil, err
	}
	k := &Planner{layers: layers}
	k.plan.Store(p)
	return k, nil
}

// Plan returns the plan of the moment.
func (k *Planner) Plan() *plan.Plan { return k.plan.Load() }

// OnChange has fn called with every later plan. Call it before the first Add.
func (k *Planner) OnChange(fn func(*plan.Plan)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listeners = append(k.listeners, fn)
}

// ErrImmutable is returned when a layer would change the workloads section.
var ErrImmutable = errors.New("cannot change immutable section \"workloads\"")

// Add adds or combines a layer; on an error nothing has changed.
func (k *Planner) Add(l *plan.Layer, o plan.AddOptions) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	layers, err := plan.Add(k.layers, l, o)
	if err != nil {
		return err
	}
	next, err := plan.Combine(layers...)
	if err != nil {
		return err
	}
	same := func(a, b *plan.Workload) bool { return a.Equal(b) }
	if !maps.EqualFunc(next.Workloads, k.Plan().Workloads, same) {
		return ErrImmutable
	}
	k.layers = layers
	k.plan.Store(next)
	for _, fn := range k.listeners {
		fn(next)
	}
	return nil
}

// AddArgs replaces the default arguments of services' commands, as `run --args` does.
func (k *Planner) AddArgs(args map[string][]string) error {
	layer := &plan.Layer{Label: "pebble-service-args", Services: map[string]*plan.Service{}}
	for name, list := range args {
		s := k.Plan().Services[name]
		if s == nil {
			return fmt.Errorf("cannot set arguments: service %q does not exist", name)
		}
		command, err := plan.WithArgs(s.Command, list)
		if err != nil {
			return fmt.Errorf("cannot set arguments of service %q: %w", name, err)
		}
		layer.Services[name] = &plan.Service{Name: name, Override: plan.Merge, Command: command}
	}
	return k.Add(layer, plan.AddOptions{Combine: true})
}
