package plugin

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that all other messages go through
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// direct is what messages have that are written and read by generated code instead of by reflection.
type direct interface {
	SizeVT() int
	MarshalToSizedBufferVT(to []byte) (int, error)
}

// alias is their other half. The message's strings lie in the bytes it was read from, which nobody may change then.
type alias interface {
	UnmarshalVTUnsafe(from []byte) error
}

// codec is protobuf as usual, the same bytes under the same name, without reflection for messages that can do without. A
// peer with the usual codec notices nothing.
type codec struct{ encoding.CodecV2 }

// Size is how many bytes a message has on the wire.
func Size(message proto.Message) int {
	if m, ok := message.(direct); ok {
		return m.SizeVT()
	}
	return proto.Size(message)
}

// newCodec makes one over gRPC's own.
func newCodec() codec { return codec{encoding.GetCodecV2("proto")} }

func serverCodec() grpc.ServerOption { return grpc.ForceServerCodecV2(newCodec()) }

func clientCodec() grpc.CallOption { return grpc.ForceCodecV2(newCodec()) }

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(direct)
	if !ok {
		return c.CodecV2.Marshal(v)
	}
	buffer := make([]byte, m.SizeVT())
	if _, err := m.MarshalToSizedBufferVT(buffer); err != nil {
		return nil, err
	}
	return mem.BufferSlice{mem.SliceBuffer(buffer)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(alias)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	return m.UnmarshalVTUnsafe(data.Materialize()) // a copy: the buffers themselves are used again
}
