package placement

import (
	"context"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// storage ends what is to be removed and is nobody's any more: at the
// substrate, unless its volume is to stay, then in the model.
func (s *session) storage(ctx context.Context) {
	for _, rec := range s.w.p.cfg.Reader.Models() {
		if rec.GetSubstrate() != s.w.name {
			continue
		}
		m, ok := s.w.p.cfg.Reader.Model(rec.GetUuid())
		if !ok {
			continue
		}
		for id, st := range m.Storage {
			at := place{m.UUID, "storage " + id} // no unit's and no application's name has a blank
			if !removable(st.Value) || s.removing[at] {
				continue
			}
			s.removing[at] = true
			s.wg.Go(func() {
				s.endStorage(ctx, m.UUID, st)
				select {
				case s.removed <- at:
				case <-ctx.Done():
				}
			})
		}
	}
}

// removable says whether a storage is to go and nobody has it.
func removable(st *controllerv1.StorageInstance) bool {
	return st.GetOwner() == "" && st.GetLife() != controllerv1.Life_LIFE_ALIVE
}

// going says whether a model has storage that is still being removed.
func going(m *snapshot.Model) bool {
	for _, st := range m.Storage {
		if removable(st.Value) && st.Value.GetDestroy() {
			return true
		}
	}
	return false
}

// endStorage removes one storage. What fails is tried again with the next look
// at the model.
func (s *session) endStorage(ctx context.Context, uuid string, st snapshot.Rec[*controllerv1.StorageInstance]) {
	log := s.w.p.cfg.Log.With("substrate", s.w.name, "storage", st.Value.GetId())
	if st.Value.GetDestroy() {
		blocking := ""
		err := s.provider.Remove(ctx, &substratev1.RemoveRequest{
			ModelUuid: uuid, Storage: st.Value.GetId(), DestroyStorage: true, TimeoutMs: removeTimeout.Milliseconds(),
		}, func(p *substratev1.RemoveProgress) error {
			blocking = p.GetBlocking()
			return nil
		})
		if err == nil && blocking != "" {
			err = errs.E(errs.Unavailable, "%s", blocking)
		}
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("cannot remove storage; trying again", "error", err)
				sleep(ctx, again)
			}
			return
		}
	}
	k := store.In(uuid, key.Named(key.Storage, st.Value.GetId()))
	compares := []store.Compare{store.ValueIs(store.EpochKey, []byte(s.w.p.cfg.Epoch)), store.ModIs(k, st.Mod)}
	if _, err := s.w.p.cfg.Store.Txn(ctx, compares, []store.Op{store.Delete(k)}, nil); err != nil && ctx.Err() == nil {
		log.Warn("cannot remove storage's record; trying again", "error", err)
	}
}
