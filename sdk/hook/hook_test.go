package hook_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/hook"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// host records what it was handed and answers is-leader.
type host struct {
	leader     string
	calls      []string
	immediates []*charmruntimev1.Immediate
}

func (h *host) Call(_ context.Context, operation, request string) (string, error) {
	h.calls = append(h.calls, operation+" "+request)
	switch operation {
	case "is-leader":
		return h.leader, nil
	case "bag":
		return `{"big":"yes"}`, nil
	}
	return "", errs.E(errs.NotFound, "cannot %s: nobody knows", operation)
}

func (h *host) Immediate(what *charmruntimev1.Immediate) { h.immediates = append(h.immediates, what) }

func view(leader bool, secondsLeft float64) *hookv1.View {
	return &hookv1.View{
		Unit:        &hookv1.UnitView{Name: "web/0"},
		Application: &hookv1.ApplicationView{Name: "web"},
		Leadership:  &hookv1.Leadership{Leader: leader, SecondsLeft: secondsLeft},
		CharmState:  map[string]string{"kept": "1", "gone": "2"},
		Ports:       []*hookv1.PortRange{{Protocol: "tcp", From: 80, To: 80}},
		OnDemand:    []string{"bag/2/db/1"},
		Relations: []*hookv1.RelationView{
			{Id: 1, Endpoint: "db", RemoteApp: "db", LocalUnit: map[string]string{"a": "1"}, LocalApp: map[string]string{"app": "x"},
				LocalAppReadable: leader, RemoteAppBag: map[string]string{"from": "db"},
				Members:  []*hookv1.MemberView{{Unit: "db/0", Bag: map[string]string{"host": "h0"}}},
				Departed: []*hookv1.MemberView{{Unit: "db/7", Bag: map[string]string{"host": "h7"}}}},
			{Id: 2, Endpoint: "db", RemoteApp: "db", Members: []*hookv1.MemberView{{Unit: "db/1"}}},
		},
	}
}

func TestReadsBackOwnWrites(t *testing.T) {
	ctx := context.Background()
	c := hook.New(&hookv1.Event{Id: "1-install"}, view(true, 50), nil)
	if err := c.SetBag(ctx, 1, false, map[string]string{"a": "", "b": "2"}); err != nil {
		t.Fatal(err)
	}
	bag, err := c.Bag(ctx, 1, "web/0", false)
	if err != nil || len(bag) != 1 || bag["b"] != "2" {
		t.Errorf("own unit bag after writing = %v, %v; want only b=2", bag, err)
	}
	if err := c.SetBag(ctx, 1, true, map[string]string{"app": "y"}); err != nil {
		t.Fatal(err)
	}
	if bag, err := c.Bag(ctx, 1, "web", true); err != nil || bag["app"] != "y" {
		t.Errorf("own application bag after writing = %v, %v; want app=y", bag, err)
	}
	c.DeleteState("gone")
	if err := c.SetState(map[string]string{"new": "3"}); err != nil {
		t.Fatal(err)
	}
	if s := c.State(); len(s) != 2 || s["kept"] != "1" || s["new"] != "3" {
		t.Errorf("state after writing = %v", s)
	}
}

func TestWhoMayReadWhichBag(t *testing.T) {
	for _, test := range []struct {
		name     string
		leader   bool
		relation int32
		owner    string
		app      bool
		want     string // value of the one key, or
		class    errs.Kind
	}{
		{"own unit", false, 1, "web/0", false, "1", ""},
		{"own application as leader", true, 1, "web", true, "x", ""},
		{"own application as another", false, 1, "web", true, "", errs.Denied},
		{"remote application", false, 1, "db", true, "db", ""},
		{"remote unit", false, 1, "db/0", false, "h0", ""},
		{"departed unit", false, 1, "db/7", false, "h7", ""},
		{"somebody else's unit", false, 1, "other/0", false, "", errs.Denied},
		{"somebody else's application", true, 1, "other", true, "", errs.Denied},
		{"a unit that is left out of the view", false, 2, "db/1", false, "yes", ""},
		{"no such relation", true, 9, "db/0", false, "", errs.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := hook.New(&hookv1.Event{}, view(test.leader, 50), &host{})
			bag, err := c.Bag(context.Background(), test.relation, test.owner, test.app)
			if test.class != "" {
				if !errs.Is(err, test.class) {
					t.Fatalf("error = %v, want class %s", err, test.class)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range bag {
				if v != test.want {
					t.Errorf("bag = %v, want value %q", bag, test.want)
				}
			}
			if len(bag) != 1 {
				t.Errorf("bag = %v, want one key", bag)
			}
		})
	}
}

func TestIsLeaderAsksWhenThePromiseRunsOut(t *testing.T) {
	now := time.Duration(0)
	h := &host{leader: "false"}
	c := hook.New(&hookv1.Event{}, view(true, 40), h, hook.WithClock(func() time.Duration { return now }))
	if leader, err := c.IsLeader(context.Background()); !leader || err != nil || len(h.calls) != 0 {
		t.Errorf("with 40 s left: %v, %v, calls %v; want true without a call", leader, err, h.calls)
	}
	now = 11 * time.Second // as a suspended machine wakes up
	if leader, _ := c.IsLeader(context.Background()); leader || len(h.calls) != 1 {
		t.Errorf("with 29 s left: %v, calls %v; want the host's no", leader, h.calls)
	}
	if err := c.SetBag(context.Background(), 1, true, map[string]string{"k": "v"}); !errs.Is(err, errs.Denied) {
		t.Errorf("application bag without leadership: %v, want Denied", err)
	}
}

func TestChangesetHoldsOnlyChanges(t *testing.T) {
	ctx := context.Background()
	c := hook.New(&hookv1.Event{Id: "3-config-changed"}, view(false, 0), nil)
	for _, set := range []map[string]string{{"a": "1"}, {"a": "2"}, {"a": "1"}} {
		if err := c.SetBag(ctx, 1, false, set); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.OpenPort(&hookv1.PortRange{Protocol: "tcp", From: 80, To: 80}); err != nil {
		t.Fatal(err)
	}
	if err := c.SetState(map[string]string{"kept": "1"}); err != nil {
		t.Fatal(err)
	}
	want := &hookv1.Changeset{EventId: "3-config-changed"}
	if got := c.Changeset(); !proto.Equal(got, want) {
		t.Errorf("changeset of writes that change nothing = %v", got)
	}
}

func TestValidate(t *testing.T) {
	event := &hookv1.Event{Id: "1-start", Kind: "start", Name: "start"}
	big := &hookv1.Changeset{EventId: "1-start"}
	for i := range int32(hook.MaxChangesetKeys) {
		big.Bags = append(big.Bags, &hookv1.BagWrite{RelationId: i, Set: map[string]string{"k": "v"}})
	}
	for _, test := range []struct {
		name string
		cs   *hookv1.Changeset
		want string // part of the one error, "" = none
	}{
		{"empty", &hookv1.Changeset{EventId: "1-start"}, ""},
		{"other event", &hookv1.Changeset{EventId: "2-stop"}, "names event"},
		{"status", &hookv1.Changeset{EventId: "1-start", UnitStatus: &hookv1.Status{Current: "error"}}, "allowed are active"},
		{"port", &hookv1.Changeset{EventId: "1-start", OpenPorts: []*hookv1.PortRange{{Protocol: "tcp", From: 9, To: 3}}}, "invalid port range"},
		{"action outside of one", &hookv1.Changeset{EventId: "1-start", Action: &hookv1.ActionResult{}}, "not running an action"},
		{"too many", big, "largest: unit databag of relation"},
		{"state", &hookv1.Changeset{EventId: "1-start", StateSet: map[string]string{"k": strings.Repeat("x", hook.MaxStateBytes)}}, "charm state"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := hook.Validate(test.cs, event)
			if test.want == "" && len(found) > 0 {
				t.Errorf("errors %v, want none", found)
			}
			if test.want != "" && (len(found) != 1 || !strings.Contains(found[0].Error(), test.want)) {
				t.Errorf("errors %v, want one with %q", found, test.want)
			}
		})
	}
}

// TestNormalizeSettles: normalizing twice changes nothing, whatever was written, and applying the normalized bag
// writes gives what applying the raw ones gives.
func TestNormalizeSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.MapOf(rapid.StringMatching(`[a-c]`), rapid.StringMatching(`[x-z]`)).Draw(t, "base")
		v := &hookv1.View{Relations: []*hookv1.RelationView{{Id: 1, LocalUnit: base}}}
		cs := &hookv1.Changeset{}
		want := map[string]string{}
		maps.Copy(want, base)
		for range rapid.IntRange(0, 4).Draw(t, "writes") {
			set := rapid.MapOf(rapid.StringMatching(`[a-c]`), rapid.StringMatching(`[x-z]?`)).Draw(t, "set")
			cs.Bags = append(cs.Bags, &hookv1.BagWrite{RelationId: 1, Set: set})
			apply(want, set)
		}
		once := hook.Normalize(cs, v)
		if twice := hook.Normalize(once, v); !proto.Equal(once, twice) {
			t.Fatalf("normalized again: %v, want %v", twice, once)
		}
		got := map[string]string{}
		maps.Copy(got, base)
		for _, b := range once.GetBags() {
			apply(got, b.GetSet())
		}
		if len(got) != len(want) {
			t.Fatalf("after normalized writes %v, want %v", got, want)
		}
		for k := range want {
			if got[k] != want[k] {
				t.Fatalf("after normalized writes %v, want %v", got, want)
			}
		}
	})
}

func apply(m, set map[string]string) {
	for k, v := range set {
		if v == "" {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
}
