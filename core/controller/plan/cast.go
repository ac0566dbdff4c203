package plan

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// tidy does what the controller does by itself: leaders are elected, what is dead and empty goes.
func (f *Fork) tidy(ctx context.Context) error {
	if err := f.mirror.WaitRevision(ctx, f.store.Revision()); err != nil {
		return err
	}
	var dead []string
	f.mirror.Read(func(s *model.State) {
		g := s.Model(f.UUID)
		for _, name := range g.AllUnits() {
			if u, _ := g.Unit(name); u.GetLife() == controllerv1.Life_LIFE_DEAD {
				dead = append(dead, name)
			}
		}
	})
	for _, unit := range dead {
		if err := f.commits.PurgeUnit(ctx, f.UUID, unit); err != nil && !errs.Is(err, errs.Conflict) {
			return err
		}
	}
	if err := f.commits.Sweep(ctx); err != nil {
		return err
	}
	return f.elections.Elect(ctx)
}

// players lists the units of each agent.
func (f *Fork) players() map[string][]string {
	all := map[string][]string{}
	f.mirror.Read(func(s *model.State) {
		g := s.Model(f.UUID)
		for agent := range g.Agents() {
			if units := g.AgentUnits(agent); agent != "" && len(units) > 0 {
				all[agent] = units
			}
		}
	})
	return all
}

// cast gives the units that do not exist to agents that do: one of the application's, else one of the model's. Where the
// substrate will put them is not known.
func (f *Fork) cast(ctx context.Context) error {
	if err := f.mirror.WaitRevision(ctx, f.store.Revision()); err != nil {
		return err
	}
	var ops []store.Op
	var err error
	f.mirror.Read(func(s *model.State) {
		g := s.Model(f.UUID)
		for _, name := range g.AllUnits() {
			if f.units[name] {
				continue
			}
			u, _ := g.Unit(name)
			agent := f.player(s, g, u)
			if agent == "" || agent == u.GetAgent() {
				continue
			}
			var mine []store.Op
			if mine, err = given(f.UUID, u, agent, s.Agent(agent).Record.GetIncarnation()); err != nil {
				return
			}
			ops = append(ops, mine...)
		}
	})
	for err == nil && len(ops) > 0 {
		n := min(len(ops), 1000)
		_, err = f.store.Txn(ctx, nil, ops[:n], nil)
		ops = ops[n:]
	}
	if err == nil {
		err = f.tidy(ctx)
	}
	return err
}

// player finds an agent for a unit that does not exist.
func (f *Fork) player(s *model.State, g *model.Graph, u *controllerv1.Unit) string {
	connected := func(agent string) bool {
		return agent != "" && s.Agent(agent) != nil && f.plans.cfg.Clients.Presence.Connected(agent)
	}
	candidates := []string{}
	for _, unit := range g.Units(key.AppOf(u.GetName())) {
		if f.units[unit] {
			candidates = append(candidates, g.AgentOf(unit))
		}
	}
	candidates = append(candidates, u.GetAgent())
	for _, unit := range g.AllUnits() {
		if f.units[unit] {
			candidates = append(candidates, g.AgentOf(unit))
		}
	}
	if at := slices.IndexFunc(candidates, connected); at >= 0 {
		return candidates[at]
	}
	return ""
}

// given writes that the unit is an agent's.
func given(uuid string, u *controllerv1.Unit, agent, incarnation string) ([]store.Op, error) {
	unit := proto.CloneOf(u)
	unit.Agent = agent
	first, err := model.Encode(unit)
	if err != nil {
		return nil, errs.With(errs.Internal, err)
	}
	second, err := model.Encode(&controllerv1.Incarnation{Id: incarnation, Agent: agent})
	if err != nil {
		return nil, errs.With(errs.Internal, err)
	}
	return []store.Op{store.Put(store.In(uuid, key.OfUnit(key.Unit, u.GetName())), first),
		store.Put(store.In(uuid, key.OfUnit(key.Incarnation, u.GetName())), second)}, nil
}
