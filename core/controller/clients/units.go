package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// AddUnit adds units; numbers are never used again.
func (s *Service) AddUnit(ctx context.Context, req *connect.Request[clientv1.AddUnitRequest]) (*connect.Response[clientv1.AddUnitResponse], error) {
	resp := &clientv1.AddUnitResponse{}
	count := max(int(req.Msg.GetCount()), 1)
	_, err := s.writeModel(ctx, req.Msg.GetModel(), func(e *edit, m *snapshot.Model) (err error) {
		resp.Units, err = s.addUnits(e, m, req.Msg.GetApplication(), count, req.Msg.GetAttachStorage()...)
		return err
	})
	return connect.NewResponse(resp), err
}

func (s *Service) addUnits(e *edit, m *snapshot.Model, name string, count int, attach ...string) ([]string, error) {
	app, err := application(m, name)
	if err != nil {
		return nil, err
	}
	if app.Value.GetSubordinate() {
		return nil, errs.E(errs.Invalid, "cannot add unit to application %q: application is a subordinate; add units to the application that it is integrated with", name)
	}
	if count > maxUnits {
		return nil, errs.E(errs.Invalid, "cannot add %d units to %q at once; at most %d, then more", count, name, maxUnits)
	}
	ch, err := s.charmOf(app.Value)
	if err != nil {
		return nil, err
	}
	e.saw(store.In(m.UUID, key.OfApp(key.App, name)), app.Mod) // an application that begins to die takes no units
	made, err := s.newUnits(e, m, app.Value, ch, newUnits{count: count, attach: attach})
	if err != nil {
		return nil, err
	}
	return made, s.besideNew(e, m, name, made)
}

// RemoveUnit begins the end of units: of those named, or of the application's
// with the highest numbers.
func (s *Service) RemoveUnit(ctx context.Context, req *connect.Request[clientv1.RemoveUnitRequest]) (*connect.Response[clientv1.RemoveUnitResponse], error) {
	in, resp := req.Msg, &clientv1.RemoveUnitResponse{}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		wanted := slices.Clone(in.GetUnits())
		var bad problems
		for _, u := range wanted {
			bad.add(removable(m, u))
		}
		if in.GetApplication() != "" {
			highest, err := highestUnits(m, in.GetApplication(), int(in.GetCount()))
			bad.add(err)
			wanted = append(wanted, highest...)
		}
		if len(wanted) == 0 && bad.err() == nil {
			bad.addf("cannot remove units: none were named; give units, or an application with --num-units")
		}
		if err := bad.err(); err != nil {
			return err
		}
		resp.Units = nil
		for _, u := range wanted {
			if endUnit(e, m, u, in.GetForce(), in.GetDestroyStorage()) {
				resp.Units = append(resp.Units, u)
			}
		}
		return nil
	})
	return connect.NewResponse(resp), err
}

// removable says why a unit cannot be removed by name.
func removable(m *snapshot.Model, name string) error {
	if err := model.CheckUnitName(name); err != nil {
		return err
	}
	u, ok := m.Units[name]
	switch {
	case !ok:
		return errs.E(errs.NotFound, "cannot remove unit %q: there is no such unit in model %q", name, m.Record.Value.GetName())
	case u.Value.GetPrincipal() != "":
		return errs.E(errs.Invalid, "cannot remove unit %q: unit is a subordinate, to remove use remove-relation, which removes all units of %q beside %q",
			name, appOf(name), appOf(u.Value.GetPrincipal()))
	}
	return nil
}

// highestUnits are count alive units with the highest numbers.
func highestUnits(m *snapshot.Model, name string, count int) ([]string, error) {
	app, err := application(m, name)
	if err != nil {
		return nil, err
	}
	if app.Value.GetSubordinate() {
		return nil, errs.E(errs.Invalid, "cannot remove units of application %q: application is a subordinate, to remove its units use remove-relation", name)
	}
	alive := m.AliveUnits(name)
	if count < 1 || count > len(alive) {
		return nil, errs.E(errs.Invalid, "cannot remove %d units of %q: it has %d; give a number from 1 to that", count, name, len(alive))
	}
	slices.Reverse(alive)
	return alive[:count], nil
}

// maxScale is how many units one request for a scale makes: more is a slip of the hand.
const maxScale = 10 * maxUnits

// ScaleApplication adds units, or removes those with the highest numbers, until so many are alive. Thousands are more than one
// transaction holds; an error says how far it came.
func (s *Service) ScaleApplication(ctx context.Context, req *connect.Request[clientv1.ScaleApplicationRequest]) (*connect.Response[clientv1.ScaleApplicationResponse], error) {
	resp := &clientv1.ScaleApplicationResponse{}
	for {
		left, err := s.scaleStep(ctx, req.Msg, resp)
		if err != nil && len(resp.Added)+len(resp.Removed) > 0 {
			return nil, fmt.Errorf("%w; %d units were added and %d removed before", err, len(resp.Added), len(resp.Removed))
		}
		if err != nil || left == 0 {
			return connect.NewResponse(resp), err
		}
	}
}

// scaleStep brings an application nearer to its scale, and says how many units it is away from it then.
func (s *Service) scaleStep(ctx context.Context, in *clientv1.ScaleApplicationRequest, resp *clientv1.ScaleApplicationResponse) (left int, err error) {
	var added, removed []string
	_, err = s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) (err error) {
		app, err := application(m, in.GetApplication())
		if err != nil {
			return err
		}
		if app.Value.GetSubordinate() {
			return errs.E(errs.Invalid, "cannot scale application %q: application is a subordinate; scale the application that it is integrated with", in.GetApplication())
		}
		added, removed, left = nil, nil, 0
		more := int(in.GetScale()) - len(m.AliveUnits(in.GetApplication()))
		switch {
		case more+len(resp.Added) > maxScale:
			return errs.E(errs.Invalid, "cannot scale %q to %d units: that is %d more; at most %d more at once, then more", in.GetApplication(), in.GetScale(), more, maxScale)
		case more > 0:
			left = max(0, more-maxUnits)
			added, err = s.addUnits(e, m, in.GetApplication(), more-left)
			return err
		case more < 0:
			left = max(0, -more-endAtOnce)
			removed, err = highestUnits(m, in.GetApplication(), -more-left)
			for _, u := range removed {
				endUnit(e, m, u, false, false)
			}
			return err
		}
		return nil
	})
	if err != nil {
		return left, err
	}
	resp.Added, resp.Removed = append(resp.Added, added...), append(resp.Removed, removed...)
	return left, nil
}

// RemoveApplication begins the end of an application with all that is its own.
func (s *Service) RemoveApplication(ctx context.Context, req *connect.Request[clientv1.RemoveApplicationRequest]) (*connect.Response[clientv1.RemoveApplicationResponse], error) {
	in, resp := req.Msg, &clientv1.RemoveApplicationResponse{}
	build := func(e *edit, m *snapshot.Model) error {
		app, err := anyApplication(m, in.GetApplication())
		if err != nil {
			return err
		}
		resp.Units, resp.Storage = slices.Clone(m.UnitsOf(app.Value.GetName())), nil
		for _, id := range slices.Sorted(maps.Keys(m.Storage)) {
			if appOf(m.Storage[id].Value.GetOwner()) == app.Value.GetName() {
				resp.Storage = append(resp.Storage, id)
			}
		}
		budget := endAtOnce
		endApplication(e, m, app.Value.GetName(), in.GetForce(), in.GetDestroyStorage(), &budget)
		return nil
	}
	if in.GetDryRun() {
		m, err := s.model(in.GetModel())
		if err != nil {
			return nil, err
		}
		return connect.NewResponse(resp), build(s.newEdit(ctx), m)
	}
	_, err := s.write(ctx, func(e *edit) error {
		m, err := s.model(in.GetModel())
		if err != nil {
			return err
		}
		return build(e, m)
	})
	return connect.NewResponse(resp), err
}

// unitNames turns what a user names (units, app/leader) into units.
func unitNames(m *snapshot.Model, given []string) ([]string, error) {
	var out []string
	var bad problems
	for _, name := range given {
		unit := name
		if app := appOf(name); name == app+"/leader" {
			unit = m.Leads[app].Value.GetUnit()
			if _, err := anyApplication(m, app); err != nil {
				bad.add(err)
				continue
			}
			if unit == "" {
				bad.add(errs.E(errs.Unavailable, "cannot find the leader of %q: it has none now; wait until a unit is elected, or name a unit", app))
				continue
			}
		}
		if err := model.CheckUnitName(unit); err != nil {
			bad.add(err)
		} else if !m.Units[unit].Exists() {
			bad.add(errs.E(errs.NotFound, "cannot find unit %q in model %q: there is no such unit%s", unit, m.Record.Value.GetName(), unitHint(m, appOf(unit))))
		}
		if !slices.Contains(out, unit) {
			out = append(out, unit)
		}
	}
	return out, bad.err()
}

// unitHint lists the units that there are.
func unitHint(m *snapshot.Model, app string) string {
	units := m.UnitsOf(app)
	if len(units) == 0 {
		return ""
	}
	if len(units) > 10 {
		return fmt.Sprintf("; %q has %d units, %s to %s", app, len(units), units[0], units[len(units)-1])
	}
	return fmt.Sprintf("; %q has %s", app, quoted(units))
}
