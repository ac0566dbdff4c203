package clients

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// MachineLocks tells who holds the locks of machines and who waits for them, as the units' agents said last. A holder
// that no agent of this controller speaks for is known from those who wait for it.
func (s *Service) MachineLocks(_ context.Context, _ *connect.Request[clientv1.MachineLocksRequest]) (*connect.Response[clientv1.MachineLocksResponse], error) {
	locks := map[[3]string]*clientv1.MachineLockInfo{}
	for _, rec := range s.cfg.Mirror.Models() {
		m, err := s.model(rec.GetName())
		if err != nil {
			continue // it has just gone
		}
		for name, unit := range m.Units {
			agent := unit.Value.GetAgent()
			state := s.cfg.Presence.State(m.UUID, name)
			if state.GetLock() == nil || !s.cfg.Presence.Connected(agent) {
				continue
			}
			lock := state.GetLock()
			at := [3]string{agent, lock.GetMachine(), lock.GetFile()}
			if locks[at] == nil {
				locks[at] = &clientv1.MachineLockInfo{Agent: agent, Machine: lock.GetMachine(), File: lock.GetFile()}
			}
			s.place(locks[at], rec.GetName(), name, lock)
		}
	}
	resp := &clientv1.MachineLocksResponse{Locks: slices.SortedFunc(maps.Values(locks), func(a, b *clientv1.MachineLockInfo) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.File, b.File))
	})}
	for _, l := range resp.Locks {
		slices.SortFunc(l.Waiting, func(a, b *clientv1.MachineLockUser) int {
			return cmp.Or(cmp.Compare(a.SinceUnixNano, b.SinceUnixNano), cmp.Compare(a.Unit, b.Unit))
		})
	}
	return connect.NewResponse(resp), nil
}

// place puts a unit where it is at a lock.
func (s *Service) place(to *clientv1.MachineLockInfo, model, unit string, lock *controllerv1.MachineLock) {
	user := &clientv1.MachineLockUser{Model: model, Unit: unit, What: lock.GetWhat(), SinceUnixNano: lock.GetSinceUnixNano()}
	if lock.GetHeld() {
		to.Holder = user
		return
	}
	to.Waiting = append(to.Waiting, user)
	if to.Holder != nil || lock.GetHolderUnit() == "" {
		return
	}
	to.Holder = &clientv1.MachineLockUser{Model: lock.GetHolderModel(), Unit: lock.GetHolderUnit(), What: lock.GetHolderWhat(), SinceUnixNano: lock.GetHolderSinceUnixNano()}
	for _, m := range s.cfg.Mirror.Models() {
		if m.GetUuid() == lock.GetHolderModel() {
			to.Holder.Model = m.GetName()
		}
	}
}
