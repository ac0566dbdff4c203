package agents_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// listener is an agent that listens all the time and holds what it was told.
type listener struct {
	*holder
	mu       sync.Mutex
	held     map[string]map[string]int64 // model → key → revision
	revision int64
	moved    chan struct{}
}

func (l *listener) take(d *controllerv1.Delta) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Full {
		l.held = map[string]map[string]int64{}
	}
	for _, o := range d.Objects {
		if l.held[o.Model] == nil {
			l.held[o.Model] = map[string]int64{}
		}
		if delete(l.held[o.Model], o.Key); !o.Deleted {
			l.held[o.Model][o.Key] = o.ModRevision
		}
	}
	l.revision = d.Revision
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *listener) listen(stream grpc.ServerStreamingClient[controllerv1.Delta]) {
	for {
		d, err := stream.Recv()
		if err != nil {
			return
		}
		l.take(d)
	}
}

// holds waits until all of a revision has come and gives what is held of a model then.
func (l *listener) holds(ctx context.Context, revision int64, uuid string) (map[string]int64, error) {
	for {
		l.mu.Lock()
		have, moved, held := l.revision, l.moved, maps.Clone(l.held[uuid])
		l.mu.Unlock()
		if have >= revision {
			return held, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return nil, fmt.Errorf("agent %s was told nothing of revision %d", l.id, revision)
		}
	}
}

// readers are the calls that answer content; tests of the test put others in their place.
type readers struct {
	bag    func(l *listener, req *controllerv1.ReadBagRequest) (*controllerv1.Bag, error)
	secret func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error)
}

func (c *controller) readers() readers {
	return readers{
		bag: func(l *listener, req *controllerv1.ReadBagRequest) (*controllerv1.Bag, error) {
			return l.rpc.ReadBag(c.t.Context(), req)
		},
		secret: func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
			return l.rpc.ReadSecret(c.t.Context(), req)
		},
	}
}

// theatre is a controller with agents that listen, in which plays are played, each in a model of its own.
type theatre struct {
	*controller
	agents map[string]*listener
	plays  int
	read   readers
}

const barrier = "barrier"

func agentNames() []string { return []string{"p", "q", "r", "s", "t"} }

func openTheatre(t testing.TB, mayRead func(*model.Graph, string, key.Key) bool) *theatre {
	th := &theatre{controller: startWith(t, mayRead), agents: map[string]*listener{}}
	th.read = th.readers()
	records := map[key.Key]proto.Message{key.Named(key.Model, barrier): &controllerv1.Model{Uuid: barrier}, key.OfApp(key.App, "b"): &controllerv1.Application{Name: "b"}}
	for i, name := range agentNames() {
		unit := fmt.Sprintf("b/%d", i)
		records[key.OfUnit(key.Unit, unit)] = &controllerv1.Unit{Name: unit, Agent: name}
		records[key.OfUnit(key.Incarnation, unit)] = &controllerv1.Incarnation{Id: "i-" + name, Agent: name}
	}
	th.put(barrier, records)
	for _, name := range agentNames() {
		l := &listener{holder: th.agent(name), moved: make(chan struct{})}
		stream, first := l.watch(&controllerv1.WatchRequest{})
		l.take(first)
		th.agents[name] = l
		go l.listen(stream)
	}
	return th
}

// play is one model's story.
type play struct {
	*theatre
	uuid    string
	now     *truth
	grants  map[grant]bool
	beside  map[string]string
	looks   int
	numbers map[string]int // units that an application ever had
	rels    int32
	ids     []string // of secrets, of those that are gone too
	seq     map[string]uint64
	answers map[string][]*controllerv1.Object // by agent: what the last commits answered
}

// step is one thing that happens; A, B and C choose among what there is.
type step struct {
	Kind    string
	A, B, C int
}

func (s step) String() string { return fmt.Sprintf("%s(%d,%d,%d)", s.Kind, s.A, s.B, s.C) }

// opening is how most stories begin: two applications and a subordinate, every unit with an agent of its own as far as there
// are agents, in relations of every kind, with leaders and with a secret that is granted and read.
func opening() []step {
	return []step{{"unit", 0, 0, 0}, {"unit", 0, 1, 0}, {"unit", 1, 2, 0}, {"unit", 3, 3, 0}, {"unit", 3, 4, 0}, {"relate", 0, 0, 0}, {"relate", 3, 0, 0}, {"relate", 4, 0, 0},
		{"lead", 0, 0, 1}, {"lead", 2, 0, 1}, {"enter", 0, 0, 0}, {"enter", 1, 0, 0}, {"enter", 2, 0, 0}, {"enter", 0, 1, 0}, {"enter", 3, 1, 0}, {"enter", 4, 1, 0}, {"bag", 0, 0, 0},
		{"secret", 0, 0, 0}, {"secret", 2, 1, 0}, {"grant", 1, 0, 0}, {"grant", 2, 1, 1}, {"track", 2, 0, 0}}
}

// script draws a story.
func script() *rapid.Generator[[]step] {
	kinds := []string{"unit", "unit", "move", "gone", "lead", "relate", "relate", "part", "enter", "enter", "leave", "bag", "bag", "secret", "secret", "revise",
		"revise", "revise", "grant", "grant", "grant", "revoke", "track", "track", "track", "track", "unrevise", "forget", "user", "steal"}
	return rapid.Custom(func(t *rapid.T) []step {
		steps := opening()
		if rapid.IntRange(0, 3).Draw(t, "from nothing") == 0 {
			steps = steps[:6]
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			n := rapid.IntRange(0, 11)
			steps = append(steps, step{rapid.SampledFrom(kinds).Draw(t, "kind"), n.Draw(t, "a"), n.Draw(t, "b"), n.Draw(t, "c")})
		}
		return steps
	})
}

// perform plays a story and says the first thing that was seen and must not be, or was not and ought to be.
func (th *theatre) perform(steps []step) error {
	th.plays++
	p := &play{theatre: th, uuid: fmt.Sprintf("play%d", th.plays), grants: map[grant]bool{}, beside: map[string]string{}, numbers: map[string]int{}, seq: map[string]uint64{}, answers: map[string][]*controllerv1.Object{}}
	defer p.end()
	records := map[key.Key]proto.Message{key.Named(key.Model, p.uuid): &controllerv1.Model{Uuid: p.uuid, Life: controllerv1.Life_LIFE_ALIVE}}
	for _, app := range []string{"a", "b", "c", "sub"} {
		records[key.OfApp(key.App, app)] = &controllerv1.Application{Name: app, Life: controllerv1.Life_LIFE_ALIVE}
		records[key.OfApp(key.LeaderSettings, app)] = &controllerv1.LeaderSettings{}
		records[key.OfApp(key.PodSpec, app)] = &controllerv1.PodSpec{}
	}
	p.put(p.uuid, records)
	if err := p.look(false); err != nil {
		return err
	}
	for i, s := range steps {
		if err := p.act(s); err != nil {
			return fmt.Errorf("step %d %s: %w", i, s, err)
		}
		if err := p.look(i == len(steps)-1); err != nil {
			return fmt.Errorf("after step %d %s: %w", i, s, err)
		}
	}
	return nil
}

func (p *play) end() {
	for _, prefix := range []string{store.InModel(p.uuid), store.ModelKey(p.uuid)} {
		if _, err := shared.Txn(context.Background(), nil, []store.Op{store.DeleteAll(prefix)}, nil); err != nil {
			p.t.Error(err)
		}
	}
}

// look holds every path against the oracle: what the agents' streams brought, what a new stream would bring, what commits
// answered and, with calls, what the calls answer.
func (p *play) look(calls bool) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	revision := p.put(barrier, map[key.Key]proto.Message{key.Named(key.Model, barrier): &controllerv1.Model{Uuid: barrier}})
	var err error
	if p.now, err = p.survey(p.uuid, p.grants); err != nil {
		return err
	}
	p.now.beside = p.beside
	for name, l := range p.agents {
		want := p.now.told(name)
		got, err := l.holds(ctx, revision, p.uuid)
		if err != nil {
			return err
		}
		if diff := differ(got, want); diff != "" {
			return fmt.Errorf("the stream of agent %s: %s", name, diff)
		}
		if calls || p.looks%len(p.agents) == slices.Index(agentNames(), name) { // one by one, and all at the end
			if got, err = p.afresh(ctx, name); err != nil {
				return err
			}
			if diff := differ(got, want); diff != "" {
				return fmt.Errorf("a new stream of agent %s: %s", name, diff)
			}
		}
		for _, o := range p.answers[name] {
			if k, err := key.Parse(o.Key); err != nil || p.now.mods[k] == o.ModRevision && want[o.Key] == 0 {
				return fmt.Errorf("the answer to a commit told agent %s of %s", name, o.Key)
			}
		}
	}
	clear(p.answers)
	p.looks++
	if err := p.now.settled(); err != nil {
		return err
	}
	if !calls {
		return nil
	}
	return p.ask()
}

// afresh is what a stream begins with.
func (p *play) afresh(ctx context.Context, agent string) (map[string]int64, error) {
	sub, err := p.mirror.Subscribe(ctx, agent, 0, "")
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	out := map[string]int64{}
	for {
		d, err := sub.Next(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range d.Objects {
			if o.Model == p.uuid {
				out[o.Key] = o.ModRevision
			}
		}
		if d.Synced {
			return out, nil
		}
	}
}

// differ names what is there and must not be, what is missing and what is of another revision.
func differ(got, want map[string]int64) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if want[k] == 0 {
			all = append(all, "must not have "+k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if got[k] != want[k] {
			all = append(all, fmt.Sprintf("has %s of revision %d, not %d", k, got[k], want[k]))
		}
	}
	return strings.Join(all, "; ")
}

// TestWhatAgentsMaySee: in any model, after anything that happens in it, an agent has been told exactly the records, and is
// answered exactly the databags and secrets, that its units have a right to.
func TestWhatAgentsMaySee(t *testing.T) {
	th := openTheatre(t, authz.AgentMayRead)
	rapid.Check(t, func(t *rapid.T) {
		if err := th.perform(script().Draw(t, "story")); err != nil {
			t.Fatal(err)
		}
	})
}

// caught plays stories until one is told from the oracle.
func (th *theatre) caught() error {
	for seed := range 300 {
		if err := th.perform(script().Example(seed)); err != nil {
			return err
		}
	}
	return nil
}

// TestLeaksAreSeen: the test above can fail. Each row is a fault in a rule, planted where the controller asks or where it answers.
func TestLeaksAreSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("it plays what the test above plays, and tests that")
	}
	right := authz.AgentMayRead
	app := func(g *model.Graph, agent string, k key.Key) bool { return g.AgentHas(agent, k.App) }
	rules := map[string]func(g *model.Graph, agent string, k key.Key) bool{
		"databags of siblings": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) || k.Kind == key.Bag && k.Unit != "" && app(g, agent, k)
		},
		"the application's databag for all its units": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) || k.Kind == key.Bag && k.Unit == "" && app(g, agent, k)
		},
		"databags of all pairs": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) || k.Kind == key.Bag && k.Unit != "" && right(g, agent, key.OfRelation(k.Relation)) && !app(g, agent, k)
		},
		"secrets of the application for all its units": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) || k.Kind == key.Secret && g.AgentHas(agent, g.Secret(k.Name).GetOwner())
		},
		"what siblings read": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) || k.Kind == key.SecretReader && app(g, agent, k)
		},
		"no databag of the other application": func(g *model.Graph, agent string, k key.Key) bool {
			return right(g, agent, k) && (k.Kind != key.Bag || k.Unit != "" || app(g, agent, k))
		},
		"no secret": func(g *model.Graph, agent string, k key.Key) bool { return right(g, agent, k) && k.Kind != key.Secret },
	}
	for name, rule := range rules {
		t.Run(name, func(t *testing.T) {
			if err := openTheatre(t, rule).caught(); err == nil {
				t.Error("nobody noticed")
			} else {
				t.Log(err)
			}
		})
	}
	for name, change := range faults() {
		t.Run(name, func(t *testing.T) {
			th := openTheatre(t, right)
			change(th)
			if err := th.caught(); err == nil {
				t.Error("nobody noticed")
			} else {
				t.Log(err)
			}
		})
	}
}

// faults are those of calls.
func faults() map[string]func(*theatre) {
	content := func(th *theatre, uuid, id string, revision int32) *controllerv1.ReadSecretResponse {
		w, err := th.survey(uuid, nil)
		if err != nil || w.contents[key.ContentOf(id, revision)] == nil {
			return nil
		}
		return &controllerv1.ReadSecretResponse{Id: id, Revision: revision, Content: w.contents[key.ContentOf(id, revision)].Content}
	}
	return map[string]func(*theatre){
		"any databag to anybody": func(th *theatre) {
			th.read.bag = func(_ *listener, req *controllerv1.ReadBagRequest) (bag *controllerv1.Bag, _ error) {
				k := key.AppBag(req.RelationId, req.Owner)
				if strings.Contains(req.Owner, "/") {
					k = key.UnitBag(req.RelationId, req.Owner)
				}
				w, err := th.survey(req.Model, nil)
				if err != nil || w.bags[k] == nil {
					return &controllerv1.Bag{}, err
				}
				return w.bags[k], nil
			}
		},
		"any secret to anybody": func(th *theatre) {
			th.read.secret = func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
				resp, err := th.readers().secret(l, req)
				if got := content(th, req.Model, req.Id, max(req.Revision, 1)); errs.Is(err, errs.Denied) && got != nil {
					return got, nil
				}
				return resp, err
			}
		},
		"the newest instead of the tracked": func(th *theatre) {
			th.read.secret = func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
				other := proto.CloneOf(req)
				other.Peek = req.Revision == 0
				return th.readers().secret(l, other)
			}
		},
		"no secret to who does not own it": func(th *theatre) {
			th.read.secret = func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
				resp, err := th.readers().secret(l, req)
				if err == nil && !resp.Owned {
					return nil, errs.E(errs.Denied, "permission denied")
				}
				return resp, err
			}
		},
		"whose grant was taken back": func(th *theatre) {
			once := map[string]*controllerv1.ReadSecretResponse{}
			th.read.secret = func(l *listener, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
				resp, err := th.readers().secret(l, req)
				name := req.Unit + req.Id
				if err == nil {
					once[name] = resp
				}
				if errs.Is(err, errs.Denied) && once[name] != nil {
					return once[name], nil
				}
				return resp, err
			}
		},
	}
}

// pick chooses one of a list, the zero T of an empty one.
func pick[T any](list []T, n int) (one T) {
	if len(list) > 0 {
		one = list[n%len(list)]
	}
	return one
}
