package plugin

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// filled sets every field of a message, those of the messages in it too, three levels of recursion at most.
func filled(m protoreflect.Message, depth int, oneof int) {
	fields := m.Descriptor().Fields()
	for n := range fields.Len() {
		f := fields.Get(n)
		if in := f.ContainingOneof(); in != nil && !in.IsSynthetic() && in.Fields().Get(oneof%in.Fields().Len()) != f {
			continue
		}
		switch {
		case f.IsMap():
			entries := m.Mutable(f).Map()
			for i := range 3 {
				value := entries.NewValue()
				if f.MapValue().Kind() == protoreflect.MessageKind {
					filled(value.Message(), depth-1, oneof+i)
				} else {
					value = scalar(f.MapValue(), n+i)
				}
				entries.Set(scalar(f.MapKey(), n+i).MapKey(), value)
			}
		case f.IsList():
			list := m.Mutable(f).List()
			for i := range 2 {
				if f.Kind() != protoreflect.MessageKind {
					list.Append(scalar(f, n+i))
				} else if depth > 0 {
					filled(list.AppendMutable().Message(), depth-1, oneof+i)
				}
			}
		case f.Kind() == protoreflect.MessageKind:
			if depth > 0 {
				filled(m.Mutable(f).Message(), depth-1, oneof)
			}
		default:
			m.Set(f, scalar(f, n))
		}
	}
}

// scalar is a value of a field's kind that is not the zero one.
func scalar(f protoreflect.FieldDescriptor, n int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(fmt.Sprintf("%s-%d-ä", f.Name(), n))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte{0, 255, byte(n)})
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(f.Enum().Values().Get(f.Enum().Values().Len() - 1).Number())
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(-int32(n) - 1)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(1<<31 + uint32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(-1 << 40)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(1<<63 + uint64(n))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5 + float64(n))
	}
	panic("no value for a field of kind " + f.Kind().String())
}

// What the generated code writes is read by everybody else, and the other way round.
func TestDirectMessagesAreTheSameOnTheWire(t *testing.T) {
	ours, usual := newCodec(), encoding.GetCodecV2("proto")
	for oneof := range 5 {
		want := &charmruntimev1.DispatchRequest{}
		filled(want.ProtoReflect(), 5, oneof)
		if _, ok := any(want).(direct); !ok {
			t.Fatal("a DispatchRequest is written by reflection")
		}
		for name, pair := range map[string][2]encoding.CodecV2{"written by ours": {ours, usual}, "read by ours": {usual, ours}} {
			data, err := pair[0].Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			if len(data.Materialize()) != Size(want) || Size(want) != proto.Size(want) {
				t.Errorf("%s: %d bytes, Size says %d, protobuf %d", name, len(data.Materialize()), Size(want), proto.Size(want))
			}
			got := &charmruntimev1.DispatchRequest{}
			if err := pair[1].Unmarshal(data, got); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("%s: got %v\nwant %v", name, got, want)
			}
		}
	}
}

// gRPC uses its buffers again; a message must not change with them.
func TestMessagesKeepTheirStrings(t *testing.T) {
	want := &charmruntimev1.DispatchRequest{}
	filled(want.ProtoReflect(), 5, 0)
	wire, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := &charmruntimev1.DispatchRequest{}
	if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, got); err != nil {
		t.Fatal(err)
	}
	clear(wire)
	if !proto.Equal(got, want) {
		t.Errorf("the message changed with the buffer it came in: %v", got)
	}
}

// known is what a message says without the fields that are unknown.
func known(m proto.Message) string { return prototext.MarshalOptions{}.Format(m) }

// What both read is the same to both. A field of another type than the contract's is unknown to protobuf and an error here.
func FuzzUnmarshal(f *testing.F) {
	full := &charmruntimev1.DispatchRequest{}
	filled(full.ProtoReflect(), 4, 0)
	wire, err := proto.Marshal(full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Add(wire[:len(wire)/2])
	f.Fuzz(func(t *testing.T, wire []byte) {
		ours, usual := &charmruntimev1.DispatchRequest{}, &charmruntimev1.DispatchRequest{}
		err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(wire)}, ours)
		if other := proto.Unmarshal(wire, usual); other == nil && err == nil && known(ours) != known(usual) {
			t.Errorf("protobuf reads %v, ours %v", usual, ours)
		}
	})
}

// BenchmarkCodec writes and reads an event with a view of two relations with six units of eight keys, with ours and with
// gRPC's own codec.
func BenchmarkCodec(b *testing.B) {
	view := &hookv1.View{Config: map[string]*hookv1.ConfigValue{}}
	for i := range 19 {
		view.Config[fmt.Sprint("option-", i)] = &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: "value"}}
	}
	for id := range int32(2) {
		relation := &hookv1.RelationView{Id: id, Endpoint: "db", RemoteApp: "db"}
		for u := range 6 {
			member := &hookv1.MemberView{Unit: fmt.Sprint("db/", u), Bag: map[string]string{}}
			for k := range 8 {
				member.Bag[fmt.Sprint("key-", k)] = fmt.Sprint("value-", u, "-", k)
			}
			relation.Members = append(relation.Members, member)
		}
		view.Relations = append(view.Relations, relation)
	}
	message := &charmruntimev1.DispatchRequest{Message: &charmruntimev1.DispatchRequest_Start{Start: &charmruntimev1.Start{View: view}}}
	for name, c := range map[string]encoding.CodecV2{"ours": newCodec(), "usual": encoding.GetCodecV2("proto")} {
		data, err := c.Marshal(message)
		if err != nil {
			b.Fatal(err)
		}
		b.Run("write/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := c.Marshal(message); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("read/"+name, func(b *testing.B) {
			for b.Loop() {
				if err := c.Unmarshal(data, &charmruntimev1.DispatchRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
