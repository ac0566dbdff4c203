package hookjson_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fill sets every field of a message to something, so that a field that the encoder forgets is missed.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.ContainingOneof() != nil && m.WhichOneof(f.ContainingOneof()) != nil {
			continue
		}
		switch {
		case f.IsMap():
			mv := m.NewField(f).Map()
			key := protoreflect.ValueOfString(string(f.Name()) + "-key").MapKey()
			v := mv.NewValue()
			if f.MapValue().Message() != nil {
				fill(v.Message(), depth+1)
			} else {
				v = scalar(f.MapValue(), depth)
			}
			mv.Set(key, v)
			m.Set(f, protoreflect.ValueOfMap(mv))
		case f.IsList():
			l := m.NewField(f).List()
			if f.Message() != nil {
				fill(l.AppendMutable().Message(), depth+1)
			} else {
				l.Append(scalar(f, depth))
			}
			m.Set(f, protoreflect.ValueOfList(l))
		case f.Message() != nil:
			fill(m.Mutable(f).Message(), depth+1)
		default:
			m.Set(f, scalar(f, depth))
		}
	}
}

func scalar(f protoreflect.FieldDescriptor, depth int) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(string(f.Name()) + " \"<ü>\n")
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(3 + depth))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(int64(7 + depth))
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(uint32(80 + depth))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(9)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1.5)
	}
	panic("no value for " + f.Kind().String())
}

// TestEveryFieldIsWritten: the names of all fields of an event and a view, filled by reflection over the messages,
// appear in the text, and the text is the golden one that guests in other languages read too.
func TestEveryFieldIsWritten(t *testing.T) {
	event, view := &hookv1.Event{}, &hookv1.View{}
	fill(event.ProtoReflect(), 0)
	fill(view.ProtoReflect(), 0)
	event.ActionParams = `{"n":3}`
	text := hookjson.EncodeEvent(event, view)
	var back map[string]any
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	for _, m := range []proto.Message{event, view} {
		for _, name := range names(m.ProtoReflect().Descriptor(), map[protoreflect.FullName]bool{}) {
			if !strings.Contains(string(text), `"`+name+`":`) {
				t.Errorf("field %s is not written", name)
			}
		}
	}
	const golden = "testdata/event.golden.json"
	if *update {
		if err := os.WriteFile(golden, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(text)+"\n" != string(want) {
		t.Errorf("text differs from %s; run with -update and read the difference:\n%s", golden, text)
	}
}

// names lists the fields that are written under their own name: config values, ports and goal states are values.
func names(d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) []string {
	if seen[d.FullName()] || d.Name() == "ConfigValue" || d.Name() == "PortRange" || d.Name() == "GoalRelation" {
		return nil
	}
	seen[d.FullName()] = true
	var out []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if !d.IsMapEntry() {
			out = append(out, string(f.Name()))
		}
		if f.Message() != nil {
			out = append(out, names(f.Message(), seen)...)
		}
	}
	return out
}

// TestStringsAreJSON: whatever bytes a string holds, the text is valid and says the same as encoding/json.
func TestStringsAreJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		if s == "" {
			return
		}
		text := hookjson.EncodeEvent(&hookv1.Event{Id: s}, nil)
		var got struct{ Event struct{ ID string } }
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("not JSON: %v: %s", err, text)
		}
		reference, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want string
		if err := json.Unmarshal(reference, &want); err != nil {
			t.Fatal(err)
		}
		if got.Event.ID != want {
			t.Fatalf("%q came back as %q, want %q", s, got.Event.ID, want)
		}
	})
}

func TestDecodeChangeset(t *testing.T) {
	const text = `{"unit_status":{"current":"active","message":"ok"},"app_status":{"current":"blocked"},"workload_version":"2",
	"bags":[{"relation_id":1,"app":true,"set":{"a":"b"}}],"open_ports":["80/tcp"],"close_ports":["icmp"],"state_set":{"k":"v"},
	"state_delete":["x"],"leader_settings":{"l":"m"},"storage_add":[{"name":"data","count":2}],
	"secrets":[{"id":"d0j9r6nmp25c76hcqc2g","create":true,"owner":"unit","label":"l","description":"d","rotate":"daily","expires":"2027-01-02T00:00:00Z","content":{"key":"AAE="},"text":{"user":"me"},"application":true}],
	"secret_remove":[{"id":"x","revision":2,"application":true}],"secret_grants":[{"id":"x","target":"web","relation_id":3,"revoke":true,"application":true}],
	"secret_tracks":[{"id":"x","revision":4,"label":"mine"}],"payloads":[{"payload":{"class":"c","type":"t","id":"i","status":"started","labels":["a"]},"remove":true}],
	"pod_spec":"{}","action":{"results":{"r":"s"},"failed":true,"message":"no"},"reboot":"now"}`
	got, err := hookjson.DecodeChangeset([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &hookv1.Changeset{}
	const same = `{"unit_status":{"current":"active","message":"ok"},"app_status":{"current":"blocked"},"workload_version":"2",
	"bags":[{"relation_id":1,"app":true,"set":{"a":"b"}}],"open_ports":[{"protocol":"tcp","from":80,"to":80}],"close_ports":[{"protocol":"icmp"}],
	"state_set":{"k":"v"},"state_delete":["x"],"leader_settings":{"l":"m"},"storage_add":[{"name":"data","count":2}],
	"secrets":[{"id":"d0j9r6nmp25c76hcqc2g","create":true,"owner":"unit","label":"l","description":"d","rotate":"daily","expires":"2027-01-02T00:00:00Z","content":{"key":"AAE=","user":"bWU="},"application":true}],
	"secret_remove":[{"id":"x","revision":2,"application":true}],"secret_grants":[{"id":"x","target":"web","relation_id":3,"revoke":true,"application":true}],
	"secret_tracks":[{"id":"x","revision":4,"label":"mine"}],"payloads":[{"payload":{"class":"c","type":"t","id":"i","status":"started","labels":["a"]},"remove":true}],
	"pod_spec":"{}","action":{"results":{"r":"s"},"failed":true,"message":"no"},"reboot":"REBOOT_NOW"}`
	if err := protojson.Unmarshal([]byte(same), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestDecodeChangesetRefuses(t *testing.T) {
	for text, part := range map[string]string{
		`{"status":{}}`:                  `unknown field "status"`,
		`{"bags":[{"relation_id":1.5}]}`: "cannot unmarshal",
		`{} {}`:                          "more text follows",
		`{"reboot":"soon"}`:              "allowed are after and now",
		`{"open_ports":["x"]}`:           "invalid port",
		`[`:                              "cannot read changeset",
	} {
		_, err := hookjson.DecodeChangeset([]byte(text))
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want class invalid and %q", text, err, part)
		}
	}
	if cs, err := hookjson.DecodeChangeset([]byte(" \n")); err != nil || !proto.Equal(cs, &hookv1.Changeset{}) {
		t.Errorf("empty text: %v, %v", cs, err)
	}
}

func FuzzDecodeChangeset(f *testing.F) {
	f.Add([]byte(`{"bags":[{"relation_id":1,"set":{"a":"b"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cs, err := hookjson.DecodeChangeset(text)
		if (cs == nil) == (err == nil) {
			t.Errorf("changeset %v with error %v", cs, err)
		}
	})
}

func BenchmarkEncodeEvent(b *testing.B) {
	event, view := &hookv1.Event{}, &hookv1.View{}
	fill(event.ProtoReflect(), 0)
	fill(view.ProtoReflect(), 0)
	event.ActionParams = `{}`
	for b.Loop() {
		hookjson.EncodeEvent(event, view)
	}
}
