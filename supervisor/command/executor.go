package command

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/plan"
	"github.com/bangle-dev/bangle/supervisor/proc"
)

// Request is what a client wants to run.
type Request struct {
	Command                            []string
	ServiceContext                     string
	Environment                        map[string]string
	WorkingDir                         string
	Timeout                            time.Duration // 0 is for ever
	Account                            proc.Request
	Terminal, Interactive, SplitStderr bool
	Width, Height                      int
}

// Started is the answer to a request.
type Started struct {
	Change, Task string
	Environment  map[string]string
	WorkingDir   string
}

// Config is what an executor needs.
type Config struct {
	Launcher *proc.Launcher
	Plan     func() *plan.Plan
	Changes  *change.Journal
	Log      *slog.Logger
}

// Executor runs commands.
type Executor struct {
	cfg Config

	mu       sync.Mutex
	sessions map[string]*session // by task id
	wg       sync.WaitGroup
}

// New returns an executor.
func New(c Config) *Executor { return &Executor{cfg: c, sessions: map[string]*session{}} }

// Close ends what clients left open; the journal must have ended the commands.
func (x *Executor) Close() {
	x.mu.Lock()
	for _, s := range x.sessions {
		s.dropAll()
	}
	x.mu.Unlock()
	x.wg.Wait()
}

// Error is a refusal with the HTTP status it deserves.
type Error struct {
	Status  int
	Message string
}

func (e *Error) Error() string { return e.Message }

func refuse(status int, format string, args ...any) error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

// Start makes the change that will run the command. Its errors are of type [*Error].
func (x *Executor) Start(q Request) (Started, error) {
	if err := plan.CheckArgs(q.Command); err != nil {
		return Started{}, refuse(http.StatusBadRequest, "%v", err)
	}
	if q.Interactive && !q.Terminal {
		return Started{}, refuse(http.StatusInternalServerError, "cannot use interactive mode without a terminal")
	}
	spec, env, err := x.prepare(q)
	if err != nil {
		return Started{}, err
	}
	s := newSession(x, q, spec)
	summary := fmt.Sprintf("Execute command %q", q.Command[0])
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.cfg.Changes.Add(change.Spec{Kind: "exec", Summary: summary, Tasks: []change.TaskSpec{
		{Kind: "exec", Summary: summary, Work: s.run},
	}})
	task := c.Task(0)
	x.sessions[task.ID] = s
	x.wg.Go(func() {
		<-task.Ended()
		x.finish(task.ID, s)
	})
	return Started{Change: c.ID, Task: task.ID, Environment: env, WorkingDir: spec.Dir}, nil
}

// finish keeps a session while its client may still close its sockets.
func (x *Executor) finish(task string, s *session) {
	s.linger()
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.sessions, task)
}

func (x *Executor) prepare(q Request) (proc.Spec, map[string]string, error) {
	l := x.cfg.Launcher
	base := proc.Request{}
	var layers []map[string]string
	dir := q.WorkingDir
	if q.ServiceContext != "" {
		c, err := x.context(q.ServiceContext)
		if err != nil {
			return proc.Spec{}, nil, refuse(http.StatusBadRequest, "%v", err)
		}
		layers, base = c.Env, c.Account
		if dir == "" {
			dir = c.Dir
		}
	}
	if q.Account != (proc.Request{}) {
		base = q.Account
	}
	account, err := base.Resolve(l.Tree)
	if err != nil {
		return proc.Spec{}, nil, refuse(http.StatusBadRequest, "%v", err)
	}
	env := x.environment(account, append(layers, q.Environment))
	if dir == "" {
		dir = env["HOME"]
		if info, err := l.Tree.Stat(dir); dir == "" || err != nil || !info.IsDir() {
			dir = "/"
		}
	}
	if info, err := l.Tree.Stat(dir); err != nil || !info.IsDir() {
		return proc.Spec{}, nil, refuse(http.StatusInternalServerError, "working directory %q does not exist", dir)
	}
	path, err := x.find(q.Command[0], dir)
	if err != nil {
		return proc.Spec{}, nil, err
	}
	return proc.Spec{
		Path: path, Args: q.Command, Env: proc.Pairs(env), Dir: dir, Root: l.Root,
		Credential: account.Credential(), Session: true,
	}, env, nil
}

func (x *Executor) find(name, dir string) (string, error) {
	l := x.cfg.Launcher
	path := name
	var err error
	if !strings.Contains(name, "/") {
		path, err = l.LookPath(name)
	} else {
		if !strings.HasPrefix(name, "/") {
			path = strings.TrimSuffix(dir, "/") + "/" + name
		}
		err = l.Executable(path)
	}
	if err != nil {
		return "", refuse(http.StatusBadRequest, "cannot find executable %q", name)
	}
	return path, nil
}

// context returns the environment, account and directory of a service.
func (x *Executor) context(name string) (proc.Command, error) {
	p := x.cfg.Plan()
	s := p.Services[name]
	if s == nil {
		return proc.Command{}, fmt.Errorf("context service %q not found", name)
	}
	c := proc.Command{Env: []map[string]string{s.Environment}, Account: proc.Of(s.Account), Dir: s.WorkingDir}
	base := maps.Clone(x.cfg.Launcher.Environ)
	if w := p.Workloads[s.Workload]; w != nil {
		c.Env = []map[string]string{w.Environment, s.Environment}
		c.Account = proc.Of(w.Account)
		maps.Copy(base, w.Environment)
	}
	if s.ExpandVariables {
		c.Env[len(c.Env)-1] = proc.ExpandAll(s.Environment, base)
	}
	return c, nil
}

func (x *Executor) environment(a proc.Account, layers []map[string]string) map[string]string {
	env := maps.Clone(x.cfg.Launcher.Environ)
	if a.Given {
		delete(env, "HOME")
		delete(env, "USER")
	}
	for _, m := range layers {
		maps.Copy(env, m)
	}
	setDefault(env, "PATH", proc.DefaultPath)
	setDefault(env, "LANG", "C.UTF-8")
	if env["HOME"] == "" || env["USER"] == "" {
		if !a.Given {
			a = x.self()
		}
		setDefault(env, "HOME", a.Home)
		setDefault(env, "USER", a.Name)
	}
	return env
}

func setDefault(env map[string]string, key, value string) {
	if env[key] == "" && value != "" {
		env[key] = value
	}
}

// RunCheck implements check.Commander.
func (x *Executor) RunCheck(ctx context.Context, e *plan.ExecCheck, limit int) (int, string, error) {
	words, err := plan.Split(e.Command)
	if err != nil {
		return -1, "", err
	}
	cmd := proc.Command{Words: words}
	if e.ServiceContext != "" {
		if cmd, err = x.context(e.ServiceContext); err != nil {
			return -1, "", err
		}
		cmd.Words = words
	}
	cmd.Env = append(cmd.Env, e.Environment)
	if !e.Account.IsZero() {
		cmd.Account = proc.Of(e.Account)
	}
	if e.WorkingDir != "" {
		cmd.Dir = e.WorkingDir
	}
	spec, err := x.cfg.Launcher.Prepare(cmd)
	if err != nil {
		return -1, "", err
	}
	return x.capture(ctx, spec, limit)
}
