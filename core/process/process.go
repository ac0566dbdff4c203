// Package process finds a process again after everybody who knew it is gone: by its number, the moment it was started and
// the boot of the machine, never by its name; and ends it through a descriptor, so that a number that was given to a
// stranger meanwhile is never signalled.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Record names one process for good.
type Record struct {
	PID       int    `json:"pid"`
	StartTime string `json:"start_time"` // field 22 of /proc/PID/stat
	BootID    string `json:"boot_id"`
	Socket    string `json:"socket,omitempty"`
	File      string `json:"file,omitempty"` // where the record was written; a copy elsewhere speaks of nobody
}

// Read reads a record; ok is false when there is none or it cannot be read.
func Read(file string) (r Record, ok bool) {
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &r) != nil || r.PID <= 1 || copied(r.File, file) {
		return Record{}, false
	}
	return r, true
}

// copied says whether a record lies beside the one it was copied from: the process is not the copy's.
func copied(written, read string) bool {
	original, err := os.Stat(written)
	if err != nil {
		return false // moved, or written by somebody who did not say where
	}
	found, err := os.Stat(read)
	return err == nil && !os.SameFile(original, found)
}

// Note writes the calling process's record, for whoever has to end it when nobody else can be asked. The file appears
// whole or not at all; it is not removed at the end, since a record of a process that is gone misleads nobody.
func Note(file string) error {
	r, _ := Of(os.Getpid())
	r.File = file
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(file+"~", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(file+"~", file)
	}
	if err != nil {
		return errs.E(errs.Internal, "cannot write process record %s: %w", file, err)
	}
	return nil
}

// Of is the record of a process that runs now; ok is false when there is none.
func Of(pid int) (r Record, ok bool) {
	r = Record{PID: pid, StartTime: startTime(pid), BootID: BootID()}
	return r, r.StartTime != ""
}

// Alive says whether the very process runs. One that has ended and waits to be reaped does not.
func (r Record) Alive() bool {
	return r.PID > 1 && r.BootID == BootID() && r.StartTime != "" && startTime(r.PID) == r.StartTime
}

// End asks the process to end and, past grace, makes it. It returns when the process is gone; one that is not alive is
// gone already.
func (r Record) End(ctx context.Context, grace time.Duration) error {
	fd, err := unix.PidfdOpen(r.PID, 0)
	if errors.Is(err, unix.ESRCH) || !r.Alive() {
		if err == nil {
			return unix.Close(fd)
		}
		return nil
	}
	if err != nil {
		return errs.E(errs.Internal, "cannot end process %d: %w", r.PID, err)
	}
	defer unix.Close(fd)
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, grace}, {unix.SIGKILL, 10 * time.Second}} {
		if err := unix.PidfdSendSignal(fd, step.signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return errs.E(errs.Internal, "cannot end process %d: %w", r.PID, err)
		}
		if gone(ctx, fd, step.wait) {
			return nil
		}
	}
	return errs.E(errs.Unavailable, "cannot end process %d: it is still there after SIGKILL", r.PID)
}

// gone waits until the process behind a descriptor has ended.
func gone(ctx context.Context, fd int, wait time.Duration) bool {
	deadline := time.Now().Add(wait)
	for {
		left := time.Until(deadline)
		if left < 0 || ctx.Err() != nil {
			left = 0
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(left, 100*time.Millisecond)/time.Millisecond))
		if err == nil && n > 0 {
			return true
		}
		if left == 0 {
			return false
		}
	}
}

// BootID is the identity of the machine's current boot.
func BootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// startTime is "" for a process that is gone or has ended.
func startTime(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	_, rest, found := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), ") ")
	if !found {
		return ""
	}
	f := strings.Fields(rest)
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return ""
	}
	return f[19]
}

// Records finds all process records below a directory: files named by the pattern that hold one.
func Records(dir, pattern string) ([]Record, error) {
	var found []Record
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				return nil
			}
			return err
		}
		if d.IsDir() || !matches(pattern, d.Name()) {
			return nil
		}
		if r, ok := Read(dir + "/" + path); ok {
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return nil, errs.E(errs.Internal, "cannot look for process records in %s: %w", dir, err)
	}
	return found, nil
}

func matches(pattern, name string) bool {
	return pattern == name || (strings.HasPrefix(pattern, "*") && strings.HasSuffix(name, pattern[1:]))
}
