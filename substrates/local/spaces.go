package local

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// mends is what to do where namespaces are refused.
const mends = "on Ubuntu: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0; on older Debian: sudo sysctl -w kernel.unprivileged_userns_clone=1; " +
	"where user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces=10000; in a container: start it with --privileged. " +
	"WASM charms and charms without containers run all the same"

// spaces knows whether namespaces work here. It is found out once, by making some.
type spaces struct {
	lay  *layout
	once sync.Once
	err  error
	sub  bool // other users' ids can be had
}

// refused is nil if hooks can have a /charm.
func (p *spaces) refused(ctx context.Context) error {
	p.once.Do(func() {
		p.err = p.try(context.WithoutCancel(ctx))
		p.sub = p.err == nil && os.Geteuid() != 0 && subordinate()
	})
	return p.err
}

func (p *spaces) try(ctx context.Context) error {
	if !p.lay.namespaces {
		return errors.New("namespaces are switched off (setting namespaces=off)")
	}
	if p.lay.hooktool == "" {
		return errors.New("no hooktool was configured")
	}
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, p.lay.hooktool, "namespaces")
	cmd.Env, cmd.Stderr = []string{"PATH=" + os.Getenv("PATH")}, &text
	if err := cmd.Run(); err != nil {
		if said := strings.TrimSpace(strings.TrimPrefix(text.String(), "ERROR ")); said != "" {
			return errors.New(strings.Split(said, "; ")[0])
		}
		return err
	}
	return nil
}

// subordinate says whether the system grants ids and has the programs for them.
func subordinate() bool {
	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(name); err != nil {
			return false
		}
	}
	return granted("/etc/subuid") && granted("/etc/subgid")
}

func granted(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	names := []string{itoa(os.Getuid())}
	if name := userName(os.Getuid()); name != "" {
		names = append(names, name)
	}
	for line := range strings.Lines(string(text)) {
		who, _, _ := strings.Cut(line, ":")
		if slices.Contains(names, who) {
			return true
		}
	}
	return false
}

// mayMount says whether this process may mount without a user namespace.
func mayMount() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// inWorld says whether `hooktool world` built the root directory of this process.
func inWorld() bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		f, source := strings.Fields(before), strings.Fields(after)
		if len(f) > 4 && f[4] == "/" && len(source) > 1 && source[1] == "bangle-world" {
			return true
		}
	}
	return false
}
