package cli

import (
	"context"
	"fmt"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// storageFake has storage in each of its states.
func storageFake() *fake {
	status := sampleModel("active", "idle")
	status.Storage = []*clientv1.StorageStatusInfo{{Id: "data/0", Kind: "filesystem", Unit: "web/0", Location: "/srv/data", Pool: "ssd", Status: "attached", SizeBytes: 3 << 29, Since: "2026-02-24T12:00:00Z"}}
	return &fake{statuses: []*clientv1.StatusResponse{status}, storage: []*controllerv1.StorageInstance{
		{Id: "data/0", Name: "data", Kind: "filesystem", Owner: "web/0", Attached: "web/0", Pool: "ssd", SizeBytes: 3 << 29, Location: "/srv/data", Status: "attached", Since: "2026-02-24T12:00:00Z", Life: controllerv1.Life_LIFE_ALIVE},
		{Id: "data/1", Name: "data", Kind: "filesystem", SizeBytes: 1 << 30, Status: "detached", Since: "2026-02-24T12:00:00Z", Life: controllerv1.Life_LIFE_ALIVE},
		{Id: "logs/10", Name: "logs", Kind: "filesystem", Owner: "web/2", SizeBytes: 1 << 30, Status: "detaching", Location: "/srv/logs", Life: controllerv1.Life_LIFE_DYING},
		{Id: "logs/2", Name: "logs", Kind: "filesystem", Owner: "web/2", SizeBytes: 1 << 30, Status: "failed", Message: "no room", Life: controllerv1.Life_LIFE_ALIVE},
	}}
}

// ListStorage implements the call.
func (f *fake) ListStorage(_ context.Context, req *connect.Request[clientv1.ListStorageRequest]) (*connect.Response[clientv1.ListStorageResponse], error) {
	if err := f.heard("ListStorage", req.Msg); err != nil {
		return nil, err
	}
	resp := &clientv1.ListStorageResponse{}
	for _, st := range f.storage {
		if len(req.Msg.Ids) == 0 || st.Id == req.Msg.Ids[0] {
			resp.Storage = append(resp.Storage, st)
		}
	}
	if len(req.Msg.Ids) > len(resp.Storage) {
		return nil, connect.NewError(connect.CodeNotFound, fmt.Errorf("cannot find storage %q in model %q: there is no such storage; see the list with storage", req.Msg.Ids[1], req.Msg.Model))
	}
	return connect.NewResponse(resp), nil
}

// AddStorage implements the call.
func (f *fake) AddStorage(_ context.Context, req *connect.Request[clientv1.AddStorageRequest]) (*connect.Response[clientv1.AddStorageResponse], error) {
	return connect.NewResponse(&clientv1.AddStorageResponse{Ids: []string{"data/7"}}), f.heard("AddStorage", req.Msg)
}

// AttachStorage implements the call.
func (f *fake) AttachStorage(_ context.Context, req *connect.Request[clientv1.AttachStorageRequest]) (*connect.Response[clientv1.AttachStorageResponse], error) {
	return connect.NewResponse(&clientv1.AttachStorageResponse{}), f.heard("AttachStorage", req.Msg)
}

// DetachStorage implements the call.
func (f *fake) DetachStorage(_ context.Context, req *connect.Request[clientv1.DetachStorageRequest]) (*connect.Response[clientv1.DetachStorageResponse], error) {
	return connect.NewResponse(&clientv1.DetachStorageResponse{}), f.heard("DetachStorage", req.Msg)
}

// RemoveStorage implements the call: data/0 is attached.
func (f *fake) RemoveStorage(_ context.Context, req *connect.Request[clientv1.RemoveStorageRequest]) (*connect.Response[clientv1.RemoveStorageResponse], error) {
	if err := f.heard("RemoveStorage", req.Msg); err != nil {
		return nil, err
	}
	if req.Msg.Ids[0] == "data/0" && !req.Msg.Force {
		return nil, connect.NewError(connect.CodeAborted, fmt.Errorf("cannot remove data/0: storage is attached to unit web/0; use --force to remove it all the same, or detach it first: detach-storage data/0"))
	}
	return connect.NewResponse(&clientv1.RemoveStorageResponse{}), nil
}

// ListPools implements the call.
func (f *fake) ListPools(_ context.Context, req *connect.Request[clientv1.ListPoolsRequest]) (*connect.Response[clientv1.ListPoolsResponse], error) {
	resp := &clientv1.ListPoolsResponse{}
	if len(req.Msg.Providers) == 0 {
		resp.Pools = []*controllerv1.StoragePool{{Name: "fast", Provider: "ssd", Attributes: map[string]string{"iops": "40", "class": "gold"}}, {Name: "ssd", Provider: "ssd"}}
	}
	return connect.NewResponse(resp), f.heard("ListPools", req.Msg)
}

// CreatePool implements the call.
func (f *fake) CreatePool(_ context.Context, req *connect.Request[clientv1.CreatePoolRequest]) (*connect.Response[clientv1.CreatePoolResponse], error) {
	return connect.NewResponse(&clientv1.CreatePoolResponse{}), f.heard("CreatePool", req.Msg)
}

// UpdatePool implements the call.
func (f *fake) UpdatePool(_ context.Context, req *connect.Request[clientv1.UpdatePoolRequest]) (*connect.Response[clientv1.UpdatePoolResponse], error) {
	return connect.NewResponse(&clientv1.UpdatePoolResponse{}), f.heard("UpdatePool", req.Msg)
}

// RemovePool implements the call.
func (f *fake) RemovePool(_ context.Context, req *connect.Request[clientv1.RemovePoolRequest]) (*connect.Response[clientv1.RemovePoolResponse], error) {
	return connect.NewResponse(&clientv1.RemovePoolResponse{}), f.heard("RemovePool", req.Msg)
}
