package pluginhost

import (
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/bangle-dev/bangle/sdk/plugin"
	"github.com/bangle-dev/bangle/sdk/profile"
)

// groupOf is the group that owns a file, -1 if unknown.
func groupOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Gid)
	}
	return -1
}

// thread starts processes from one OS thread that lives until it is closed: the
// kernel sends a child its death signal when the *thread* that forked it ends,
// and Go ends threads as it likes.
type thread struct {
	work  chan func()
	ended chan struct{}
}

func newThread() *thread {
	t := &thread{work: make(chan func()), ended: make(chan struct{})}
	go func() {
		runtime.LockOSThread()
		defer close(t.ended)
		defer runtime.UnlockOSThread()
		for work := range t.work {
			work()
		}
	}()
	return t
}

// do runs work on the thread and waits for it.
func (t *thread) do(work func() error) error {
	result := make(chan error, 1)
	t.work <- func() { result <- work() }
	return <-result
}

func (t *thread) close() {
	close(t.work)
	<-t.ended
}

// baseEnv is the whole environment of a plugin but for what its host adds: a
// plugin gets no variable by accident, and none with a secret.
func baseEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "GOCOVERDIR", "BANGLE_PYTHON",
			"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", plugin.EnvWait, profile.EnvDir:
			env = append(env, pair)
		default:
			if strings.HasPrefix(name, "LC_") {
				env = append(env, pair)
			}
		}
	}
	return env
}
