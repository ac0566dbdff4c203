package placement

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// unit records what was observed of a unit, and clears the unit away once it
// has ended and its place is gone.
func (s *session) unit(ctx context.Context, m *snapshot.Model, name string, writes *[]write) error {
	u, o := m.Units[name], s.seen[place{m.UUID, name}]
	if err := s.depose(ctx, m, name, o); err != nil {
		return err
	}
	if s.w.p.ended(u.Value) {
		s.purge(ctx, m, u.Value, o)
		return nil
	}
	s.waiting = s.waiting || u.Value.GetForced() && u.Value.GetLife() == controllerv1.Life_LIFE_DYING
	if o == nil || o.GetGoneConfirmed() {
		return nil
	}
	if o.GetProviderId() != "" && o.GetProviderId() != u.Value.GetProviderId() {
		next := proto.CloneOf(u.Value)
		next.ProviderId = o.GetProviderId()
		*writes = append(*writes, write{store.In(m.UUID, key.OfUnit(key.Unit, name)), u.Mod, next})
	}
	return s.addresses(ctx, m, u.Value, o)
}

// depose hands a leader's office on when the substrate says for certain that its processes are gone, its agent among them:
// where agents are shared, or live elsewhere, that is not said. An agent that is connected may be the next one of the same
// unit; so it is left alone, and looked at again.
func (s *session) depose(ctx context.Context, m *snapshot.Model, name string, o *substratev1.Observation) error {
	u := m.Units[name].Value
	if !o.GetGoneConfirmed() || m.Leads[appOf(name)].Value.GetUnit() != name || s.w.p.cfg.Depose == nil {
		return nil
	}
	if _, info, _, _ := s.w.current(); info.GetAgents() != "unit" || u.GetProviderId() != "" && o.GetProviderId() != "" && u.GetProviderId() != o.GetProviderId() {
		return nil
	}
	if u.GetAgent() != "" && s.w.p.cfg.Connected(u.GetAgent()) {
		s.waiting = true
		return nil
	}
	return s.w.p.cfg.Depose(ctx, m.UUID, name)
}

// addresses writes where a unit can be reached, until its agent, which knows
// better, has.
func (s *session) addresses(ctx context.Context, m *snapshot.Model, u *controllerv1.Unit, o *substratev1.Observation) error {
	inc := m.Incarnations[u.GetName()].Value
	if len(o.GetAddresses()) == 0 || inc.GetAgent() == "" || m.Addresses[u.GetName()].Exists() {
		return nil
	}
	err := s.w.p.cfg.Units.SetAddresses(ctx, inc.GetAgent(), &controllerv1.SetAddressesRequest{
		Model: m.UUID, Unit: u.GetName(), Incarnation: inc.GetId(), Addresses: o.GetAddresses(),
	})
	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.Denied) {
		return nil // another agent speaks for it now; the next look knows more
	}
	return err
}

// purge has an ended unit's records removed once its place is certainly gone: the substrate said so, or a complete listing does
// not have it and the spec that left it out was accepted.
func (s *session) purge(ctx context.Context, m *snapshot.Model, u *controllerv1.Unit, o *substratev1.Observation) {
	at := place{m.UUID, u.GetName()}
	spec := s.told[place{m.UUID, appOf(u.GetName())}]
	if spec == nil || slices.ContainsFunc(spec.GetUnits(), func(us *substratev1.UnitSpec) bool { return us.GetName() == u.GetName() }) {
		return // the substrate has not been told yet
	}
	if o == nil && !s.synced || o != nil && !o.GetGoneConfirmed() || s.removing[at] {
		return
	}
	if u.GetDestroyStorage() && !s.wiped[at] {
		s.wiped[at] = true
		s.removeLater(ctx, at, &substratev1.RemoveRequest{ModelUuid: m.UUID, Application: appOf(u.GetName()), Unit: u.GetName(), DestroyStorage: true, TimeoutMs: removeTimeout.Milliseconds()})
		return
	}
	s.ended = append(s.ended, at)
}

// purges is how many units' records are removed at once: each is a transaction, which waits for the disk most of the time.
const purges = 16

// purgeAll removes the records of the units that ended. One that was changed meanwhile is looked at again.
func (s *session) purgeAll(ctx context.Context) error {
	failed := make([]error, len(s.ended))
	var group errgroup.Group
	group.SetLimit(purges)
	for i, at := range s.ended {
		group.Go(func() error {
			failed[i] = s.w.p.cfg.Units.PurgeUnit(ctx, at.model, at.name)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	var first error
	for i, at := range s.ended {
		if err := failed[i]; err != nil && !errs.Is(err, errs.Conflict) {
			first = cmp.Or(first, fmt.Errorf("cannot clear away unit %s: %w", at.name, err))
			continue
		}
		delete(s.seen, at)
		delete(s.wiped, at)
	}
	s.ended = nil
	return first
}

func appOf(unit string) string {
	app, _, _ := strings.Cut(unit, "/")
	return app
}
