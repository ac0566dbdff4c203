package placement

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// batch is how many records one tidying transaction writes.
const batch = 500

// tidy carries on what a client only began: a dying model takes its
// applications along, a dying application its units; units without an agent get
// the shared one; an empty dying model goes.
func (p *Placement) tidy(ctx context.Context, m *snapshot.Model) error {
	if m.Record.Value.GetLife() != controllerv1.Life_LIFE_ALIVE && len(m.Applications) == 0 && len(m.Units) == 0 && !going(m) {
		return p.dropModel(ctx, m)
	}
	var writes []write
	for name, app := range m.Applications {
		dying := app.Value.GetLife() != controllerv1.Life_LIFE_ALIVE
		if !dying && m.Record.Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
			next := proto.CloneOf(app.Value)
			next.Life, dying = controllerv1.Life_LIFE_DYING, true
			writes = append(writes, write{store.In(m.UUID, key.OfApp(key.App, name)), app.Mod, next})
		}
		if !dying {
			continue
		}
		for _, u := range m.AliveUnits(name) {
			next := proto.CloneOf(m.Units[u].Value)
			next.Life = controllerv1.Life_LIFE_DYING
			if next.GetAgent() == "" {
				next.Life = controllerv1.Life_LIFE_DEAD // nobody is there to run its last hooks
			}
			writes = append(writes, write{store.In(m.UUID, key.OfUnit(key.Unit, u)), m.Units[u].Mod, next})
		}
	}
	if len(writes) == 0 {
		writes = orphans(m)
	}
	if len(writes) == 0 {
		writes = follow(m)
	}
	if len(writes) == 0 {
		writes = p.agents(m)
	}
	return p.writeAll(ctx, writes)
}

// orphans ends subordinates whose principal is on its way out or gone.
func orphans(m *snapshot.Model) []write {
	var writes []write
	for name, u := range m.Units {
		principal := u.Value.GetPrincipal()
		if principal == "" || u.Value.GetLife() != controllerv1.Life_LIFE_ALIVE || m.Units[principal].Value.GetLife() == controllerv1.Life_LIFE_ALIVE {
			continue
		}
		next := proto.CloneOf(u.Value)
		next.Life = controllerv1.Life_LIFE_DYING
		next.Forced = next.GetForced() || m.Units[principal].Value.GetForced()
		writes = append(writes, write{store.In(m.UUID, key.OfUnit(key.Unit, name)), u.Mod, next})
	}
	return writes
}

// follow gives subordinates the agent of their principal, and the next one when the principal found another place.
func follow(m *snapshot.Model) []write {
	var writes []write
	for name, u := range m.Units {
		at := m.Units[u.Value.GetPrincipal()].Value.GetAgent()
		inc := m.Incarnations[u.Value.GetPrincipal()].Value
		if at == "" || inc.GetAgent() != at || u.Value.GetLife() == controllerv1.Life_LIFE_DEAD {
			continue
		}
		if u.Value.GetAgent() != at {
			next := proto.CloneOf(u.Value)
			next.Agent = at
			writes = append(writes, write{store.In(m.UUID, key.OfUnit(key.Unit, name)), u.Mod, next})
		}
		if own := m.Incarnations[name]; !proto.Equal(own.Value, inc) {
			writes = append(writes, write{store.In(m.UUID, key.OfUnit(key.Incarnation, name)), own.Mod, proto.CloneOf(inc)})
		}
	}
	return writes
}

// agents gives units that have none the shared agent.
func (p *Placement) agents(m *snapshot.Model) []write {
	agent, incarnation, ok := p.Shared(m.Record.Value.GetSubstrate())
	if !ok {
		return nil
	}
	var writes []write
	for name, u := range m.Units {
		if u.Value.GetAgent() != "" || u.Value.GetLife() == controllerv1.Life_LIFE_DEAD {
			continue
		}
		next := proto.CloneOf(u.Value)
		next.Agent = agent
		writes = append(writes,
			write{store.In(m.UUID, key.OfUnit(key.Unit, name)), u.Mod, next},
			write{store.In(m.UUID, key.OfUnit(key.Incarnation, name)), m.Incarnations[name].Mod, &controllerv1.Incarnation{Id: incarnation, Agent: agent}})
	}
	return writes
}

// dropModel removes a model that has nothing left.
func (p *Placement) dropModel(ctx context.Context, m *snapshot.Model) error {
	compares := []store.Compare{
		store.ValueIs(store.EpochKey, []byte(p.cfg.Epoch)), store.ModIs(store.ModelKey(m.UUID), m.Record.Mod),
		store.NoneBelow(store.InModel(m.UUID) + string(key.App) + "/"), store.NoneBelow(store.InModel(m.UUID) + string(key.Unit) + "/"),
	}
	result, err := p.cfg.Store.Txn(ctx, compares, []store.Op{
		store.DeleteAll(store.InModel(m.UUID)), store.Delete(store.ModelKey(m.UUID)), store.Delete(store.ModelNameKey(m.Record.Value.GetName())),
	}, nil)
	if err == nil && result.Succeeded && p.cfg.Forget != nil {
		p.cfg.Forget(m.UUID)
	}
	return err
}

// write is one record to be written if it is still as it was seen.
type write struct {
	key string
	mod int64
	m   proto.Message
}

// writeAll writes in batches, each of them whole or, when somebody else was
// faster, not at all: the next look decides anew.
func (p *Placement) writeAll(ctx context.Context, writes []write) error {
	for len(writes) > 0 {
		n := min(len(writes), batch)
		if err := p.writeSome(ctx, writes[:n]); err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

func (p *Placement) writeSome(ctx context.Context, writes []write) error {
	compares := []store.Compare{store.ValueIs(store.EpochKey, []byte(p.cfg.Epoch))}
	var ops []store.Op
	for _, w := range writes {
		data, err := proto.Marshal(w.m)
		if err != nil {
			return err
		}
		compares = append(compares, store.ModIs(w.key, w.mod))
		ops = append(ops, store.Put(w.key, data))
	}
	_, err := p.cfg.Store.Txn(ctx, compares, ops, nil)
	return err
}
