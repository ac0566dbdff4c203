package walks_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a command line waits for anything.
const patience = 60 * time.Second

// home is a user's BANGLE_HOME with the built programs in front of it.
type home struct {
	*testing.T
	dir, bin string
}

// newHome is an empty one. What was started in it ends with the test.
func newHome(t *testing.T, bin string) *home {
	t.Helper()
	h := &home{T: t, dir: filepath.Join(t.TempDir(), "home"), bin: bin}
	must(t, os.MkdirAll(filepath.Join(h.dir, "plugins"), 0o700))
	t.Cleanup(func() {
		for _, pid := range h.processes("") {
			if !t.Failed() {
				t.Errorf("process %d is left: %s", pid, command(pid))
			}
			_ = unix.Kill(pid, unix.SIGKILL) // gone meanwhile is as good
		}
	})
	return h
}

// try runs the command line and answers what it says on both outputs.
func (h *home) try(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.Context()), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(h.bin, "bangle"), args...)
	cmd.Env = []string{"BANGLE_HOME=" + h.dir, "HOME=" + filepath.Dir(h.dir), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run is a command that must succeed.
func (h *home) run(args ...string) string {
	h.Helper()
	out, err := h.try(args...)
	if err != nil {
		logs, _ := h.try("debug-log", "--replay", "--no-tail")
		h.Fatalf("bangle %s: %v\n%s\n%s", strings.Join(args, " "), err, out, logs)
	}
	return out
}

// refused is a command that must fail and say all of that.
func (h *home) refused(says []string, args ...string) {
	h.Helper()
	out, err := h.try(args...)
	if err == nil {
		h.Fatalf("bangle %s succeeded: %s", strings.Join(args, " "), out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			h.Errorf("bangle %s does not say %q: %s", strings.Join(args, " "), text, out)
		}
	}
}

// until repeats a command until what it prints matches, or no longer does.
func (h *home) until(matches bool, want string, args ...string) {
	h.Helper()
	pattern := regexp.MustCompile("(?m)" + want)
	deadline := time.Now().Add(patience)
	for {
		out, _ := h.try(args...)
		if pattern.MatchString(out) == matches {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("bangle %s: match of %q is not %v:\n%s", strings.Join(args, " "), want, matches, out)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// saw lists what a unit's charm says it saw.
func (h *home) saw(unit string) (events []string) {
	h.Helper()
	for line := range strings.Lines(h.run("debug-log", "--replay", "--no-tail", "--include", unit)) {
		if _, event, found := strings.Cut(strings.TrimSpace(line), ".charm saw "); found {
			events = append(events, event)
		}
	}
	return events
}

// processes lists the living processes of the home whose command line has the text.
func (h *home) processes(text string) (found []int) {
	entries, err := os.ReadDir("/proc")
	must(h.T, err)
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // another user's, or gone
		line := command(pid)
		if strings.Contains(line+string(environment), h.dir) && strings.Contains(line, text) {
			found = append(found, pid)
		}
	}
	return found
}

// command is a process's command line.
func command(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // gone
	return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
}
