package charmruntimetest

import (
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	"github.com/bangle-dev/bangle/sdk/plugin/plugintest"
	charmruntimev1 "github.com/bangle-dev/bangle/sdk/proto/gen/charmruntime/v1"
)

// Config says what is tested.
type Config struct {
	// Start gives a fresh life of the runtime; InProcess, OverGRPC and Binary
	// make it.
	Start func(t testing.TB) Subject
	// Directories of the three charms; see the package's comment.
	Charm, Broken, Empty string
	// Tools is a directory with hook tools, for runtimes whose charms call
	// them; "" = none.
	Tools string
	// Patience is how long a case waits for what must happen; 0 = 20 s.
	Patience time.Duration
}

// Subject is one life of a runtime.
type Subject struct {
	Runtime charmruntime.Runtime
	PID     int    // of its process, 0 = this one
	Kill    func() // ends it at once; nil = it cannot be killed, and cases that kill are skipped
}

// InProcess tests an implementation as it is. One that is an io.Closer is
// closed after each case.
func InProcess(fresh func() charmruntime.Runtime) func(testing.TB) Subject {
	return func(t testing.TB) Subject { return Subject{Runtime: closing(t, fresh())} }
}

// closing closes a runtime with the test.
func closing(t testing.TB, rt charmruntime.Runtime) charmruntime.Runtime {
	if closer, ok := rt.(io.Closer); ok {
		t.Cleanup(func() {
			if err := closer.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	return rt
}

// OverGRPC tests an implementation behind the contract's own server and client.
func OverGRPC(fresh func() charmruntime.Runtime) func(testing.TB) Subject {
	return func(t testing.TB) Subject {
		rt := closing(t, fresh())
		return connected(t, plugintest.Serve(t, func(to grpc.ServiceRegistrar) {
			charmruntime.Register(to, rt, slog.New(slog.DiscardHandler))
		}))
	}
}

// Binary tests a built plugin.
func Binary(file string) func(testing.TB) Subject {
	return func(t testing.TB) Subject {
		return connected(t, plugintest.Start(t, file, charmruntime.Contracts()))
	}
}

// connected is the client of a served runtime.
func connected(t testing.TB, served plugintest.Plugin) Subject {
	remote := charmruntime.Client(served.Conn)
	t.Cleanup(remote.Close)
	return Subject{Runtime: remote, PID: served.PID, Kill: served.Kill}
}

// Cases returns the names of all cases.
func Cases() []string { return suite.Names(cases()) }

// Run runs every case as a subtest.
func Run(t *testing.T, cfg Config) { suite.Run(t, cases(), cfg.fresh) }

// Failing returns the cases that the runtime fails, each with the first line of
// its failure; t itself does not fail. It is for suites that test this one.
func Failing(t testing.TB, cfg Config) map[string]string {
	return suite.Failing(t, cases(), cfg.fresh)
}

// fresh starts the subject of one case.
func (c Config) fresh(t testing.TB) *bench {
	t.Helper()
	if c.Patience == 0 {
		c.Patience = 20 * time.Second
	}
	for _, dir := range []*string{&c.Charm, &c.Broken, &c.Empty} { // a plugin has another working directory
		if absolute, err := filepath.Abs(*dir); err == nil {
			*dir = absolute
		}
	}
	return &bench{cfg: c, Subject: c.Start(t), dirs: map[string]*charmruntimev1.Workspace{}}
}

// workspace gives each unit a copy of the charm and a run directory.
func (b *bench) workspace(t testing.TB, unit string) *charmruntimev1.Workspace {
	t.Helper()
	if b.dirs[unit] != nil {
		return b.dirs[unit]
	}
	run, err := os.MkdirTemp("", "b") // short: it holds sockets
	if err != nil {
		t.Fatalf("cannot make a run directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	charm := filepath.Join(t.TempDir(), "charm")
	if err := os.CopyFS(charm, os.DirFS(b.cfg.Charm)); err != nil {
		t.Fatalf("cannot copy the charm: %v", err)
	}
	executable(t, b.cfg.Charm, charm)
	b.dirs[unit] = &charmruntimev1.Workspace{CharmDir: charm, RunDir: run, ToolsDir: b.cfg.Tools}
	return b.dirs[unit]
}

// executable copies the permission bits, which os.CopyFS leaves to the umask.
func executable(t testing.TB, from, to string) {
	err := filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, strings.TrimPrefix(name, from)), info.Mode().Perm()|0o600)
	})
	if err != nil {
		t.Fatalf("cannot copy the charm: %v", err)
	}
}
