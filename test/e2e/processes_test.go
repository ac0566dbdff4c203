package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// found is one process of a home.
type found struct {
	pid     int
	command string
}

// belonging are the processes that have a home in their environment or on their command line.
func belonging(home string) ([]found, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []found
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		command, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if strings.Contains(string(environ)+string(command), home+"/") || strings.Contains(string(environ), "BANGLE_HOME="+home+"\x00") {
			list = append(list, found{pid, strings.TrimSpace(strings.ReplaceAll(string(command), "\x00", " "))})
		}
	}
	return list, nil
}

// kill9 REGEXP kills every process of the story's home whose command line matches, and waits until they have ended; there
// must be one (with ! none).
func kill9(ts *testscript.TestScript, neg bool, args []string) {
	if n := signal(ts, args, unix.SIGKILL); (n == 0) != neg {
		ts.Fatalf("%d processes match %v (negated: %v)", n, args, neg)
	}
}

// freeze REGEXP stops such processes where they are.
func freeze(ts *testscript.TestScript, _ bool, args []string) {
	if signal(ts, args, unix.SIGSTOP) == 0 {
		ts.Fatalf("no process matches %v", args)
	}
}

func signal(ts *testscript.TestScript, args []string, sig unix.Signal) int {
	if len(args) != 1 {
		ts.Fatalf("usage: kill9|freeze REGEXP")
	}
	which, err := regexp.Compile(args[0])
	ts.Check(err)
	list, err := belonging(ts.Getenv("BANGLE_HOME"))
	ts.Check(err)
	var sent []int
	for _, p := range list {
		if !which.MatchString(p.command) {
			continue
		}
		fd, err := unix.PidfdOpen(p.pid, 0)
		if err != nil {
			continue // it has ended
		}
		ts.Logf("%s to %d: %s", sig, p.pid, p.command)
		if err := unix.PidfdSendSignal(fd, sig, nil, 0); err == nil {
			sent = append(sent, fd)
		}
		ts.Defer(func() { _ = unix.Close(fd) })
	}
	for _, fd := range sent {
		if sig == unix.SIGKILL {
			poll(ts, func() (bool, string) {
				n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
				return err == nil && n > 0, "a killed process is still there"
			})
		}
	}
	return len(sent)
}

// nothing [HOME] checks that no process, mount, socket, temporary file or controller of a home is left. Processes that
// hide are found when all stories have ended.
func nothing(ts *testscript.TestScript, _ bool, args []string) {
	home := ts.Getenv("BANGLE_HOME")
	if len(args) > 0 {
		home = ts.MkAbs(args[0])
	}
	poll(ts, func() (bool, string) {
		left := leftovers(home, ts.Getenv("TMPDIR"))
		return len(left) == 0, "still there:\n" + strings.Join(left, "\n")
	})
}

func leftovers(home, temp string) []string {
	var left []string
	processes, err := belonging(home)
	if err != nil {
		return []string{err.Error()}
	}
	for _, p := range processes {
		left = append(left, fmt.Sprintf("process %d: %s", p.pid, p.command))
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.SplitSeq(string(mounts), "\n") {
		if strings.Contains(line, home+"/") {
			left = append(left, "mount "+line)
		}
	}
	if run, err := os.Readlink(filepath.Join(home, "run")); err == nil {
		if _, err := os.Stat(run); err == nil {
			left = append(left, run)
		}
	}
	for _, pattern := range []string{filepath.Join(home, "controllers", "*"), filepath.Join(temp, "*")} {
		files, _ := filepath.Glob(pattern)
		left = append(left, files...)
	}
	return left
}
