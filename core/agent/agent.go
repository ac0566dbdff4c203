// Package agent is the process beside the units. It wires the stages in the order of the flow: source, queue, resolver,
// dispatch, changeset, and the commit that the controller writes. Who has read step (step.go) has read the product.
//
// An agent keeps nothing that must survive it: a unit's cursor lies in the controller's store, written in the same
// transaction as what the hook wrote. What it has on disk are copies (charms) and hints (run directories).
package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/dispatch"
	"github.com/bangle-dev/bangle/core/agent/leader"
	"github.com/bangle-dev/bangle/core/agent/machinelock"
	"github.com/bangle-dev/bangle/core/agent/queue"
	"github.com/bangle-dev/bangle/core/agent/recordings"
	"github.com/bangle-dev/bangle/core/agent/runsocket"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// Version is what an agent tells the controller of itself.
const Version = "0.1.0"

// Config is all that an agent needs; it is not changed afterwards.
type Config struct {
	ID          string // the agent's, as units' records name it
	Incarnation string
	Dir         string // of the agent: charms and units
	RunDir      string // of the agent: short, for sockets; one directory for each unit is made in it
	ToolsDir    string // hook tools
	Controller  dispatch.Controller
	// AgentStart names this start where an agent's start is its unit's; "" elsewhere.
	AgentStart string

	Agents   controllerv1.AgentsClient
	Side     substrate.UnitSide
	Runtimes dispatch.Runtimes
	Notices  source.NoticeReader // default: source.SupervisorClient

	Workers int           // events in flight at most; default 32
	Grace   time.Duration // how long a hook may still run when the agent ends; default 8 s
	// RecordingBytes bounds what is kept of all units' events together; default recordings.DefaultAgentBytes.
	RecordingBytes int64
	// Tidy is how often charm packages are looked for that no unit needs; they go after three times that. Default 10 min.
	Tidy time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Agent runs units.
type Agent struct {
	cfg        Config
	queue      *queue.Queue[event.Key]
	replica    *source.Replica
	observer   observer
	charms     *dispatch.Charms
	dispatcher *dispatch.Dispatcher
	committer  committer
	lead       *leader.Promises
	sockets    *runsocket.Sockets
	locks      *machinelock.Locks
	retryExec  time.Duration
	flights    chan struct{} // commits whose units stand aside
	report     *reporter
	recordings *recordings.Shelf // nil in a rehearsal
	commands   commands
	rehearsal  *rehearsal // of which this is the agent; nil of one that works

	mu    sync.Mutex
	units map[event.Key]*unit
}

// observer knows what units find at their places: source.Observer.
type observer interface {
	// Of answers what is known of a unit now; it is observed from then on.
	Of(ctx context.Context, k event.Key) *source.Observation
	// Known answers the same of a unit that is observed already, else nil.
	Known(k event.Key) *source.Observation
	Told(k event.Key, container string, until time.Time)
	Forget(k event.Key)
	Close()
}

// New wires an agent. Run starts it.
func New(cfg Config) (*Agent, error) {
	if cfg.ID == "" || cfg.Incarnation == "" || cfg.Dir == "" || cfg.RunDir == "" {
		return nil, errors.New("cannot make an agent: id, incarnation, dir and run dir are needed")
	}
	if cfg.Workers == 0 {
		cfg.Workers = 32
	}
	if cfg.Grace == 0 {
		cfg.Grace = 8 * time.Second
	}
	if cfg.Tidy == 0 {
		cfg.Tidy = 10 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Notices == nil {
		cfg.Notices = source.SupervisorClient{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg, queue: queue.New[event.Key](), units: map[event.Key]*unit{}, committer: committer{client: cfg.Agents},
		lead: leader.New(leader.Config{Client: cfg.Agents}), report: newReporter(cfg.Agents, cfg.Log)}
	a.commands = commands{client: cfg.Agents, running: map[string]context.CancelFunc{}}
	a.recordings = recordings.New(recordings.Config{Dir: filepath.Join(cfg.Dir, "recordings"), Name: dispatch.DirName, Bytes: cfg.RecordingBytes, Log: cfg.Log})
	a.locks = machinelock.New()
	a.retryExec = 200 * time.Millisecond
	a.flights = make(chan struct{}, 3*cfg.Workers)
	a.sockets = runsocket.New(a.enqueue, cfg.Log)
	a.replica = source.NewReplica(cfg.ID, a.wake)
	a.observer = source.NewObserver(source.ObserverConfig{Side: cfg.Side, Notices: cfg.Notices, AgentStart: cfg.AgentStart, Wake: a.wake, Log: cfg.Log})
	a.charms = dispatch.NewCharms(filepath.Join(cfg.Dir, "charms"), a.fetchCharm)
	a.dispatcher = dispatch.New(dispatch.Config{Runtimes: cfg.Runtimes, Lines: lines{a}, FetchResource: a.fetchResource, GoalState: a.goalState, ToolsDir: cfg.ToolsDir, Controller: cfg.Controller,
		Charms:  a.charms,
		UnitDir: a.unitDir, RunDir: a.runDir, RunSocket: a.socketOf, StateFiles: a.stateFiles, Lock: a.takeTurn, Boot: process.BootID()})
	return a, nil
}

// Run works until ctx ends. Hooks in flight then have a moment to end and be committed; those that do not are derived
// again by the next start.
func (a *Agent) Run(ctx context.Context) {
	_ = os.RemoveAll(filepath.Join(a.cfg.Dir, rehearsalsDir)) // of an earlier life; what stays is only room
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	telling, quiet := context.WithCancel(context.WithoutCancel(ctx))
	defer quiet()
	grace := context.AfterFunc(ctx, func() { _ = time.AfterFunc(a.cfg.Grace, end) })
	defer grace()
	var background, reports sync.WaitGroup
	background.Go(func() { a.lead.Run(life) })
	background.Go(func() { a.tidy(life) })
	background.Go(func() {
		source.Follow(life, source.StreamConfig{Client: a.cfg.Agents, Replica: a.replica, Version: Version,
			Incarnation: a.cfg.Incarnation, NewEpoch: a.newEpoch, Log: a.cfg.Log,
			Command: func(ctx context.Context, cmd *controllerv1.Command) { a.commands.follow(ctx, cmd, a.follower(cmd)) }})
	})
	reports.Go(func() { a.report.run(telling) })
	reports.Go(func() { a.recordings.Run(telling) })
	a.queue.Run(ctx, a.cfg.Workers, func(_ context.Context, k event.Key) time.Duration { return a.step(life, k) })
	end()
	a.sockets.Close()
	a.observer.Close()
	background.Wait()
	a.commands.wg.Wait()
	for _, u := range a.units { // nobody works on them any more, and nobody tells of others
		u.reboot.free()
	}
	quiet()
	reports.Wait()
}

// wake gives a unit a turn.
func (a *Agent) wake(k event.Key) {
	u := a.unit(k)
	a.rehearsal.woken(k)
	u.woken.CompareAndSwap(0, a.cfg.Now().UnixNano())
	a.queue.Put(k)
	a.abort(u)
}

// newEpoch drops what is known of units from another life of the store, and looks at what there is.
func (a *Agent) newEpoch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range a.units {
		u.stale.Store(true)
	}
}

// unitDir is where a unit's files lie.
func (a *Agent) unitDir(k event.Key) string {
	return filepath.Join(a.cfg.Dir, "units", dispatch.DirName(k))
}

// fetchCharm streams a package from the controller.
func (a *Agent) fetchCharm(ctx context.Context, model, digest string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, fetchCall)
	defer cancel()
	stream, err := a.cfg.Agents.FetchCharm(ctx, &controllerv1.FetchCharmRequest{Model: model, Digest: digest})
	if err != nil {
		return err
	}
	return receive(stream, w)
}

// fetchResource streams a resource from the controller.
func (a *Agent) fetchResource(ctx context.Context, k event.Key, name string, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := a.cfg.Agents.FetchResource(ctx, &controllerv1.FetchResourceRequest{Model: k.Model, Unit: k.Unit, Name: name})
	if err != nil {
		return plugin.FromStatus(err)
	}
	return plugin.FromStatus(receive(stream, w))
}

// goalState asks the controller.
func (a *Agent) goalState(ctx context.Context, k event.Key) (*hookv1.GoalState, error) {
	goal, err := a.cfg.Agents.GoalState(ctx, &controllerv1.GoalStateRequest{Model: k.Model, Unit: k.Unit})
	return goal, plugin.FromStatus(err)
}

func receive(stream grpc.ServerStreamingClient[controllerv1.Chunk], w io.Writer) error {
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(chunk.Data); err != nil {
			return err
		}
	}
}

// fetchCall bounds the fetch of a charm; packages may be large and lines thin.
const fetchCall = 10 * time.Minute

// lines is what a running hook may use of the agent.
type lines struct{ a *Agent }

// Lead renews and answers.
func (l lines) Lead(ctx context.Context, k event.Key, term int64) (time.Duration, error) {
	return l.a.lead.Renew(ctx, k, term)
}

// ReadBag asks the controller.
func (l lines) ReadBag(ctx context.Context, k event.Key, relation int32, owner string) (map[string]string, error) {
	bag, err := l.a.cfg.Agents.ReadBag(ctx, &controllerv1.ReadBagRequest{Model: k.Model, Reader: k.Unit, RelationId: relation, Owner: owner})
	if err != nil {
		return nil, err
	}
	if bag.Values == nil {
		return map[string]string{}, nil
	}
	return bag.Values, nil
}

// ReadSecret asks the controller.
func (l lines) ReadSecret(ctx context.Context, req *controllerv1.ReadSecretRequest) (*controllerv1.ReadSecretResponse, error) {
	return l.a.cfg.Agents.ReadSecret(ctx, req)
}

// stateFiles asks the controller.
func (a *Agent) stateFiles(ctx context.Context, k event.Key) (*controllerv1.StateFiles, error) {
	return a.cfg.Agents.FetchStateFiles(ctx, &controllerv1.FetchStateFilesRequest{Model: k.Model, Unit: k.Unit})
}

// Immediate queues.
func (l lines) Immediate(req *controllerv1.ImmediateRequest) { l.a.report.tell(req) }

// Log queues.
func (l lines) Log(rec *controllerv1.LogRecord) { l.a.report.tell(rec) }
