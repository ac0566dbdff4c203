package cli

import (
	"context"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// resourcesFake has a file that was attached and an image that was not.
func resourcesFake() *fake {
	return &fake{attached: []*clientv1.ResourceInfo{
		{Description: "the data", Units: map[string]uint32{"web/0": 2, "web/1": 1}, Record: &controllerv1.ResourceRecord{Name: "blob", Type: "file", Filename: "blob.bin", Revision: 2, Digest: "0123456789abcdef0123", Size: 3 << 20, Origin: "upload", Created: "2026-02-24T12:03:17Z", User: "admin"}},
		{Description: "the image", Record: &controllerv1.ResourceRecord{Name: "image", Type: "oci-image"}},
	}}
}

// ListResources implements the call.
func (f *fake) ListResources(_ context.Context, req *connect.Request[clientv1.ListResourcesRequest]) (*connect.Response[clientv1.ListResourcesResponse], error) {
	return connect.NewResponse(&clientv1.ListResourcesResponse{Resources: f.attached}), f.heard("ListResources", req.Msg)
}

// AttachResource implements the call; what it heard is the first message, with the size of what came.
func (f *fake) AttachResource(_ context.Context, stream *connect.ClientStream[clientv1.AttachResourceRequest]) (*connect.Response[clientv1.AttachResourceResponse], error) {
	if !stream.Receive() {
		return nil, stream.Err()
	}
	head, size := proto.CloneOf(stream.Msg()), 0
	for stream.Receive() {
		size += len(stream.Msg().Data)
	}
	if err := f.heard(fmt.Sprintf("AttachResource (%d bytes)", size), head); err != nil {
		return nil, err
	}
	return connect.NewResponse(&clientv1.AttachResourceResponse{Record: &controllerv1.ResourceRecord{Name: head.Name, Revision: 3}}), nil
}
