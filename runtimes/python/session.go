package python

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// record is what the unit's run directory says of the event that is running: enough to find every process of it again
// after the runtime or the agent was killed. It is a hint only: losing it costs nothing but a wait.
type record struct {
	Context   string `json:"context"` // JUJU_CONTEXT_ID, in the environment of every process of the event
	PID       int    `json:"pid"`     // session leader, 0 while it is being started
	StartTime string `json:"start_time"`
	BootID    string `json:"boot_id"`
}

const recordName = "process.json"

func (r record) save(dir string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return errs.E(errs.Internal, "cannot record process: %w", err)
	}
	temp := filepath.Join(dir, recordName+".new")
	if err := os.WriteFile(temp, text, 0o600); err != nil {
		return errs.E(errs.Internal, "cannot record process: %w", err)
	}
	if err := os.Rename(temp, filepath.Join(dir, recordName)); err != nil {
		return errs.E(errs.Internal, "cannot record process: %w", err)
	}
	return nil
}

func forget(dir string) {
	// A record that stays is found before the next event and costs a look through the processes, nothing else.
	_ = os.Remove(filepath.Join(dir, recordName))
}

// endInterrupted ends what an interrupted event left behind, and waits for it. Without a record there is nothing to do.
func endInterrupted(ctx context.Context, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return errs.E(errs.Internal, "cannot read process record: %w", err)
	}
	var r record
	if json.Unmarshal(text, &r) == nil && r.Context != "" && r.BootID == bootID() {
		if err := endSession(ctx, r, 0); err != nil {
			return err
		}
	}
	forget(dir)
	return nil
}

// endSession ends every process of an event: each is asked once, and what is there after the grace is killed, again and
// again until none is left, since a process may fork while it is being looked for.
func endSession(ctx context.Context, r record, grace time.Duration) error {
	force, asked, pause := time.Now().Add(grace), map[int]bool{}, 2*time.Millisecond
	for {
		pids, late := members(r), !time.Now().Before(force)
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			if late {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone already
			} else if !asked[pid] {
				asked[pid] = true
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		if pause = min(2*pause, 50*time.Millisecond); late {
			pause = 2 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return errs.E(errs.Unavailable, "cannot end interrupted event: processes %v are still there: %w", pids, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// members lists the processes of an event: those of its session, and those that left the session but still carry the
// event's mark, or its context id in the environment they were started with.
func members(r record) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	sameLeader := r.PID != 0 && (startTime(r.PID) == r.StartTime || startTime(r.PID) == "")
	needle, mark := "JUJU_CONTEXT_ID="+r.Context, markOf(r.Context)
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		state, session := stat(pid)
		if state == "Z" || state == "X" || state == "" {
			continue
		}
		if (sameLeader && session == r.PID) || bears(pid, mark) || carries(pid, needle) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// carries says whether a process was started with an environment entry.
func carries(pid int, entry string) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	return err == nil && strings.Contains("\x00"+string(text)+"\x00", "\x00"+entry+"\x00")
}

// stat reads a process's state letter and session; "" when it is gone.
func stat(pid int) (state string, session int) {
	f := statFields(pid)
	if len(f) < 4 {
		return "", 0
	}
	session, _ = strconv.Atoi(f[3])
	return f[0], session
}

// startTime is field 22 of the process's stat, "" when it is gone.
func startTime(pid int) string {
	f := statFields(pid)
	if len(f) < 20 {
		return ""
	}
	return f[19]
}

// statFields are the fields of /proc/PID/stat from the state on; the name before it may contain anything.
func statFields(pid int) []string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return nil
	}
	_, rest, found := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), ") ")
	if !found {
		return nil
	}
	return strings.Fields(rest)
}

func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
