package walks_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/agent"
	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// simulated is a simulated controller and simulated places around real agents.
type simulated struct {
	t      *testing.T
	store  *agenttest.Store
	server *agenttest.Server
	client controllerv1.AgentsClient
	digest string
}

func newSimulated(t *testing.T) *simulated {
	s := &simulated{t: t, store: agenttest.New()}
	s.server = agenttest.NewServer(s.store)
	s.client = s.server.Dial(t)
	s.digest = s.charm("one")
	return s
}

// charm offers a charm that differs by its mark and answers its digest.
func (s *simulated) charm(mark string) string {
	file, digest := agenttest.Pack(s.t, "web", map[string]string{"mark": mark})
	s.server.AddCharm(digest, file)
	return digest
}

// pod is an agent with its unit's place; dir is what would be lost with it.
type pod struct {
	side    *agenttest.Side
	runtime *agenttest.Runtime
	kill    func()
}

func (s *simulated) start(id, incarnation, dir string, env *substratev1.EnvironmentResponse, code agenttest.Charm) *pod {
	s.t.Helper()
	p := &pod{side: agenttest.NewSide(env), runtime: agenttest.NewRuntime(s.t, code)}
	ctx, cancel := context.WithCancel(s.t.Context())
	a, err := agent.New(agent.Config{ID: id, Incarnation: incarnation, Dir: dir, RunDir: filepath.Join(dir, "run"), Agents: s.client,
		Side: p.side, Runtimes: p.runtime, Grace: time.Millisecond})
	must(s.t, err)
	var done sync.WaitGroup
	done.Go(func() { a.Run(ctx) })
	p.kill = func() { cancel(); done.Wait() }
	s.t.Cleanup(p.kill)
	return p
}

func (s *simulated) cursor(unit string) *controllerv1.Cursor {
	return s.store.Get(key.OfUnit(key.State, unit)).GetUnitState().GetCursor()
}

func (s *simulated) until(what string, is func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			s.t.Fatalf("it never happened: %s; cursor of web/0 %v", what, s.cursor("web/0"))
		}
		<-time.After(2 * time.Millisecond)
	}
}

// hooks are the names of the events that were run, without unit and number.
func (p *pod) hooks() []string {
	var names []string
	for _, run := range p.runtime.Runs() {
		_, name, _ := strings.Cut(run, "-")
		names = append(names, name)
	}
	return names
}
