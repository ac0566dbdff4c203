package warm

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// maxPlaces bounds the namespaces that are kept open.
const maxPlaces = 256

// Places keeps the mount namespaces that programs around a charm (charmruntime.Workspace's enter) make, so that the
// children of one server can be in the places of many units.
type Places struct {
	mu   sync.Mutex
	open map[string]*place
}

type place struct {
	file   *os.File // nil = this place is more than a mount namespace
	device uint64   // of the charm's directory
	inode  uint64
	used   time.Time
}

// NewPlaces makes an empty set.
func NewPlaces() *Places { return &Places{open: map[string]*place{}} }

// Close gives every namespace up.
func (p *Places) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, at := range p.open {
		at.close()
		delete(p.open, key)
	}
}

// Get answers the namespace of a place, nil when being there takes more than a mount namespace: another user, less
// privileges, an environment of its own. dir is what the place shows as the charm's directory: another one is another place.
func (p *Places) Get(enter, env []string, dir string) (*os.File, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot enter the unit's place: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || len(enter) == 0 {
		return nil, nil
	}
	key := strings.Join(enter, "\x00") + "\x01" + strings.Join(env, "\x00")
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.open[key]; at != nil && at.device == stat.Dev && at.inode == stat.Ino {
		at.used = time.Now()
		return at.file, nil
	}
	file, err := probe(enter, env, dir)
	if err != nil {
		return nil, err
	}
	p.forget(key)
	p.open[key] = &place{file: file, device: stat.Dev, inode: stat.Ino, used: time.Now()}
	return file, nil
}

// forget drops a place, and the one that was not used for longest when there are too many. Under the lock.
func (p *Places) forget(key string) {
	if at := p.open[key]; at != nil {
		at.close()
		delete(p.open, key)
	}
	oldest := ""
	for k, at := range p.open {
		if oldest == "" || at.used.Before(p.open[oldest].used) {
			oldest = k
		}
	}
	if len(p.open) >= maxPlaces {
		p.open[oldest].close()
		delete(p.open, oldest)
	}
}

func (a *place) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}

// probe starts a shell in the place and looks at what it is there.
func probe(enter, env []string, dir string) (*os.File, error) {
	argv := append(append([]string{}, enter...), "--", "/bin/sh", "-c", "echo; read x")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot enter the unit's place: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot enter the unit's place: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, errs.E(errs.Internal, "cannot enter the unit's place: %w", err)
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait() // it has said what there was to say
	}()
	if _, err := bufio.NewReader(out).ReadByte(); err != nil {
		return nil, errs.E(errs.Internal, "cannot enter the unit's place: %s ended", argv[0])
	}
	if !sameButMounts(cmd.Process.Pid, env) {
		return nil, nil
	}
	file, err := os.Open("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/mnt")
	if err != nil {
		return nil, nil // it may not be looked at: it is more than a namespace
	}
	return file, nil
}

// sameButMounts says whether a process differs from this one in its mount namespace alone.
func sameButMounts(pid int, env []string) bool {
	other := "/proc/" + strconv.Itoa(pid)
	for _, name := range []string{"user", "pid", "net", "ipc", "uts", "cgroup"} {
		a, errA := os.Readlink("/proc/self/ns/" + name)
		b, errB := os.Readlink(other + "/ns/" + name)
		if errA != nil || errB != nil || a != b {
			return false
		}
	}
	for _, name := range []string{"cgroup", "oom_score_adj", "loginuid"} {
		a, _ := os.ReadFile("/proc/self/" + name) // not everywhere
		b, _ := os.ReadFile(other + "/" + name)
		if !bytes.Equal(a, b) {
			return false
		}
	}
	if root, err := os.Readlink(other + "/root"); err != nil || root != "/" {
		return false
	}
	environ, err := os.ReadFile(other + "/environ")
	if err != nil || string(environ) != strings.Join(env, "\x00")+"\x00" {
		return false
	}
	a, errA := credentials("/proc/self/status")
	b, errB := credentials(other + "/status")
	return errA == nil && errB == nil && a == b
}

// credentials are the lines of a status that say what a process may do.
func credentials(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "Uid", "Gid", "Groups", "Umask", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			fmt.Fprintf(&out, "%s:%s", name, value)
		}
	}
	return out.String(), nil
}
