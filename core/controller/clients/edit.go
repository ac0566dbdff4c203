package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// attempts is how often a request is decided anew because somebody else wrote
// what it had read.
const attempts = 30

// edit is one request's transaction while it is put together: what was read,
// with its revision, and what is to be written.
type edit struct {
	ctx   context.Context
	store store.Store
	now   time.Time
	reads map[string]int64
	empty []string // prefixes
	ops   map[string]store.Op
	units map[string]*controllerv1.Unit // as they are to be written
	err   error
}

func (s *Service) newEdit(ctx context.Context) *edit {
	return &edit{ctx: ctx, store: s.cfg.Store, now: s.cfg.Now(), reads: map[string]int64{}, ops: map[string]store.Op{}, units: map[string]*controllerv1.Unit{}}
}

// saw makes the transaction depend on a record being as it was; 0 = absent.
func (e *edit) saw(fullKey string, mod int64) { e.reads[fullKey] = mod }

// put writes a record that the edit depends on too: what was seen must still
// be there.
func (e *edit) put(fullKey string, mod int64, m proto.Message) {
	data, err := proto.Marshal(m)
	if err != nil {
		e.err = errs.E(errs.Internal, "cannot write %s: %w", fullKey, err)
		return
	}
	e.saw(fullKey, mod)
	e.ops[fullKey] = store.Put(fullKey, data)
}

// text writes a record that is plain text.
func (e *edit) text(fullKey string, mod int64, value string) {
	e.saw(fullKey, mod)
	e.ops[fullKey] = store.Put(fullKey, []byte(value))
}

// none makes the transaction depend on there being no record below a prefix.
func (e *edit) none(prefix string) { e.empty = append(e.empty, prefix) }

// remove deletes a record.
func (e *edit) remove(fullKey string) { e.ops[fullKey] = store.Delete(fullKey) }

// model makes the edit depend on the model being alive as it was seen.
func (e *edit) model(m *snapshot.Model) error {
	if m.Record.Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
		return errs.E(errs.Conflict, "cannot change model %q: it is being destroyed", m.Record.Value.GetName())
	}
	e.saw(store.ModelKey(m.UUID), m.Record.Mod)
	return nil
}

// next takes count numbers of a counter and gives the first.
// Counters are no records of the model, so they are read from the store.
func (e *edit) next(m *snapshot.Model, counter string, first, count int) (int, error) {
	full := store.In(m.UUID, key.Named(key.Next, counter))
	found, err := e.store.Range(e.ctx, full, store.RangeOptions{})
	if err != nil {
		return 0, fmt.Errorf("cannot take a number: %w", err)
	}
	n, mod := first, int64(0)
	if len(found.KVs) == 1 {
		mod = found.KVs[0].Mod
		if n, err = model.ReadCounter(found.KVs[0].Value); err != nil {
			return 0, err
		}
	}
	e.text(full, mod, strconv.Itoa(n+count))
	return n, nil
}

func (e *edit) app(m *snapshot.Model, app *controllerv1.Application) {
	e.put(store.In(m.UUID, key.OfApp(key.App, app.GetName())), m.Applications[app.GetName()].Mod, app)
}

func (e *edit) unit(m *snapshot.Model, u *controllerv1.Unit) {
	e.units[u.GetName()] = u
	e.put(store.In(m.UUID, key.OfUnit(key.Unit, u.GetName())), m.Units[u.GetName()].Mod, u)
}

// unitNow is a unit as it will be, nil if there is none.
func (e *edit) unitNow(m *snapshot.Model, name string) *controllerv1.Unit {
	if u, ok := e.units[name]; ok {
		return u
	}
	return m.Units[name].Value
}

// still makes the edit depend on a counter being as it was when the snapshot was taken: nothing that takes numbers of it
// came or comes between.
func (e *edit) still(m *snapshot.Model, counter string) {
	full := store.In(m.UUID, key.Named(key.Next, counter))
	if _, taken := e.ops[full]; taken {
		return // it is compared already
	}
	found, err := e.store.Range(e.ctx, full, store.RangeOptions{})
	if err != nil {
		e.err = fmt.Errorf("cannot read a counter: %w", err)
		return
	}
	e.saw(full, 0)
	if len(found.KVs) == 1 {
		e.saw(full, found.KVs[0].Mod)
	}
	if e.reads[full] > m.Revision {
		e.saw(full, -1) // never so: decide anew on a newer snapshot
	}
}

func (e *edit) relation(m *snapshot.Model, r *controllerv1.Relation) {
	e.put(store.In(m.UUID, key.OfRelation(r.GetId())), m.Relations[r.GetId()].Mod, r)
}

func (e *edit) stamp() string { return e.now.UTC().Format(time.RFC3339) }

// write decides with build on a fresh snapshot and does what it decided in one
// transaction; when somebody else was faster it decides anew. An edit without
// operations writes nothing and gives revision 0. When write returns the copy
// in memory has the change.
func (s *Service) write(ctx context.Context, build func(e *edit) error) (int64, error) {
	for range attempts {
		e := s.newEdit(ctx)
		if err := build(e); err != nil {
			return 0, err
		}
		if e.err != nil || len(e.ops) == 0 {
			return 0, e.err
		}
		compares := []store.Compare{store.ValueIs(store.EpochKey, []byte(s.cfg.Epoch))}
		for _, k := range slices.Sorted(maps.Keys(e.reads)) {
			compares = append(compares, store.ModIs(k, e.reads[k]))
		}
		for _, prefix := range e.empty {
			compares = append(compares, store.NoneBelow(prefix))
		}
		var ops []store.Op
		for _, k := range slices.Sorted(maps.Keys(e.ops)) {
			ops = append(ops, e.ops[k])
		}
		result, err := s.cfg.Store.Txn(ctx, compares, ops, nil)
		if err != nil {
			return 0, fmt.Errorf("cannot store the change: %w", err)
		}
		if _, err := s.cfg.Mirror.Wait(ctx, result.Revision); err != nil {
			return 0, err
		}
		if result.Succeeded {
			return result.Revision, nil
		}
	}
	return 0, errs.E(errs.Conflict, "cannot store the change: others change the same records all the time; try again")
}

// writeModel is write on one model that is alive.
func (s *Service) writeModel(ctx context.Context, name string, build func(e *edit, m *snapshot.Model) error) (int64, error) {
	return s.write(ctx, func(e *edit) error {
		m, err := s.model(name)
		if err != nil {
			return err
		}
		if err := e.model(m); err != nil {
			return err
		}
		return build(e, m)
	})
}

// drop forgets what was to be written.
func (e *edit) drop() { e.ops, e.units = map[string]store.Op{}, map[string]*controllerv1.Unit{} }

// appOf is the part of a unit's name before the slash.
func appOf(unit string) string {
	app, _, _ := strings.Cut(unit, "/")
	return app
}
