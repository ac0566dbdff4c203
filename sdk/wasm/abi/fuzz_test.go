package abi_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	"github.com/bangle-dev/bangle/sdk/hook/hookjson"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

// echoing is a host and supervisor that know nothing, but answer in the words of the charm where they can.
type echoing struct{}

func (echoing) Call(_ context.Context, _, request string) (string, error) { return request, nil }

func (echoing) Immediate(*charmruntimev1.Immediate) {}

func (echoing) Request(_ context.Context, in *abi.Request) (*abi.Response, error) {
	return &abi.Response{Status: 200, Body: in.Body, BodyBase64: in.BodyBase64}, nil
}

func (echoing) Exec(_ context.Context, in *abi.Exec) (*abi.ExecResult, error) {
	return &abi.ExecResult{Stdout: in.Stdin}, nil
}

func (echoing) Push(context.Context, *abi.Push) (*abi.Nothing, error) { return &abi.Nothing{}, nil }

func (echoing) Pull(_ context.Context, in *abi.Pull) (*abi.Content, error) {
	return &abi.Content{Content: in.Path}, nil
}

// subject is an event of a leader with a relation, a container and an action under way.
func subject() *hook.Context {
	return hook.New(&hookv1.Event{Id: "1-x", Kind: "action", Name: "act"}, &hookv1.View{
		Unit: &hookv1.UnitView{Name: "web/0", Life: "alive"}, Application: &hookv1.ApplicationView{Name: "web"},
		Leadership: &hookv1.Leadership{Leader: true, SecondsLeft: 60},
		Containers: []*hookv1.ContainerView{{Name: "web", Socket: "/nowhere"}},
		Relations: []*hookv1.RelationView{{Id: 1, Endpoint: "db", RemoteApp: "pg", LocalUnit: map[string]string{"a": "b"},
			Members: []*hookv1.MemberView{{Unit: "pg/0", Bag: map[string]string{"host": "h"}}}}}}, echoing{})
}

// FuzzCall: whatever a guest asks for, there is one answer, and it is nothing, a value, or an error that has a class.
func FuzzCall(f *testing.F) {
	for _, request := range []string{``, `{}`, `{"level":"info","message":"x"}`, `{"current":"active","message":"\u0000"}`, `{"relation_id":1,"owner":"pg/0"}`,
		`{"container":"web","path":"/v1/services","body":"x"}`, `{"container":"web","command":["a"],"stdin":"\ud800"}`, `{"id":"bbbbbbbbbbbbbbbbbbb0","label":"db"}`,
		`{"container":"web","path":"/x","content_base64":"!"}`, `{"relation_id":1e99}`, `[[[[`, `null`, `{"a":1}{"b":2}`, `{"content":{"k":"v"},"id":"x","timeout_ms":9223372036854775807}`} {
		for n := range abi.Functions() {
			f.Add(byte(n), []byte(request))
		}
	}
	f.Fuzz(func(t *testing.T, n byte, request []byte) {
		list := abi.Functions()
		calls := abi.NewCalls(subject(), echoing{}, echoing{}).Reach(outside.New(outside.Config{}))
		before := slices.Clone(request)
		answer := calls.Call(t.Context(), list[int(n)%len(list)], request)
		if !slices.Equal(request, before) {
			t.Fatal("the guest's memory was written to")
		}
		if len(answer) == 0 {
			return
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(answer, &got); err != nil || len(got) != 1 || !utf8.Valid(answer) {
			t.Fatalf("answer %q: %v", answer, err)
		}
		if text, ok := got["error"]; ok {
			var fault struct{ Class, Message string }
			if err := json.Unmarshal(text, &fault); err != nil || fault.Message == "" {
				t.Fatalf("answer %s: %v", answer, err)
			}
			if _, ok := errs.Parse(fault.Class); !ok {
				t.Fatalf("class %q", fault.Class)
			}
		} else if _, ok := got["ok"]; !ok {
			t.Fatalf("answer %s", answer)
		}
	})
}

// FuzzFinish: whatever a guest returns becomes a changeset that the controller's own rules take, or an error that has a
// class; and what became one can be written and read again.
func FuzzFinish(f *testing.F) {
	for _, output := range []string{`{}`, `{"unit_status":{"current":"active","message":"x"}}`, `{"bags":[{"relation_id":1,"set":{"k":"v"}},{"relation_id":1,"app":true,"set":{"k":""}}]}`,
		`{"open_ports":["80/tcp","8000-8999/udp","icmp"],"close_ports":["1-0/tcp"]}`, `{"state_set":{"a":"\u0000"},"state_delete":["a"]}`, `{"leader_settings":{"k":"v"}}`,
		`{"storage_add":[{"name":"data","count":-1}]}`, `{"action":{"results":{"a.b":"c","a":"d"},"failed":true,"message":"m"}}`, `{"reboot":"now"}`, `{"bags":[null]}`,
		`{"bags":[{"relation_id":99999999999}]}`, `null`, `[]`, `{"unit_status":null}`, `{"workload_version":"` + "\xff" + `"}`} {
		f.Add([]byte(output))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		h := subject()
		cs, err := abi.Finish(t.Context(), h, output)
		if err != nil {
			if class := errs.Class(err); class == errs.Internal {
				t.Fatalf("class %s: %v", class, err)
			}
			return
		}
		if bad := hook.Validate(cs, h.Event()); len(bad) > 0 {
			t.Fatalf("%q gave a changeset that breaks rules: %v", output, bad)
		}
		_ = hookjson.EncodeEvent(h.Event(), &hookv1.View{CharmState: cs.GetStateSet()})
	})
}
