package abi_test

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

// vector is one of vectors/host.json; see abi.md.
type vector struct {
	Name           string
	Event, View    json.RawMessage
	Host           map[string]json.RawMessage
	Call           string
	Request        json.RawMessage
	Answer         any
	Output         json.RawMessage
	Changeset      json.RawMessage
	Error, Message string
}

type scripted map[string]json.RawMessage

func (s scripted) Call(_ context.Context, operation, _ string) (string, error) {
	if answer, ok := s[operation]; ok {
		return string(answer), nil
	}
	return "", errs.E(errs.NotFound, "nothing is known of %s", operation)
}

func (scripted) Immediate(*charmruntimev1.Immediate) {}

func TestHostVectors(t *testing.T) {
	text, err := os.ReadFile("../vectors/host.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 30 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			event, view := &hookv1.Event{}, &hookv1.View{}
			if err := protojson.Unmarshal(v.Event, event); err != nil {
				t.Fatal(err)
			}
			if err := protojson.Unmarshal(v.View, view); err != nil {
				t.Fatal(err)
			}
			h := hook.New(event, view, scripted(v.Host))
			if v.Call != "" {
				v.call(t, abi.NewCalls(h, scripted(v.Host), nil).Reach(outside.New(outside.Config{})))
			} else {
				v.finish(t, h)
			}
		})
	}
}

func (v vector) call(t *testing.T, calls *abi.Calls) {
	dot := strings.LastIndexByte(v.Call, '.')
	answer := calls.Call(t.Context(), abi.Function{Module: v.Call[:dot], Name: v.Call[dot+1:]}, v.Request)
	var got struct {
		OK    any
		Error struct{ Class, Message string }
	}
	if len(answer) > 0 {
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatalf("%v: %s", err, answer)
		}
	}
	if got.Error.Class != v.Error || !reflect.DeepEqual(got.OK, v.Answer) || v.Error != "" && got.Error.Message == "" {
		t.Errorf("answer %s, want %v or error %q", answer, v.Answer, v.Error)
	}
}

func (v vector) finish(t *testing.T, h *hook.Context) {
	cs, err := abi.Finish(t.Context(), h, v.Output)
	if errs.Class(err).String() != v.Error && v.Error != "" || v.Error == "" && err != nil || v.Error != "" && !strings.Contains(err.Error(), v.Message) {
		t.Fatalf("error %v of class %s, want %q %q", err, errs.Class(err), v.Error, v.Message)
	}
	if v.Error != "" {
		return
	}
	want := &hookv1.Changeset{}
	if err := protojson.Unmarshal(v.Changeset, want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(cs, want) {
		t.Errorf("changeset %v, want %v", cs, want)
	}
}

// TestEveryFunctionHasAVector: what charms may call is held by the vectors, the supervisor's by tests with a real one.
func TestEveryFunctionHasAVector(t *testing.T) {
	host, err := os.ReadFile("../vectors/host.json")
	if err != nil {
		t.Fatal(err)
	}
	spec, err := os.ReadFile("../abi.md")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{"charm/network@1": true, "charm/credential@1": true, "charm/supervisor@1": true}
	for _, f := range abi.Functions() {
		if !strings.Contains(string(host), f.String()) && !asked[f.Module] && f.Module != abi.Answer {
			t.Errorf("no vector calls %s", f)
		}
		if !strings.Contains(string(spec), "`"+f.Module+"`") || !strings.Contains(string(spec), "`"+f.Name+"`") {
			t.Errorf("abi.md does not describe %s", f)
		}
	}
}

// TestSecretsThatAreReadAreTracked: the changeset of an event that read a secret says so.
func TestSecretsThatAreReadAreTracked(t *testing.T) {
	host := scripted{"secret-get": json.RawMessage(`{"id":"bbbbbbbbbbbbbbbbbbb0","revision":2,"content":{"k":"dg=="}}`)}
	h := hook.New(&hookv1.Event{Id: "1-x"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"}}, host)
	answer := abi.NewCalls(h, host, nil).Call(t.Context(), abi.Function{Module: "charm/secret@1", Name: "get"}, []byte(`{"id":"bbbbbbbbbbbbbbbbbbb0","label":"db"}`))
	if string(answer) != `{"ok":{"content":{"k":"v"}}}` {
		t.Fatalf("answer %s", answer)
	}
	if tracks := h.Changeset().GetSecretTracks(); len(tracks) != 1 || tracks[0].Revision != 2 || tracks[0].GetLabel() != "db" {
		t.Errorf("tracks %v", tracks)
	}
}

// TestSecretsThatAreWrittenAreInTheChangeset: what calls write is committed with what the output says, under the ids that were answered.
func TestSecretsThatAreWrittenAreInTheChangeset(t *testing.T) {
	h := hook.New(&hookv1.Event{Id: "1-x"}, &hookv1.View{Unit: &hookv1.UnitView{Name: "web/0"},
		Relations: []*hookv1.RelationView{{Id: 3, Endpoint: "db", RemoteApp: "pg"}}}, scripted{})
	calls := abi.NewCalls(h, scripted{}, nil)
	call := func(name, request string) string {
		return string(calls.Call(t.Context(), abi.Function{Module: "charm/secret@1", Name: name}, []byte(request)))
	}
	var added struct{ OK struct{ ID string } }
	if err := json.Unmarshal([]byte(call("add", `{"unit":true,"label":"db","content":{"password":"one"}}`)), &added); err != nil {
		t.Fatal(err)
	}
	id := added.OK.ID
	for name, request := range map[string]string{"set": `{"id":"` + id + `","content":{"password":"two"}}`, "grant": `{"id":"` + id + `","relation_id":3}`} {
		if answer := call(name, request); answer != "" {
			t.Errorf("%s answered %s", name, answer)
		}
	}
	cs, err := abi.Finish(t.Context(), h, []byte(`{"bags":[{"relation_id":3,"set":{"secret":"`+id+`"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	s, g := cs.GetSecrets(), cs.GetSecretGrants()
	if len(s) != 1 || "secret:"+s[0].GetId() != id || !s[0].GetCreate() || string(s[0].GetContent()["password"]) != "two" ||
		len(g) != 1 || g[0].GetTarget() != "pg" || g[0].GetRelationId() != 3 || cs.GetBags()[0].GetSet()["secret"] != id {
		t.Errorf("changeset %v", cs)
	}
}
