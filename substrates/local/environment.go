package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/process"
)

// address is the unit's own, within 127.64.0.0/10: every address that begins with 127 is this machine, so each unit can
// have one, and two units that listen on the same port do not meet. The machine's other addresses would change with
// every network that a laptop joins, and each change would be told to every related unit.
func address(model, unit string) string {
	sum := sha256.Sum256([]byte(model + "/" + unit))
	return fmt.Sprintf("127.%d.%d.%d", 64+sum[0]&63, sum[1], 1+sum[2]%254)
}

// address is where the unit is reached; a subordinate is reached where its principal is.
func (r *record) address() string {
	if r.Principal != "" {
		return address(r.ModelUUID, r.Principal)
	}
	return address(r.ModelUUID, r.Unit)
}

func interfaces(address string) []*substratev1.NetworkInterface {
	return []*substratev1.NetworkInterface{{Name: "lo", Cidrs: []string{address + "/8"}}}
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
	return s.environment(ctx, lay, r), nil
}

// environment is what a unit with that record finds.
func (s *Substrate) environment(ctx context.Context, lay *layout, r *record) *substratev1.EnvironmentResponse {
	own := r.address()
	env := &substratev1.EnvironmentResponse{
		Addresses: []string{own}, Interfaces: interfaces(own), MachineId: "0", BootId: process.Boot(), MachineLock: lay.lock,
		Enter: s.enter(ctx, lay, r),
	}
	for _, c := range r.Containers {
		env.Containers = append(env.Containers, &substratev1.UnitContainer{Name: c.Name, Socket: c.Socket, Root: c.Root})
	}
	for _, st := range r.Storage {
		env.Storage = append(env.Storage, st.told())
	}
	return env
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
