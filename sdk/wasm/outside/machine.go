package outside

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
)

// Commands runs programs of the machine.
type Commands interface {
	// Run runs a program to its end. An error means that it did not run; another exit code than 0 is none.
	Run(ctx context.Context, command ...string) (Ended, error)
}

// Ended is how a program ended.
type Ended struct {
	Code           int
	Stdout, Stderr string // of each the first mebibyte
}

// grace is how long a program that is not wanted any more has to end by itself: a package manager is not cut off lightly.
const grace = 30 * time.Second

// programs are those on PATH.
type programs struct{}

// Run runs one, with nobody to answer its questions.
func (programs) Run(ctx context.Context, command ...string) (Ended, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "HOME=/root", "SYSTEMD_PAGER="}
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && ctx.Err() != nil {
		return Ended{}, context.Cause(ctx)
	}
	if err != nil && !errors.As(err, &exit) {
		return Ended{}, err
	}
	return Ended{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// capped keeps the first mebibyte of what is written.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := 1<<20 - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// own refuses what would change a machine that others use too.
func (o *Outside) own(what string) error {
	if !o.cfg.Machine {
		return errs.E(errs.Unsupported, "cannot use %s: this unit has no machine of its own here", what)
	}
	return nil
}

func (o *Outside) mayPackage(name string) error {
	if err := o.cfg.Grants.Package(name); err != nil {
		return err
	}
	return o.own("packages")
}

func (o *Outside) mayService(name string) (string, error) {
	whole, err := o.cfg.Grants.Service(name)
	if err != nil {
		return "", err
	}
	return whole, o.own("services")
}

// run runs a program that must end well. What it says is the error's.
func (o *Outside) run(ctx context.Context, what string, command ...string) (Ended, error) {
	ended, err := o.cfg.Commands.Run(ctx, command...)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return ended, errs.E(errs.Unsupported, "cannot %s: this machine has no %s", what, command[0])
	case err != nil:
		return ended, failed(ctx, what, err)
	case ended.Code != 0:
		return ended, errs.E(errs.Unavailable, "cannot %s: %s ended with exit code %d: %s", what, command[0], ended.Code, lastLines(ended.Stderr+ended.Stdout))
	}
	return ended, nil
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(text, "\ufffd")), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}

// Package does one thing with a package.
func (o *Outside) Package(ctx context.Context, action string, in *abi.PackageRequest) (*abi.PackageState, error) {
	if err := o.mayPackage(in.Name); err != nil {
		return nil, err
	}
	ctx, cancel := o.within(ctx, 0)
	defer cancel()
	had, err := o.installed(ctx, in.Name)
	if err != nil || action == "info" || had.Installed == (action == "ensure") {
		return had, err
	}
	switch action {
	case "ensure":
		err = o.install(ctx, in.Name)
	case "remove":
		_, err = o.run(ctx, "remove package "+in.Name, apt("remove", "--", in.Name)...)
	default:
		return nil, errs.E(errs.Internal, "cannot %s a package", action)
	}
	if err != nil {
		return nil, err
	}
	now, err := o.installed(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if now.Installed != (action == "ensure") {
		return nil, errs.E(errs.Unavailable, "cannot %s package %s: apt-get said that it did, and dpkg does not know of it", action, in.Name)
	}
	now.Changed = true
	return now, nil
}

// apt is a command of apt-get that asks nothing, waits for others that hold its lock, and keeps files that an operator wrote.
func apt(words ...string) []string {
	return append([]string{"apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"}, words...)
}

// installed asks dpkg.
func (o *Outside) installed(ctx context.Context, name string) (*abi.PackageState, error) {
	what := "look for package " + name
	ended, err := o.cfg.Commands.Run(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}\\n", "--", name)
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errs.E(errs.Unsupported, "cannot %s: this machine has no dpkg", what)
	}
	if err != nil {
		return nil, failed(ctx, what, err)
	}
	for line := range strings.Lines(ended.Stdout) { // one for each architecture
		if status, version, _ := strings.Cut(strings.TrimSpace(line), " "); status == "installed" {
			return &abi.PackageState{Installed: true, Version: version}, nil
		}
	}
	if ended.Code > 1 { // 1 is that there is none
		return nil, errs.E(errs.Unavailable, "cannot %s: dpkg-query ended with exit code %d: %s", what, ended.Code, lastLines(ended.Stderr))
	}
	return &abi.PackageState{}, nil
}

// install installs a package that apt knows under exactly this name: what it does not know it takes for a pattern, and a
// name that ends with - for one to be removed.
func (o *Outside) install(ctx context.Context, name string) error {
	what := "install package " + name
	for fresh := false; ; fresh = true {
		ended, err := o.run(ctx, what, "apt-cache", "pkgnames", "--", name)
		if err != nil {
			return err
		}
		if slices.Contains(strings.Fields(ended.Stdout), name) {
			_, err = o.run(ctx, what, apt("install", "--", name)...)
			if err == nil || fresh || ctx.Err() != nil || !errs.Is(err, errs.Unavailable) {
				return err
			}
		} else if fresh {
			return errs.E(errs.NotFound, "cannot %s: apt knows no package of that name", what)
		}
		if _, err := o.run(ctx, "update the lists of packages", apt("update")...); err != nil {
			return err
		}
	}
}

// Service does one thing with a service.
func (o *Outside) Service(ctx context.Context, action string, in *abi.ServiceRequest) (*abi.ServiceState, error) {
	name, err := o.mayService(in.Name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := o.within(ctx, 0)
	defer cancel()
	state, err := o.service(ctx, name)
	if err != nil || action == "status" {
		return state, err
	}
	if _, err := o.run(ctx, action+" service "+name, "systemctl", "--no-ask-password", action, "--", name); err != nil {
		return nil, err
	}
	return o.service(ctx, name)
}

// service asks systemd.
func (o *Outside) service(ctx context.Context, name string) (*abi.ServiceState, error) {
	ended, err := o.run(ctx, "look at service "+name, "systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", "--", name)
	if err != nil && strings.Contains(ended.Stderr, "not been booted with systemd") {
		return nil, errs.E(errs.Unsupported, "cannot look at service %s: this machine does not run systemd", name)
	}
	if err != nil {
		return nil, err
	}
	state, loaded := &abi.ServiceState{}, ""
	for line := range strings.Lines(ended.Stdout) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "LoadState":
			loaded = value
		case "ActiveState":
			state.Active = value
		case "UnitFileState":
			state.Enabled = value
		}
	}
	if loaded == "not-found" {
		return nil, errs.E(errs.NotFound, "cannot find service %s: systemd knows none of that name", name)
	}
	return state, nil
}
