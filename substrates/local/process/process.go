// Package process names processes so that a number that was used again is
// never taken for the process that had it before, and learns of their end from
// the kernel. Nothing here depends on being a process's parent.
package process

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ID is one process of one boot of the machine. The zero ID is no process.
type ID struct {
	PID       int    `json:"pid,omitempty"`
	StartTime string `json:"start_time,omitempty"` // field 22 of /proc/PID/stat
	BootID    string `json:"boot_id,omitempty"`    // the kernel's
}

// Boot is the id of this boot of the machine, "" where it cannot be read.
func Boot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Find names the process that has the number now. It is false for one that has
// ended, reaped or not.
func Find(pid int) (ID, bool) {
	s, ok := read(pid)
	return ID{PID: pid, StartTime: s.start, BootID: Boot()}, ok && !s.dead()
}

// Alive says whether this very process still runs.
func (id ID) Alive() bool {
	if id.PID <= 0 || id.BootID != Boot() {
		return false
	}
	s, ok := read(id.PID)
	return ok && !s.dead() && s.start == id.StartTime
}

// Signal sends to this very process; one that has ended is no error.
func (id ID) Signal(sig unix.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) || !id.Alive() {
		if err == nil {
			_ = unix.Close(fd)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// Wait returns nil as soon as the process has ended, or ctx's error.
func (id ID) Wait(ctx context.Context) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if err != nil || !id.Alive() {
		if err == nil {
			_ = unix.Close(fd)
		}
		if !id.Alive() {
			return nil
		}
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return err
	}
	// Not a thread of its own for each process: the runtime's poller takes the descriptor.
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	err = conn.Read(func(fd uintptr) bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// stat is what is read of /proc/PID/stat.
type stat struct {
	state   string
	session int
	start   string
}

func (s stat) dead() bool { return s.state == "Z" || s.state == "X" }

func read(pid int) (stat, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, false
	}
	// The program's name, field 2, may hold anything, also spaces and parentheses.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(f) < 20 {
		return stat{}, false
	}
	session, _ := strconv.Atoi(f[3])
	return stat{state: f[0], session: session, start: f[19]}, true
}

// Family lists the living processes that belong together: those that were
// started with the environment entry, "NAME=value", and those of the session
// that leader led. A leader that is alive comes first.
//
// A session's number is not used for a new process while the session has
// members, so a number that now is somebody else's has no old members.
func Family(entry string, leader ID) []ID {
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	boot := Boot()
	other, taken := read(leader.PID)
	session := leader.PID > 0 && leader.BootID == boot && (!taken || other.start == leader.StartTime)
	var found []ID
	for _, e := range dir {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		s, ok := read(pid)
		if !ok || s.dead() || !(session && s.session == leader.PID || carries(pid, entry)) {
			continue
		}
		id := ID{PID: pid, StartTime: s.start, BootID: boot}
		if id == leader {
			found = append([]ID{id}, found...)
			continue
		}
		found = append(found, id)
	}
	return found
}

// carries says whether a process was started with an environment entry.
func carries(pid int, entry string) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && strings.Contains("\x00"+string(text)+"\x00", "\x00"+entry+"\x00")
}

// Leads says whether the process leads its session.
func Leads(pid int) bool {
	s, ok := read(pid)
	return ok && !s.dead() && s.session == pid
}
