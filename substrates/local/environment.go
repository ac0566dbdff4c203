package local

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/process"
)

// addresses are the unit's. All units of this substrate are on one machine, so
// the loopback always reaches them. The machine's other addresses would change
// with every network that a laptop joins, and each change would be told to every
// related unit.
func addresses() []string { return []string{"127.0.0.1"} }

func interfaces() []*substratev1.NetworkInterface {
	return []*substratev1.NetworkInterface{{Name: "lo", Cidrs: []string{"127.0.0.1/8"}}}
}

// Environment tells what the unit finds here.
func (s *Substrate) Environment(ctx context.Context, req *substratev1.EnvironmentRequest) (*substratev1.EnvironmentResponse, error) {
	lay, err := s.layout()
	if err != nil {
		return nil, err
	}
	r, err := lay.find(req.GetModelUuid(), req.GetUnit())
	if err != nil {
		return nil, err
	}
	env := &substratev1.EnvironmentResponse{
		Addresses: addresses(), Interfaces: interfaces(), MachineId: "0", BootId: process.Boot(),
		Enter: s.enter(ctx, lay, r),
	}
	for _, c := range r.Containers {
		root := c.Root
		if root == "" {
			root = "/"
		}
		env.Containers = append(env.Containers, &substratev1.UnitContainer{Name: c.Name, Socket: c.Socket, Root: root})
	}
	for _, st := range r.Storage {
		env.Storage = append(env.Storage, st.told())
	}
	return env, nil
}

// find is the record of a unit that has its place.
func (l *layout) find(model, unit string) (*record, error) {
	if !element(model) || len(unit) > 200 || filepath.Clean("/"+unit) != "/"+unit {
		return nil, errs.E(errs.Invalid, "cannot find unit %q of model %q: not valid names", unit, model)
	}
	r, err := readRecord(l.recordFile(model, unit))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return nil, errs.E(errs.NotFound, "cannot find %s: it has no place here yet", place(model, unit))
	case err != nil:
		return nil, errs.E(errs.Internal, "cannot find %s: %w", place(model, unit), err)
	case r.ModelUUID != model || r.Unit != unit || r.Ending:
		return nil, errs.E(errs.NotFound, "cannot find %s: its place is being removed", place(model, unit))
	}
	return r, nil
}

func (st storage) told() *substratev1.StorageMount {
	kind := st.Kind
	if kind == "" {
		kind = "filesystem"
	}
	return &substratev1.StorageMount{Id: st.ID, Name: st.Name, Kind: kind, Location: st.Location}
}

// enter is the program around an executable charm that gives it /charm.
//
// In `hooktool world`, which an ordinary user's agent runs in, it also hides what
// is not the charm's business and drops capabilities, so every charm goes through
// it. Elsewhere a charm without containers needs no /charm and runs as it is.
func (s *Substrate) enter(ctx context.Context, lay *layout, r *record) []string {
	s.mu.Lock()
	space := s.space
	s.mu.Unlock()
	if space.refused(ctx) != nil {
		return nil
	}
	root := mayMount() && !inWorld()
	if root && len(r.Containers) == 0 {
		return nil
	}
	prefix := []string{lay.hooktool, "enter", "--charm", filepath.Join(lay.unitDir(r.ModelUUID, r.Unit), "charm")}
	if root {
		return prefix
	}
	for _, dir := range lay.hide {
		prefix = append(prefix, "--mask", dir)
	}
	keep := []string{lay.socketDir(r.ModelUUID, r.Unit)}
	for _, st := range r.Storage {
		keep = append(keep, st.Location)
	}
	for _, c := range r.Containers {
		if c.Root != "" {
			keep = append(keep, c.Root)
		}
	}
	for _, path := range keep {
		prefix = append(prefix, "--keep", path)
	}
	return prefix
}
