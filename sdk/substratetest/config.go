// Package substratetest is the conformance suite of the substrate contract. Run
// works on a substrate in the test's own process, over gRPC (OverGRPC) and, what
// counts, on a built plugin (Binary).
//
// The suite places units, looks at them through Observe, Environment and Watch,
// asks the supervisors behind the sockets who they are (GET /v1/system-info, as
// every supervisor answers it) and kills what may be killed: containers'
// supervisors and the plugin itself, whose next life gets the same directories.
package substratetest

import (
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/internal/suite"
	"github.com/bangle-dev/bangle/sdk/plugin/plugintest"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// Config says what is tested.
type Config struct {
	// Start gives a fresh life of the substrate; state that must survive lies in
	// the directories or outside the process. OverGRPC and Binary make it.
	Start func(t testing.TB, dirs Dirs) Subject
	// Supervisor and Hooktool are the programs that Configure names.
	Supervisor, Hooktool string
	// Settings are the substrate's own.
	Settings map[string]string
	// Adapt changes a specification before it is used, for substrates that
	// need more than the suite says; nil = nothing.
	Adapt func(*substratev1.ApplicationSpec)
	// RestartContainer ends the supervisor behind a socket as a crash would. nil
	// = the process that listens on the socket is killed.
	RestartContainer func(t testing.TB, dirs Dirs, socket string)
	// Reboots allows the suite to have a unit's machine rebooted. Without it that case is skipped: the machine may be the
	// tester's own.
	Reboots bool
	// Patience is how long a case waits for what must happen; 0 = 30 s.
	Patience time.Duration
}

// Dirs are a substrate's directories.
type Dirs struct {
	State string // survives every life
	Run   string // for sockets, at most 40 bytes
}

// Subject is one life of a substrate.
type Subject struct {
	Provider substrate.Provider
	Unit     substrate.UnitSide
	Conn     grpc.ClientConnInterface // nil = it runs in this process
	PID      int                      // of its process, 0 = this one
	Kill     func()                   // ends this life at once
}

// OverGRPC tests sides behind the contract's own server and client.
func OverGRPC(fresh func(Dirs) (substrate.Provider, substrate.UnitSide)) func(testing.TB, Dirs) Subject {
	return func(t testing.TB, dirs Dirs) Subject {
		provider, unit := fresh(dirs)
		return connected(t, plugintest.Serve(t, func(to grpc.ServiceRegistrar) { substrate.Register(to, provider, unit) }))
	}
}

// Binary tests a built plugin that serves both sides.
func Binary(file string) func(testing.TB, Dirs) Subject {
	return func(t testing.TB, _ Dirs) Subject {
		return connected(t, plugintest.Start(t, file, substrate.Contracts()))
	}
}

// connected makes the clients of a served substrate.
func connected(t testing.TB, served plugintest.Plugin) Subject {
	t.Helper()
	s := Connect(t, served.Conn)
	s.PID, s.Kill = served.PID, served.Kill
	return s
}

// Connect makes a Subject without PID and Kill of a plugin's connection.
func Connect(t testing.TB, conn grpc.ClientConnInterface) Subject {
	t.Helper()
	provider, err := substrate.ProviderClient(t.Context(), conn)
	if err != nil {
		t.Fatalf("cannot ask the provider: %v", err)
	}
	unit, err := substrate.UnitClient(t.Context(), conn)
	if err != nil {
		t.Fatalf("cannot ask the unit's side: %v", err)
	}
	return Subject{Provider: provider, Unit: unit, Conn: conn}
}

// Cases returns the names of all cases.
func Cases() []string { return suite.Names(cases()) }

// Run runs every case as a subtest.
func Run(t *testing.T, cfg Config) { suite.Run(t, cases(), cfg.fresh) }

// Failing returns the cases that the substrate fails, each with the first line
// of its failure; t itself does not fail.
func Failing(t testing.TB, cfg Config) map[string]string {
	return suite.Failing(t, cases(), cfg.fresh)
}

// fresh starts the subject of one case, configured, with directories of its own.
func (c Config) fresh(t testing.TB) *bench {
	t.Helper()
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	b := &bench{cfg: c, revisions: map[string]uint64{}, used: map[[2]string]bool{}}
	b.dirs = Dirs{State: short(t), Run: short(t)}
	b.Subject = c.Start(t, b.dirs)
	b.configure(t)
	t.Cleanup(func() { b.clean(t) })
	return b
}

// short is a 0700 directory with a short name.
func short(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatalf("cannot make a directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// configure does what a controller does after every start.
func (b *bench) configure(t testing.TB) {
	t.Helper()
	if err := b.Provider.Configure(b.ctx(t), b.configuration()); err != nil {
		t.Fatalf("Configure: %v", err)
	}
	adopter, ok := substrate.AsAdopter(b.Provider)
	if !ok {
		return
	}
	answer, err := adopter.Adopt(b.ctx(t))
	if err != nil {
		t.Fatalf("Adopt: %v", err)
	}
	b.adopted = answer.GetUnits()
}

func (b *bench) configuration() *substratev1.ConfigureRequest {
	return &substratev1.ConfigureRequest{
		StateDir: b.dirs.State, RunDir: b.dirs.Run, Supervisor: b.cfg.Supervisor, Hooktool: b.cfg.Hooktool, Settings: b.cfg.Settings,
	}
}
