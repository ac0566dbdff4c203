package agenttest

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Server is a Store behind the contract's own gRPC service, without certificates.
type Server struct {
	controllerv1.UnimplementedAgentsServer
	Store *Store

	mu       sync.Mutex
	packages map[string]string // digest → file
	faults   map[string][]Fault
	journal  []*controllerv1.JournalEntry
	logs     []*controllerv1.LogRecord
	told     []*controllerv1.ImmediateRequest
	states   []*controllerv1.AgentState
	calls    []string
	seconds  float64
	asked    map[string]int // unit → renewals
	gate     chan struct{}  // closed or nil: streams flow
	commands chan *controllerv1.Command
	answers  chan *controllerv1.AnswerRequest
}

// Fault is what goes wrong with one call.
type Fault string

// The faults.
const (
	LoseRequest Fault = "lose-request" // the call fails and did nothing
	LoseAnswer  Fault = "lose-answer"  // the call fails and was done
)

// NewServer serves the store.
func NewServer(s *Store) *Server {
	return &Server{Store: s, packages: map[string]string{}, faults: map[string][]Fault{}, seconds: 60, asked: map[string]int{},
		commands: make(chan *controllerv1.Command), answers: make(chan *controllerv1.AnswerRequest)}
}

// Dial serves until the test ends and answers a client. Several may be asked for.
func (s *Server) Dial(t testing.TB) controllerv1.AgentsClient {
	t.Helper()
	lis := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		s.mu.Lock()
		s.calls = append(s.calls, info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:])
		s.mu.Unlock()
		resp, err := h(ctx, req)
		return resp, plugin.ToStatus(err)
	}))
	controllerv1.RegisterAgentsServer(server, s)
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(lis) }) // ends with Stop
	conn, err := grpc.NewClient("passthrough:///test", append(plugin.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		served.Wait()
	})
	return controllerv1.NewAgentsClient(conn)
}

// AddCharm offers a package.
func (s *Server) AddCharm(digest, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packages[digest] = file
}

// Fail lets the next calls of that name go wrong, in order.
func (s *Server) Fail(call string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[call] = append(s.faults[call], faults...)
}

func (s *Server) fault(call string) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults[call]) == 0 {
		return ""
	}
	f := s.faults[call][0]
	s.faults[call] = s.faults[call][1:]
	return f
}

// lost is how a call that went wrong looks.
func lost() error { return errs.E(errs.Unavailable, "the line is broken") }

// Calls are the calls that came so far, streams not counted.
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

// Journal, Logs and Immediates are what agents reported.
func (s *Server) Journal() []*controllerv1.JournalEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*controllerv1.JournalEntry(nil), s.journal...)
}

// Logs are the lines that came.
func (s *Server) Logs() []*controllerv1.LogRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*controllerv1.LogRecord(nil), s.logs...)
}

// Immediates are the statuses that came before their hooks ended.
func (s *Server) Immediates() []*controllerv1.ImmediateRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*controllerv1.ImmediateRequest(nil), s.told...)
}

// States is what units were told to do, in the order in which it was reported.
func (s *Server) States() []*controllerv1.AgentState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*controllerv1.AgentState(nil), s.states...)
}

// Hold lets no stream say anything more, until release is called.
func (s *Server) Hold() (release func()) {
	gate := make(chan struct{})
	s.mu.Lock()
	s.gate = gate
	s.mu.Unlock()
	return func() { close(gate) }
}

// held waits while streams are held.
func (s *Server) held(ctx context.Context) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate == nil {
		return
	}
	select {
	case <-gate:
	case <-ctx.Done():
	}
}

// Watch implements the call.
func (s *Server) Watch(req *controllerv1.WatchRequest, out grpc.ServerStreamingServer[controllerv1.Delta]) error {
	epoch, revision := req.Epoch, req.ResumeRevision
	for {
		s.held(out.Context())
		deltas, changed := s.Store.Since(epoch, revision)
		for _, d := range deltas {
			s.held(out.Context())
			if err := out.Send(d); err != nil {
				return err
			}
			epoch, revision = d.Epoch, d.Revision
		}
		if len(deltas) > 0 {
			continue
		}
		select {
		case <-changed:
		case cmd := <-s.commands:
			if err := out.Send(&controllerv1.Delta{Epoch: epoch, Commands: []*controllerv1.Command{cmd}}); err != nil {
				return err
			}
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}

// Commands takes what one of the agents that watch is to be asked, Answers gives what they answer.
func (s *Server) Commands() chan<- *controllerv1.Command { return s.commands }

// Answers gives the parts of answers as they come; nobody who takes them holds up the agent.
func (s *Server) Answers() <-chan *controllerv1.AnswerRequest { return s.answers }

// Answer implements the call.
func (s *Server) Answer(ctx context.Context, req *controllerv1.AnswerRequest) (*controllerv1.AnswerResponse, error) {
	select {
	case s.answers <- req:
		return &controllerv1.AnswerResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answer applies a fault to a call.
func answer[T any](s *Server, call string, do func() T) (resp T, err error) {
	switch s.fault(call) {
	case LoseRequest:
		return resp, lost()
	case LoseAnswer:
		do()
		return resp, lost()
	}
	return do(), nil
}

// Begin implements the call.
func (s *Server) Begin(_ context.Context, req *controllerv1.BeginRequest) (*controllerv1.CommitResponse, error) {
	return answer(s, "Begin", func() *controllerv1.CommitResponse { return s.Store.Begin(req) })
}

// Commit implements the call.
func (s *Server) Commit(_ context.Context, req *controllerv1.CommitRequest) (*controllerv1.CommitResponse, error) {
	return answer(s, "Commit", func() *controllerv1.CommitResponse { return s.Store.Commit(req) })
}

// Lead implements the call.
func (s *Server) Lead(_ context.Context, req *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error) {
	resp := &controllerv1.LeadResponse{}
	for _, t := range req.Terms {
		s.mu.Lock()
		s.asked[t.Unit]++
		s.mu.Unlock()
		p := &controllerv1.LeadPromise{Term: t.Term}
		if o := s.Store.Get(key.OfApp(key.Lead, t.Application)); o.GetLead().GetUnit() == t.Unit && o.CreateRevision == t.Term {
			p.Seconds = s.seconds
		}
		resp.Promises = append(resp.Promises, p)
	}
	return resp, nil
}

// Immediate implements the call.
func (s *Server) Immediate(_ context.Context, req *controllerv1.ImmediateRequest) (*controllerv1.ImmediateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, req)
	return &controllerv1.ImmediateResponse{}, nil
}

// Report implements the call.
func (s *Server) Report(_ context.Context, req *controllerv1.ReportRequest) (*controllerv1.ReportResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, req.Journal...)
	s.logs = append(s.logs, req.Logs...)
	s.states = append(s.states, req.States...)
	return &controllerv1.ReportResponse{}, nil
}

// FetchCharm implements the call.
func (s *Server) FetchCharm(req *controllerv1.FetchCharmRequest, out grpc.ServerStreamingServer[controllerv1.Chunk]) error {
	s.mu.Lock()
	file := s.packages[req.Digest]
	s.mu.Unlock()
	data, err := os.ReadFile(file)
	if err != nil {
		return plugin.ToStatus(errs.E(errs.NotFound, "cannot fetch charm %s: %w", req.Digest, err))
	}
	return out.Send(&controllerv1.Chunk{Data: data})
}

// ReadBag implements the call.
func (s *Server) ReadBag(_ context.Context, req *controllerv1.ReadBagRequest) (*controllerv1.Bag, error) {
	k := key.AppBag(req.RelationId, req.Owner)
	if key.AppOf(req.Owner) != "" {
		k = key.UnitBag(req.RelationId, req.Owner)
	}
	if b := s.Store.Get(k).GetBag(); b != nil {
		return b, nil
	}
	return &controllerv1.Bag{}, nil
}

// GoalState implements the call: the units that the store has.
func (s *Server) GoalState(_ context.Context, req *controllerv1.GoalStateRequest) (*hookv1.GoalState, error) {
	goal := &hookv1.GoalState{Units: map[string]*hookv1.GoalStatus{}}
	for _, u := range s.Store.Units() {
		if key.AppOf(u) != key.AppOf(req.Unit) {
			continue
		}
		goal.Units[u] = &hookv1.GoalStatus{Status: "waiting", Since: "2026-11-20T12:00:00Z"}
	}
	return goal, nil
}

// SetAddresses implements the call.
func (s *Server) SetAddresses(_ context.Context, req *controllerv1.SetAddressesRequest) (*controllerv1.SetAddressesResponse, error) {
	if req.Unit == "" {
		return nil, errors.New("no unit")
	}
	s.Store.Txn(func() { s.Store.counts["SetAddresses"]++; s.Store.address(req.Unit, req.Addresses) })
	return &controllerv1.SetAddressesResponse{}, nil
}

// SetStorage implements the call.
func (s *Server) SetStorage(_ context.Context, req *controllerv1.SetStorageRequest) (*controllerv1.SetStorageResponse, error) {
	s.Store.Txn(func() {
		s.Store.counts["SetStorage"]++
		s.Store.storage(req.Storage, func(st *controllerv1.StorageInstance) {
			st.Status, st.Location, st.Attached = req.Status, req.Location, req.Unit
		})
	})
	return &controllerv1.SetStorageResponse{}, nil
}

// Clear takes back the faults of a call.
func (s *Server) Clear(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.faults, call)
}

// Renewals says how often a unit's leadership was asked for.
func (s *Server) Renewals(unit string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[unit]
}
