package substratetest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/internal/suite"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// clean removes every application that the case placed and ends the substrate.
// A case that failed may have left the substrate dead: then another life does it.
func (b *bench) clean(t testing.TB) {
	if b.cleaned {
		return
	}
	b.cleaned = true
	err := b.removeAll()
	if b.Kill != nil && (errs.Is(err, errs.Unavailable) || errs.Is(err, errs.Canceled)) {
		b.Kill() // what is left of it
		b.Subject = b.cfg.Start(late{t}, b.dirs)
		err = b.revived()
	}
	if err != nil {
		t.Logf("cannot clean up: %v", err)
	}
	if b.Kill != nil {
		b.Kill()
	}
	b.left(t)
}

// late is a test that cleans up: its own context has ended by then.
type late struct{ testing.TB }

// Context does not end.
func (late) Context() context.Context { return context.Background() }

// revived cleans up with a life that knows nothing yet.
func (b *bench) revived() error {
	ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Patience)
	defer cancel()
	if err := b.Provider.Configure(ctx, b.configuration()); err != nil {
		return err
	}
	if adopter, ok := substrate.AsAdopter(b.Provider); ok {
		if _, err := adopter.Adopt(ctx); err != nil {
			return err
		}
	}
	return b.removeAll()
}

func (b *bench) removeAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Patience)
	defer cancel()
	for key := range b.used {
		req := &substratev1.RemoveRequest{ModelUuid: key[0], Application: key[1], DestroyStorage: true, TimeoutMs: 20000}
		if err := b.Provider.Remove(ctx, req, func(*substratev1.RemoveProgress) error { return nil }); err != nil {
			return fmt.Errorf("application %s: %w", key[1], err)
		}
	}
	return nil
}

// left ends the processes that the case left on this host, and fails for them
// when nothing else has failed: a substrate that removed an application has ended
// its processes.
func (b *bench) left(t testing.TB) {
	suite.Eventually(min(b.cfg.Patience, 5*time.Second), func() bool { return len(b.processes()) == 0 })
	for _, pid := range b.processes() {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may just have ended
		text := fmt.Sprintf("process %d outlives the removal of its application: %s", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
		if t.Failed() {
			t.Log(text)
		} else {
			t.Error(text)
		}
		_ = unix.Kill(pid, unix.SIGKILL) // gone meanwhile is as good
	}
}

// processes lists the living processes of this host that were started with one
// of the case's directories on their command line or in their environment.
func (b *bench) processes() (found []int) {
	entries, _ := os.ReadDir("/proc") // none then
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline")) // another user's, or gone
		environment, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ"))
		text := append(command, environment...)
		if bytes.Contains(text, []byte(b.dirs.State+"/")) || bytes.Contains(text, []byte(b.dirs.Run+"/")) {
			found = append(found, pid)
		}
	}
	return found
}
