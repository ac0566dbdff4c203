package proc_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/bangle-dev/bangle/supervisor/proc"
)

// TestAUserThatCannotBeMapped: inside a user namespace with one id, every other id is refused with its number and a remedy.
func TestAUserThatCannotBeMapped(t *testing.T) {
	if os.Getenv("BANGLE_TEST_INSIDE") != "" {
		reaper, err := proc.NewReaper()
		if err != nil {
			t.Fatal(err)
		}
		defer reaper.Close()
		_, err = reaper.Start(proc.Spec{Path: "/bin/true", Args: []string{"true"}, Credential: &proc.Credential{UID: 170, GID: 171}})
		for _, want := range []string{"user 170, group 171", "/etc/subuid", "/bin/true"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want it to name %q", err, want)
			}
		}
		return
	}
	attr := &os.ProcAttr{Env: append(os.Environ(), "BANGLE_TEST_INSIDE=1"), Files: []*os.File{nil, os.Stdout, os.Stderr}}
	if os.Getuid() == 0 {
		attr.Sys = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}}
	}
	p, err := os.StartProcess(os.Args[0], []string{os.Args[0], "-test.run=^TestAUserThatCannotBeMapped$"}, attr)
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	if err != nil || !state.Success() {
		t.Errorf("inside: %v, %v", state, err)
	}
}
