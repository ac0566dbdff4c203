package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The forms of /charm, see also enter.go:
//
//   - A process that may mount (root) needs no preparation: each hook builds its own root, see buildRoot.
//   - Anybody else makes a user namespace once, around the agent: `hooktool world -- bangle-agent …`. Its root is built
//     once, and a hook costs one more mount namespace and one bind.
//   - Where user namespaces are refused the agent runs all the same, without /charm.

// Descriptors between a process that makes namespaces and the one that starts inside them.
const (
	failureFD = 3 // text of what went wrong inside; closed without any once the program runs
	mappedFD  = 4 // ends when the ids are mapped
)

// mends says what to do where namespaces are refused.
const mends = "allow user namespaces: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, " +
	"`sudo sysctl -w kernel.unprivileged_userns_clone=1` on older Debian, `sudo sysctl -w user.max_user_namespaces=10000` where it is 0; " +
	"in a container start it with --privileged"

// world runs a program, usually the agent, so that hooks below it can have a /charm of their own. It never refuses to
// run it: WASM charms and charms without containers need no /charm.
func world(args []string) error {
	program, err := program(args)
	if err != nil {
		return err
	}
	if off() || mayMount() || inWorld() {
		return execute(program)
	}
	code, err := inNamespaces(append([]string{"contain", "--world"}, program...), worldCaps())
	if err != nil {
		fmt.Fprintln(os.Stderr, "WARNING charms get no /charm:", err)
		return execute(program)
	}
	os.Exit(code)
	return nil
}

// worldCaps is all that enter needs: to mount, and to give up for good what it has.
func worldCaps() []uintptr { return []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP} }

// off says whether the user switched namespaces off.
func off() bool { return os.Getenv("BANGLE_NAMESPACES") == "off" }

// program is what follows the dashes.
func program(args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return nil, errors.New("cannot run nothing: give -- PROGRAM ARGUMENT…")
	}
	return args, nil
}

// itself names this program where a program is wanted.
const itself = "/proc/self/exe"

// execute becomes the program; it returns only when that failed.
func execute(argv []string) error {
	path, err := look(argv[0])
	if err != nil {
		return err
	}
	if path == itself {
		argv = append([]string{"hooktool"}, argv[1:]...)
	}
	if err := unix.Exec(path, argv, os.Environ()); err != nil {
		return fmt.Errorf("cannot run %s: %w", argv[0], err)
	}
	return nil
}

// look finds a program as a shell does.
func look(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("cannot run %s: not on PATH", name)
}

// mayMount says whether this process has CAP_SYS_ADMIN over its namespaces.
func mayMount() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// inWorld says whether the root directory was built by buildRoot.
func inWorld() bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		f, source := strings.Fields(before), strings.Fields(after)
		if len(f) > 4 && f[4] == "/" && len(source) > 1 && source[1] == worldSource {
			return true
		}
	}
	return false
}

// inNamespaces runs this program again with the given arguments in new user and mount namespaces and waits for its
// end. An error means that the namespaces could not be made, and nothing ran.
//
// A second process is needed because a process with threads, as every Go program is, cannot change its own user
// namespace. It dies with this one; this one passes on signals and the exit code.
func inNamespaces(args []string, caps []uintptr) (int, error) {
	runtime.LockOSThread() // Pdeathsig fires when the thread ends, and the main thread never does
	failed, failure, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	mapped, unmapped, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	child, err := os.StartProcess(itself, append([]string{"hooktool"}, args...), &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, failure, mapped},
		Sys: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, AmbientCaps: caps,
			// A group of its own: a signal for the group must not arrive twice.
			Setpgid: true, Pdeathsig: unix.SIGKILL,
		},
	})
	if err != nil {
		return 0, fmt.Errorf("cannot make a user namespace: %w; %s", plain(err), mends)
	}
	_, _ = failure.Close(), mapped.Close() // the child has its own
	if err := mapFor(child.Pid); err != nil {
		_, _ = child.Kill(), unmapped.Close()
		_, _ = child.Wait()
		return 0, err
	}
	_ = unmapped.Close()
	if text, _ := io.ReadAll(failed); len(text) > 0 {
		_, _ = child.Wait()
		return 0, errors.New(strings.TrimSpace(string(text)))
	}
	go func() {
		for s := range signals {
			_ = child.Signal(s) // it may have ended
		}
	}()
	state, err := child.Wait()
	if err != nil {
		return 0, err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return state.ExitCode(), nil
}

// plain takes the call out of a start's error and says what a full limit means.
func plain(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	if errors.Is(err, unix.ENOSPC) {
		return errors.New("user.max_user_namespaces allows no more of them")
	}
	return err
}

// namespaces tells whether /charm can be had here, by trying it: nothing printed and success if it can.
func namespaces([]string) error {
	if off() {
		return errors.New("namespaces are switched off (BANGLE_NAMESPACES=off, or the setting namespaces=off)")
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	try := []string{"hooktool", "enter", "--charm", "/proc", "--", itself, "inside"}
	p, err := os.StartProcess(itself, try, &os.ProcAttr{Files: []*os.File{nil, nil, write}})
	_ = write.Close()
	if err != nil {
		return err
	}
	text, _ := io.ReadAll(read)
	state, err := p.Wait()
	if err == nil && !state.Success() {
		return errors.New(strings.TrimSpace(strings.TrimPrefix(string(text), "ERROR ")))
	}
	return err
}
