package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// ListStorage lists a model's storage, by id.
func (s *Service) ListStorage(_ context.Context, req *connect.Request[clientv1.ListStorageRequest]) (*connect.Response[clientv1.ListStorageResponse], error) {
	m, err := s.model(req.Msg.GetModel())
	if err != nil {
		return nil, err
	}
	resp := &clientv1.ListStorageResponse{}
	ids := req.Msg.GetIds()
	if len(ids) == 0 {
		ids = slices.SortedFunc(maps.Keys(m.Storage), model.CompareUnits) // "data/2" before "data/10"
	}
	var bad problems
	for _, id := range ids {
		rec, err := storageOf(m, id)
		bad.add(err)
		if err == nil {
			resp.Storage = append(resp.Storage, rec.Value)
		}
	}
	return connect.NewResponse(resp), bad.err()
}

// storageOf finds a storage instance.
func storageOf(m *snapshot.Model, id string) (snapshot.Rec[*controllerv1.StorageInstance], error) {
	rec, ok := m.Storage[id]
	if !ok {
		return rec, errs.E(errs.NotFound, "cannot find storage %q in model %q: there is no such storage; see the list with storage", id, m.Record.Value.GetName())
	}
	return rec, nil
}

func (e *edit) storage(m *snapshot.Model, st *controllerv1.StorageInstance) {
	e.put(store.In(m.UUID, key.Named(key.Storage, st.GetId())), m.Storage[st.GetId()].Mod, st)
}

// AddStorage gives a unit more of what its charm declares.
func (s *Service) AddStorage(ctx context.Context, req *connect.Request[clientv1.AddStorageRequest]) (*connect.Response[clientv1.AddStorageResponse], error) {
	in, resp := req.Msg, &clientv1.AddStorageResponse{}
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		resp.Ids = nil
		if len(in.GetStorage()) == 0 {
			return errs.E(errs.Invalid, "cannot add storage to unit %q: none was named", in.GetUnit())
		}
		unit, err := livingUnit(m, in.GetUnit())
		if err != nil {
			return err
		}
		app := m.Applications[appOf(unit)].Value
		ch, err := s.charmOf(app)
		if err != nil {
			return err
		}
		e.saw(store.In(m.UUID, key.OfUnit(key.Unit, unit)), m.Units[unit].Mod)
		e.saw(store.In(m.UUID, key.OfApp(key.App, app.GetName())), m.Applications[app.GetName()].Mod)
		var bad problems
		var list []*controllerv1.StorageInstance
		for _, name := range slices.Sorted(maps.Keys(in.GetStorage())) {
			more := proto.CloneOf(in.GetStorage()[name])
			more.Count = max(more.GetCount(), 1)
			more = model.StorageDirective(more, ch.Meta.Storage[name])
			if err := model.MoreStorage(ch, name, len(storageNamed(m, unit, name)), more); err != nil {
				bad.addf("cannot add storage %q to unit %s: %w", name, unit, err)
				continue
			}
			if more.GetCount() > maxUnits {
				bad.addf("cannot add %d of storage %q at once; at most %d", more.GetCount(), name, maxUnits)
				continue
			}
			for range more.GetCount() {
				list = append(list, model.NewStorage(name, 0, unit, ch.Meta.Storage[name], more, e.stamp()))
			}
		}
		bad.add(s.usePools(e, m, in.GetStorage()))
		if err := bad.err(); err != nil {
			return err
		}
		if err := s.mayPlace(ctx, m, app, ch, in); err != nil {
			return err
		}
		resp.Ids, err = e.newInstances(m, list)
		return err
	})
	return connect.NewResponse(resp), err
}

// mayPlace asks the substrate about storage that is of a pool: it alone knows which there are.
func (s *Service) mayPlace(ctx context.Context, m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, in *clientv1.AddStorageRequest) error {
	asked := proto.CloneOf(app)
	asked.Storage = map[string]*controllerv1.StorageDirective{}
	for name, d := range in.GetStorage() {
		if d.GetPool() != "" {
			asked.Storage[name] = d
		}
	}
	if len(asked.GetStorage()) == 0 {
		return nil
	}
	found, err := s.cfg.Places.Validate(ctx, m.Record.Value.GetSubstrate(), placement.Spec(placement.SpecInput{Model: m.Record.Value, Application: asked, Charm: ch, Pools: m.PoolRecords()}))
	if err != nil {
		return fmt.Errorf("cannot ask substrate %q about storage: %w", m.Record.Value.GetSubstrate(), err)
	}
	var bad problems
	for _, d := range found {
		if d.GetSeverity() == "error" && strings.HasPrefix(d.GetKey(), "storage.") {
			bad.addf("cannot add storage to unit %s: %s", in.GetUnit(), strings.TrimSuffix(d.GetMessage()+"; "+d.GetHint(), "; "))
		}
	}
	return bad.err()
}

// newInstances numbers instances and writes them.
func (e *edit) newInstances(m *snapshot.Model, list []*controllerv1.StorageInstance) (ids []string, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	first, err := e.next(m, "storage", 0, len(list))
	for i, st := range list {
		st.Id = api.UnitName(st.GetName(), first+i)
		e.put(store.In(m.UUID, key.Named(key.Storage, st.GetId())), 0, st)
		ids = append(ids, st.GetId())
	}
	return ids, err
}

// livingUnit finds a unit that is not being removed.
func livingUnit(m *snapshot.Model, name string) (string, error) {
	units, err := unitNames(m, []string{name})
	if err != nil {
		return "", err
	}
	if m.Units[units[0]].Value.GetLife() != controllerv1.Life_LIFE_ALIVE {
		return "", errs.E(errs.Conflict, "cannot use unit %q: it is being removed", units[0])
	}
	return units[0], nil
}

// storageNamed lists the instances of a store that a unit has or is to have.
func storageNamed(m *snapshot.Model, unit, name string) []string {
	var ids []string
	for id, st := range m.Storage {
		if st.Value.GetOwner() == unit && (name == "" || st.Value.GetName() == name) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, model.CompareUnits)
	return ids
}

// AttachStorage gives storage that is nobody's to a unit, with the data in it.
func (s *Service) AttachStorage(ctx context.Context, req *connect.Request[clientv1.AttachStorageRequest]) (*connect.Response[clientv1.AttachStorageResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		unit, err := livingUnit(m, in.GetUnit())
		if err != nil {
			return err
		}
		e.saw(store.In(m.UUID, key.OfUnit(key.Unit, unit)), m.Units[unit].Mod)
		var bad problems
		more := map[string]int{}
		for _, id := range in.GetIds() {
			rec, err := storageOf(m, id)
			if err == nil {
				err = s.attachable(m, rec.Value, unit, more[rec.Value.GetName()])
			}
			if err != nil {
				bad.addf("cannot attach %s to unit %s: %w", id, unit, err)
				continue
			}
			more[rec.Value.GetName()]++
			next := proto.CloneOf(rec.Value)
			next.Owner, next.Status, next.Since, next.Location = unit, model.StoragePending, e.stamp(), ""
			e.storage(m, next)
		}
		return bad.err()
	})
	return connect.NewResponse(&clientv1.AttachStorageResponse{}), err
}

// attachable says why a unit cannot have a storage instance; more is how many of
// the same store it is given in the same request already.
func (s *Service) attachable(m *snapshot.Model, st *controllerv1.StorageInstance, unit string, more int) error {
	ch, err := s.charmOf(m.Applications[appOf(unit)].Value)
	if err != nil {
		return err
	}
	return loose(st, ch, len(storageNamed(m, unit, st.GetName()))+more)
}

// loose says why a unit of a charm that has some of the store cannot have a storage instance.
func loose(st *controllerv1.StorageInstance, ch *charm.Charm, have int) error {
	switch {
	case st.GetOwner() != "":
		return errs.E(errs.Conflict, "storage is attached to unit %s; detach it first: detach-storage %s", st.GetOwner(), st.GetId())
	case st.GetLife() != controllerv1.Life_LIFE_ALIVE:
		return errs.E(errs.Conflict, "storage is being removed")
	}
	if declared, ok := ch.Meta.Storage[st.GetName()]; ok && declared.Type != st.GetKind() {
		return errs.E(errs.Invalid, "storage is of type %s, charm %q wants %s", st.GetKind(), ch.Meta.Name, declared.Type)
	}
	if err := model.MoreStorage(ch, st.GetName(), have, &controllerv1.StorageDirective{Count: 1, SizeBytes: st.GetSizeBytes()}); err != nil {
		return errs.With(errs.Invalid, err)
	}
	return nil
}

// attachNew gives storage that is nobody's to a unit that is being made; the answer counts it by store.
func (e *edit) attachNew(m *snapshot.Model, ch *charm.Charm, unit string, ids []string) (map[string]uint32, error) {
	had := map[string]uint32{}
	var bad problems
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		rec, err := storageOf(m, id)
		if err == nil {
			err = loose(rec.Value, ch, int(had[rec.Value.GetName()]))
		}
		if err != nil {
			bad.addf("cannot attach %s to unit %s: %w", id, unit, err)
			continue
		}
		had[rec.Value.GetName()]++
		next := proto.CloneOf(rec.Value)
		next.Owner, next.Status, next.Since, next.Location = unit, model.StoragePending, e.stamp(), ""
		e.storage(m, next)
	}
	return had, bad.err()
}

// DetachStorage takes storage from its units; each runs its last hook first.
func (s *Service) DetachStorage(ctx context.Context, req *connect.Request[clientv1.DetachStorageRequest]) (*connect.Response[clientv1.DetachStorageResponse], error) {
	_, err := s.writeModel(ctx, req.Msg.GetModel(), func(e *edit, m *snapshot.Model) error {
		var bad problems
		for _, id := range req.Msg.GetIds() {
			rec, err := storageOf(m, id)
			switch {
			case err != nil:
				bad.add(err)
			case rec.Value.GetOwner() == "":
				bad.add(errs.E(errs.Conflict, "cannot detach %s: storage is not attached", id))
			default:
				e.detach(m, proto.CloneOf(rec.Value), req.Msg.GetForce())
			}
		}
		return bad.err()
	})
	return connect.NewResponse(&clientv1.DetachStorageResponse{}), err
}

// detach begins the end of an attachment. Storage that the charm was never told
// of goes at once: the unit's state is compared, so that it cannot be told
// meanwhile.
func (e *edit) detach(m *snapshot.Model, st *controllerv1.StorageInstance, force bool) {
	unit := st.GetOwner()
	state := m.States[unit]
	cursor := state.Value.GetCursor()
	told := cursor.GetStorage()[st.GetId()].GetAttached()
	if p := cursor.GetPending().GetEvent(); p.GetStorageId() == st.GetId() || cursor.GetSuspended().GetEvent().GetStorageId() == st.GetId() {
		told = true
	}
	e.saw(store.In(m.UUID, key.OfUnit(key.State, unit)), state.Mod)
	switch {
	case !told || force:
		model.ReleaseStorage(st, e.stamp())
	case st.GetStatus() != model.StorageDetaching:
		st.Status, st.Since = model.StorageDetaching, e.stamp()
	}
	e.storage(m, st)
}

// RemoveStorage removes storage that is nobody's, or takes it from its unit
// first when forced.
func (s *Service) RemoveStorage(ctx context.Context, req *connect.Request[clientv1.RemoveStorageRequest]) (*connect.Response[clientv1.RemoveStorageResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		var bad problems
		for _, id := range in.GetIds() {
			rec, err := storageOf(m, id)
			if err == nil && rec.Value.GetOwner() != "" && !in.GetForce() {
				err = errs.E(errs.Conflict, "cannot remove %s: storage is attached to unit %s; use --force to remove it all the same, or detach it first: detach-storage %s", id, rec.Value.GetOwner(), id)
			}
			if err != nil {
				bad.add(err)
				continue
			}
			next := proto.CloneOf(rec.Value)
			next.Life, next.Destroy = controllerv1.Life_LIFE_DYING, !in.GetKeep()
			if next.GetOwner() != "" {
				e.detach(m, next, false)
			} else {
				e.storage(m, next)
			}
		}
		return bad.err()
	})
	return connect.NewResponse(&clientv1.RemoveStorageResponse{}), err
}

// endStorageOf marks the storage of a unit that is on its way out.
func endStorageOf(e *edit, m *snapshot.Model, unit string, destroy bool) {
	for _, id := range storageNamed(m, unit, "") {
		next := proto.CloneOf(m.Storage[id].Value)
		if destroy {
			next.Life, next.Destroy = controllerv1.Life_LIFE_DYING, true
		}
		if next.GetStatus() == model.StorageAttached {
			next.Status, next.Since = model.StorageDetaching, e.stamp()
		}
		if !proto.Equal(next, m.Storage[id].Value) {
			e.storage(m, next)
		}
	}
}

// destroyLoose marks storage that is nobody's to be removed with its model.
func destroyLoose(e *edit, m *snapshot.Model) {
	for _, rec := range m.Storage {
		if next := proto.CloneOf(rec.Value); next.GetOwner() == "" {
			next.Life, next.Destroy = controllerv1.Life_LIFE_DYING, true
			e.storage(m, next)
		}
	}
}
