package cli

import (
	"context"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (f *fake) Bind(_ context.Context, r *connect.Request[clientv1.BindRequest]) (*connect.Response[clientv1.BindResponse], error) {
	return reply(f, "Bind", r, &clientv1.BindResponse{Bindings: r.Msg.GetBindings()})
}

func (f *fake) ListSpaces(_ context.Context, r *connect.Request[clientv1.ListSpacesRequest]) (*connect.Response[clientv1.ListSpacesResponse], error) {
	return reply(f, "ListSpaces", r, &clientv1.ListSpacesResponse{Spaces: []*clientv1.Space{{Name: "alpha", Id: "0"}}})
}
