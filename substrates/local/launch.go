package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/substrates/local/process"
)

const maxLog = 1 << 20 // bytes of a supervisor's log before it is put aside

// start is everything that a supervisor is started with.
type start struct {
	argv, env []string
	dir       string // of the container
	contained bool   // in namespaces of its own
	mapped    bool   // among them a user namespace
}

// launch starts the container's supervisor, detached from this process: its own
// session, output in a file, no signal when this process ends.
func (k *keeper) launch(ctx context.Context, name string) (process.ID, error) {
	if left := k.kill(ctx, name); len(left) > 0 {
		return process.ID{}, errors.New(blockers(left))
	}
	r := k.record()
	c := *r.container(name)
	if err := os.MkdirAll(filepath.Dir(c.Socket), 0o700); err != nil {
		return process.ID{}, fmt.Errorf("cannot make the socket's directory: %w", err)
	}
	if err := os.RemoveAll(c.Socket); err != nil {
		return process.ID{}, fmt.Errorf("cannot remove a stale socket: %w", err)
	}
	st, err := k.prepare(ctx, r, c)
	if err != nil {
		return process.ID{}, err
	}
	id, err := k.s.fork(st, k.lay.hooktool)
	if err != nil {
		return process.ID{}, fmt.Errorf("cannot start the supervisor of container %s: %w", name, err)
	}
	k.started(name, id)
	k.s.cfg.Log.Info("supervisor started", "unit", r.Unit, "container", name, "pid", id.PID)
	return id, nil
}

// prepare decides in what the supervisor runs: as an ordinary process where
// that will do; in a mount namespace where it has a root and storage to be bound
// there; in a user namespace where only that lets it change its root or, with
// subordinate ids, its user.
func (k *keeper) prepare(ctx context.Context, r *record, c container) (start, error) {
	dir := k.lay.containerDir(r.ModelUUID, r.Unit, c.Name)
	pidFile := []string{"--pid-file", filepath.Join(dir, "pid.json")}
	st := start{
		argv: []string{k.lay.supervisor, "run", "--create-dirs", "--hold"},
		dir:  dir, env: append(environ(), "PEBBLE="+filepath.Join(dir, "pebble"), "PEBBLE_SOCKET="+c.Socket, r.entry(c.Name)),
	}
	st.env = append(st.env, c.variables()...)
	refused := k.s.space.refused(ctx)
	if c.Root == "" && !k.s.space.sub {
		st.argv = append(st.argv, pidFile...)
		return st, nil
	}
	if c.Root != "" {
		st.argv = append(st.argv, "--root", c.Root)
		if err := copyLayers(c.Root, filepath.Join(dir, "pebble", "layers")); err != nil {
			return st, err
		}
	}
	if refused != nil {
		if os.Geteuid() == 0 && len(c.Mounts) == 0 {
			st.argv = append(st.argv, pidFile...)
			return st, nil // changing the root needs no namespace then
		}
		return st, fmt.Errorf("cannot give container %s a root of its own: %w; %s", c.Name, refused, mends)
	}
	contain := append([]string{k.lay.hooktool, "contain", "--told"}, pidFile...)
	if c.Root != "" {
		contain = append(contain, "--root", c.Root, "--bind", filepath.Dir(c.Socket)+"=/charm/container")
		for _, m := range c.Mounts {
			contain = append(contain, "--bind", m.Source+"="+m.Location)
		}
	}
	st.argv = append(append(contain, "--"), st.argv...)
	st.contained, st.mapped = true, !mayMount()
	return st, nil
}

// environ is what a supervisor, and through it every workload, finds of the
// user's environment: what a program needs, nothing that happens to be set.
func environ() []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, name := range []string{"HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// containerCaps is what a container's supervisor has over its own namespace, and
// over nothing else: to change root and user, and to furnish the file system.
func containerCaps() []uintptr {
	return []uintptr{
		unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_SETPCAP, unix.CAP_CHOWN,
		unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_KILL,
	}
}

// fork starts a process that no end of this one reaches.
func (s *Substrate) fork(st start, hooktool string) (process.ID, error) {
	log, err := openLog(filepath.Join(st.dir, "supervisor.log"))
	if err != nil {
		return process.ID{}, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return process.ID{}, err
	}
	defer null.Close()
	attr := &os.ProcAttr{Dir: "/", Env: st.env, Files: []*os.File{null, log, log}, Sys: &syscall.SysProcAttr{Setsid: true}}
	if st.contained {
		return s.forkContained(st, attr, hooktool)
	}
	p, err := os.StartProcess(st.argv[0], st.argv, attr)
	if err != nil {
		return process.ID{}, err
	}
	return s.born(p)
}

// forkContained starts hooktool in new namespaces. With a process namespace of
// its own the whole container ends when its supervisor does: the kernel sees to
// it, also for processes of users that this one may not signal.
func (s *Substrate) forkContained(st start, attr *os.ProcAttr, hooktool string) (process.ID, error) {
	failed, failure, err := os.Pipe()
	if err != nil {
		return process.ID{}, err
	}
	defer failed.Close()
	mapped, unmapped, err := os.Pipe()
	if err != nil {
		_ = failure.Close()
		return process.ID{}, err
	}
	attr.Files = append(attr.Files, failure, mapped)
	attr.Sys.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID
	if st.mapped {
		attr.Sys.Cloneflags |= unix.CLONE_NEWUSER
		attr.Sys.AmbientCaps = containerCaps()
	}
	p, err := os.StartProcess(st.argv[0], st.argv, attr)
	_, _ = failure.Close(), mapped.Close() // the child has its own
	if err != nil {
		_ = unmapped.Close()
		return process.ID{}, err
	}
	if st.mapped {
		err = exec.Command(hooktool, "map-ids", strconv.Itoa(p.Pid)).Run()
	}
	_ = unmapped.Close()
	if text, readErr := io.ReadAll(failed); err == nil && (readErr != nil || len(text) > 0) {
		err = errors.New(strings.TrimSpace(string(text)))
	}
	if err != nil {
		_ = p.Kill()
		_, _ = p.Wait()
		return process.ID{}, err
	}
	return s.born(p)
}

// born names a child, which will be reaped by reap.
func (s *Substrate) born(p *os.Process) (process.ID, error) {
	pid := p.Pid
	id, ok := process.Find(pid)
	if !ok {
		state, err := p.Wait()
		if err != nil {
			return id, err
		}
		return id, fmt.Errorf("it ended at once: %s", state)
	}
	s.children.Store(id, true)
	return id, p.Release()
}

// reap collects the exit status of an ended child; others have other parents.
func (s *Substrate) reap(id process.ID) {
	if _, ours := s.children.LoadAndDelete(id); ours {
		_, _ = unix.Wait4(id.PID, nil, 0, nil) // the status says nothing that its log does not
	}
}

// openLog appends; what became long is kept once more beside it.
func openLog(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func itoa(n int) string { return strconv.Itoa(n) }

// userName is the name of a user of this machine, "" if it has none.
func userName(uid int) string {
	text, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == itoa(uid) {
			return f[0]
		}
	}
	return ""
}
