package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/substrates/local/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sleeper starts a process in a session of its own.
func sleeper(t testing.TB, entry string) (*exec.Cmd, process.ID) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = append(os.Environ(), entry)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	id, ok := process.Find(cmd.Process.Pid)
	if !ok {
		t.Fatal("the process was not found")
	}
	return cmd, id
}

func TestAProcessIsNotItsNumber(t *testing.T) {
	_, id := sleeper(t, "A=1")
	if !id.Alive() || !process.Leads(id.PID) {
		t.Errorf("%+v is alive and leads its session", id)
	}
	for name, other := range map[string]process.ID{
		"zero":          {},
		"another start": {PID: id.PID, StartTime: "1", BootID: id.BootID},
		"another boot":  {PID: id.PID, StartTime: id.StartTime, BootID: "x"},
	} {
		if other.Alive() {
			t.Errorf("%s: alive", name)
		}
		if err := other.Signal(unix.SIGKILL); err != nil {
			t.Errorf("%s: signal: %v", name, err)
		}
		if err := other.Wait(t.Context()); err != nil {
			t.Errorf("%s: wait: %v", name, err)
		}
	}
	if !id.Alive() {
		t.Error("a signal for another process reached this one")
	}
}

func TestWaitEndsWithTheProcessAlsoUnreaped(t *testing.T) {
	_, id := sleeper(t, "A=1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- id.Wait(ctx) }()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled wait = %v", err)
	}
	go func() { ended <- id.Wait(t.Context()) }()
	if err := id.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("wait = %v", err)
	}
	if id.Alive() {
		t.Error("a zombie is alive")
	}
}

func TestFamily(t *testing.T) {
	_, one := sleeper(t, "BANGLE_TEST_FAMILY=mine")
	_, two := sleeper(t, "BANGLE_TEST_FAMILY=other")
	_, three := sleeper(t, "BANGLE_TEST_FAMILY=mine")
	found := process.Family("BANGLE_TEST_FAMILY=mine", three)
	if len(found) != 2 || found[0] != three || !slices.Contains(found, one) {
		t.Errorf("family = %v, want %v first and %v", found, three, one)
	}
	if found := process.Family("BANGLE_TEST_FAMILY=none", two); !slices.Equal(found, []process.ID{two}) {
		t.Errorf("session = %v, want its leader %v", found, two)
	}
	stranger := two
	stranger.StartTime = "1"
	if found := process.Family("BANGLE_TEST_FAMILY=none", stranger); len(found) > 0 {
		t.Errorf("the session of a number that is somebody else's now = %v", found)
	}
}
