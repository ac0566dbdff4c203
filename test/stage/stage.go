// Package stage puts the real parts together for tests and measurements: the built programs, a controller, an agent, their
// plugins and the supervisors, each a process of its own that may be killed and comes back. It ends with the test, and
// says what it could not end.
package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/sdk/profile"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
)

// TB is what a stage needs of *testing.T; programs that measure bring their own.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
	Context() context.Context
}

// Config says what is to be put on the stage.
type Config struct {
	// CrashPoints has the programs built with their crash points in; Arm then decides who dies where.
	CrashPoints bool
	// Bin is a directory that Programs has returned before; "" calls it.
	Bin string
	// Verbose keeps the agent's debug lines.
	Verbose bool
	// NoAgent leaves the agent out.
	NoAgent bool
	// WASMCache is a directory of compiled charms that the agent begins with, "" for none.
	WASMCache string
	// Ending is how long all models may take to be destroyed; default 30 s.
	Ending time.Duration
	// Profile has the agent and the plugins listen in Stage.Profiles, as sdk/profile says.
	Profile bool
	// Models to be added; default one named "m".
	Models []string
}

// Model is the name of the model that a stage has by default.
const Model = "m"

// Stage is a controller with everything around it. Its methods end the test when something fails; use For in a subtest.
type Stage struct {
	TB
	*set
}

// set is what all views of one stage share.
type set struct {
	cfg   Config
	began time.Time
	Bin   string // built programs
	Dir   string // everything that is written
	Home  string // BANGLE_HOME
	Run   string // sockets

	Controller *Process
	Agent      *Process
	points     *points

	mu       sync.Mutex
	endpoint string
	client   clientv1connect.ClientClient
	uuids    map[string]string // of models
	closed   bool
}

// New builds the programs, starts controller and agent and adds the models. All ends with the test.
func New(t TB, cfg Config) *Stage {
	t.Helper()
	tags := ""
	if cfg.CrashPoints {
		tags = "crashpoints"
	}
	bin, err := cfg.Bin, error(nil)
	if bin == "" {
		bin, err = Programs(t.Context(), tags)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	if len(cfg.Models) == 0 {
		cfg.Models = []string{Model}
	}
	cfg.Ending = cmp.Or(cfg.Ending, 30*time.Second)
	s := &Stage{TB: t, set: &set{cfg: cfg, began: time.Now(), Bin: bin, uuids: map[string]string{}}}
	if s.Dir, err = os.MkdirTemp("", "bs"); err != nil {
		t.Fatalf("cannot set the stage: %v", err)
	}
	t.Cleanup(s.Close)
	if err := s.furnish(); err != nil {
		t.Fatalf("cannot set the stage: %v", err)
	}
	s.begin()
	return s
}

// For is the same stage for another test, usually a row of a table.
func (s *Stage) For(t TB) *Stage { return &Stage{TB: t, set: s.set} }

// furnish makes the directories and the controller's files.
func (s *set) furnish() error {
	s.Home, s.Run = filepath.Join(s.Dir, "home"), filepath.Join(s.Dir, "r")
	for _, dir := range []string{s.Home, s.Run, s.controllerDir(), s.Profiles()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	err := controller.BootstrapDir(s.controllerDir(), controller.Bootstrap{
		Name: "stage", Substrate: "local", RunDir: s.Run, Settings: map[string]string{"stop-timeout": "5s"},
		Supervisor: filepath.Join(s.Bin, "bangle-supervisor"), Hooktool: filepath.Join(s.Bin, "hooktool"),
	})
	if err == nil && s.cfg.WASMCache != "" {
		err = copyPrivate(filepath.Join(s.AgentDir(), "wasm-cache"), s.cfg.WASMCache)
	}
	if err == nil && s.cfg.CrashPoints {
		s.points, err = newPoints(filepath.Join(s.Run, "points"))
	}
	return err
}

// copyPrivate copies a directory that nobody else may write to: native code lies in it.
func copyPrivate(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(to, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(name, 0o700)
		}
		return err
	})
}

func (s *set) controllerDir() string { return filepath.Join(s.Home, "controllers", "stage") }

// Profiles is the directory of the sockets that Config.Profile asks for.
func (s *set) Profiles() string { return filepath.Join(s.Run, "p") }

// Began is when the stage began to be set, with the programs built.
func (s *set) Began() time.Time { return s.began }

// AgentDir is the agent's directory.
func (s *set) AgentDir() string { return filepath.Join(s.controllerDir(), "agent") }

// begin starts the processes and waits until the controller answers.
func (s *Stage) begin() {
	s.Helper()
	env := s.environment()
	s.set.Controller = newProcess("controller", s.Dir, env, filepath.Join(s.Bin, "bangle"), "controller", "run", "--dir", s.controllerDir())
	agent := []string{"world", "--", filepath.Join(s.Bin, "bangle-agent"), "--dir", s.AgentDir()}
	if s.cfg.Verbose {
		agent = append(agent, "--verbose")
	}
	s.set.Agent = newProcess("agent", s.Dir, env, filepath.Join(s.Bin, "hooktool"), agent...)
	s.Controller.Start()
	if !s.cfg.NoAgent {
		s.Agent.Start()
	}
	for _, name := range s.cfg.Models {
		s.AddModel(name)
	}
}

// environment is built: what a process of the product sees is not what happens to be set here.
func (s *set) environment() []string {
	env := []string{"BANGLE_HOME=" + s.Home, "HOME=" + s.Home, "TMPDIR=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}
	if s.points != nil {
		env = append(env, "BANGLE_CRASH_ASK="+s.points.socket)
	}
	if s.cfg.Profile {
		env = append(env, profile.EnvDir+"="+s.Profiles())
	}
	return env
}

// Client is the controller's face for people.
func (s *Stage) Client() clientv1connect.ClientClient {
	s.Helper()
	client, err := s.dial()
	if err != nil {
		s.Fatalf("%v", err)
	}
	return client
}

// Close ends everything: first as a user would, then whatever is still there, which fails the test. It may be called
// again.
func (s *Stage) Close() {
	s.Helper()
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return
	}
	var errs []error
	if s.points != nil {
		s.points.Disarm()
	}
	if s.set.Agent != nil && !s.cfg.NoAgent && !failed(s.TB) {
		errs = append(errs, s.destroy())
	}
	for _, p := range []*Process{s.set.Agent, s.set.Controller} {
		if p != nil {
			errs = append(errs, p.Stop(10*time.Second))
		}
	}
	if s.points != nil {
		errs = append(errs, s.points.close())
	}
	left := s.left()
	if err := errors.Join(errs...); err != nil || failed(s.TB) {
		s.Logf("%s", s.tail())
	}
	errs = append(errs, os.RemoveAll(s.Dir))
	if len(left) > 0 && !failed(s.TB) {
		errs = append(errs, fmt.Errorf("still running after the end: %s", strings.Join(left, "; ")))
	}
	if err := errors.Join(errs...); err != nil {
		s.Fatalf("cannot clear the stage: %v", err)
	}
}

// failed says whether the test has failed already, for those that know.
func failed(t TB) bool {
	f, ok := t.(interface{ Failed() bool })
	return ok && f.Failed()
}

// destroy ends all models and waits for their units.
func (s *Stage) destroy() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), s.cfg.Ending)
	defer cancel()
	client, err := s.dial()
	if err != nil {
		return err
	}
	stream, err := client.DestroyController(ctx, connect.NewRequest(&clientv1.DestroyControllerRequest{DestroyAllModels: true}))
	if err != nil {
		return fmt.Errorf("cannot destroy the controller: %w", err)
	}
	var said []string
	for stream.Receive() {
		if m := stream.Msg(); m.GetMessage() != "" || m.GetBlocking() != "" {
			said = append(said, fmt.Sprintf("%s %s %s %s", m.GetObject(), m.GetState(), m.GetMessage(), m.GetBlocking()))
		}
	}
	if err := stream.Err(); err != nil {
		return fmt.Errorf("cannot destroy the controller: %w\n%s", err, strings.Join(said, "\n"))
	}
	return stream.Close()
}

// left kills what still belongs to the stage and says what it was.
func (s *set) left() []string {
	deadline := time.Now().Add(5 * time.Second)
	found := map[int]string{}
	for {
		alive := Belonging(s.Dir)
		if len(alive) == 0 || time.Now().After(deadline) {
			return slices.Sorted(maps.Values(found))
		}
		for _, p := range alive {
			if found[p.PID] == "" {
				found[p.PID] = fmt.Sprintf("%d %s", p.PID, p.Command)
			}
			p.Kill()
		}
		<-time.After(10 * time.Millisecond)
	}
}

// tail is the end of the processes' logs.
func (s *set) tail() string {
	var b strings.Builder
	for _, p := range []*Process{s.Controller, s.Agent} {
		if p != nil {
			fmt.Fprintf(&b, "--- %s\n%s\n", p.name, p.Tail(40))
		}
	}
	return b.String()
}
