package agent

import (
	"context"
	"maps"

	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// setStorage tells the model which storage the unit's place has, once for each change.
func (a *Agent) setStorage(ctx context.Context, u *unit, in resolver.Input) {
	if in.Model.Incarnation.GetId() != a.cfg.Incarnation {
		return
	}
	known := map[string]bool{}
	for _, st := range in.Model.Storage {
		known[st.Id] = true
		req := storageNews(st, in)
		if req == nil || u.stored[st.Id] == req.Location+" "+req.Status {
			continue
		}
		req.Model, req.Unit, req.Incarnation = u.key.Model, u.key.Unit, a.cfg.Incarnation
		call, cancel := context.WithTimeout(ctx, commitCall)
		_, err := a.cfg.Agents.SetStorage(call, req)
		cancel()
		if err != nil && !errs.Is(plugin.FromStatus(err), errs.Denied) { // denied: it was taken from the unit meanwhile
			a.cfg.Log.Warn("cannot tell where the unit's storage is", "unit", u.key.Unit, "storage", st.Id, "err", err)
			continue
		}
		if u.stored == nil {
			u.stored = map[string]string{}
		}
		u.stored[st.Id] = req.Location + " " + req.Status
	}
	maps.DeleteFunc(u.stored, func(id, _ string) bool { return !known[id] })
}

// storageNews is what the model does not know of a storage yet, nil if it does.
func storageNews(st *controllerv1.StorageInstance, in resolver.Input) *controllerv1.SetStorageRequest {
	if st.Life != controllerv1.Life_LIFE_ALIVE || st.Status == "detaching" || in.Seen == nil || in.Seen.Environment == nil {
		return nil
	}
	mount := in.Seen.Storage[st.Id]
	switch {
	case mount != nil && (st.Status != "attached" || st.Location != mount.Location):
		return &controllerv1.SetStorageRequest{Storage: st.Id, Status: "attached", Location: mount.Location}
	case mount == nil && st.Status == "attached":
		return &controllerv1.SetStorageRequest{Storage: st.Id, Status: "detached"}
	}
	return nil
}
