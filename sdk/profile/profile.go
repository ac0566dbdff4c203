// Package profile lets whoever started a process look into it: its memory, its goroutines, what its CPU time goes into. A
// process that finds EnvDir set listens on a socket in that directory; without the variable there is nothing.
//
// A connection carries one question, a line, and gets one answer, which ends with the connection:
//
//	stats          numbers of the Go runtime, as the JSON of Stats; a collection is run before
//	cpu 10s        a profile of the CPU time of the next ten seconds, in the format of pprof
//	heap           and every other profile of runtime/pprof by its name: allocs, goroutine, …
package profile

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// EnvDir is the variable with the directory of the sockets. It must be the caller's own and closed to everybody else: a
// profile shows what a process does.
const EnvDir = "BANGLE_PROFILE"

// Longest is how long a profile of CPU time may take.
const Longest = time.Hour

const socketMode = 0o600

// Stats are numbers of a Go process.
type Stats struct {
	HeapBytes   uint64 `json:"heap-bytes"`   // reachable, right after a collection
	HeapObjects uint64 `json:"heap-objects"` // the same, as a number of objects
	SysBytes    uint64 `json:"sys-bytes"`    // taken from the system by the Go runtime and not given back
	Goroutines  int    `json:"goroutines"`
	Collections uint32 `json:"collections"` // of garbage so far
}

// Socket is where a process of that program listens.
func Socket(dir, program string, pid int) string {
	return filepath.Join(dir, fmt.Sprintf("%s-%d", filepath.Base(program), pid))
}

// Serve listens when dir, the value of EnvDir, is not empty. It lasts as long as the process. What is wrong with the
// directory is logged: nobody's work depends on it.
func Serve(dir string, log *slog.Logger) {
	if dir == "" {
		return
	}
	l, err := listen(dir)
	if err != nil {
		log.Warn("cannot be looked into", "err", err)
		return
	}
	go accept(l)
}

func listen(dir string) (net.Listener, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot use %s: %w", EnvDir, err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm()&0o077 != 0 || ok && int(owner.Uid) != os.Geteuid() {
		return nil, errs.E(errs.Denied, "cannot use %s=%s: it must be a directory of user %d with mode 0700", EnvDir, dir, os.Geteuid())
	}
	path := Socket(dir, os.Args[0], os.Getpid())
	_ = os.Remove(path) // of an earlier process with this number
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot use %s: %w", EnvDir, err)
	}
	return l, os.Chmod(path, socketMode)
}

func accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			question, err := bufio.NewReaderSize(conn, 256).ReadSlice('\n')
			if err == nil {
				err = answer(conn, strings.TrimSpace(string(question)))
			}
			if err != nil {
				_, _ = fmt.Fprintf(conn, "ERROR %v\n", err) // whoever asked may be gone
			}
		}()
	}
}

func answer(to io.Writer, question string) error {
	if question == "stats" {
		return json.NewEncoder(to).Encode(now())
	}
	if text, ok := strings.CutPrefix(question, "cpu "); ok {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 || d > Longest {
			return errs.E(errs.Invalid, "cannot profile for %q: allowed are 1ms to %s", text, Longest)
		}
		if err := pprof.StartCPUProfile(to); err != nil {
			return err
		}
		time.Sleep(d)
		pprof.StopCPUProfile()
		return nil
	}
	p := pprof.Lookup(question)
	if p == nil {
		return errs.E(errs.Invalid, "cannot answer %q: allowed are stats, cpu DURATION, heap, allocs, goroutine, threadcreate, block, mutex", question)
	}
	return p.WriteTo(to, 0)
}

// now collects garbage first, so that only what is reachable counts.
func now() Stats {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Stats{HeapBytes: m.HeapAlloc, HeapObjects: m.HeapObjects, SysBytes: m.Sys - m.HeapReleased, Goroutines: runtime.NumGoroutine(), Collections: m.NumGC}
}

// Ask asks the process that listens on a socket and returns its answer, however long it takes.
func Ask(ctx context.Context, socket, question string) ([]byte, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot ask %s: %w", socket, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := fmt.Fprintln(conn, question); err != nil {
		return nil, errs.E(errs.Unavailable, "cannot ask %s: %w", socket, err)
	}
	text, err := io.ReadAll(conn)
	if message, ok := strings.CutPrefix(string(text), "ERROR "); ok {
		err = errors.Join(err, errors.New(strings.TrimSpace(message)))
	}
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot ask %s: %w", socket, err)
	}
	return text, nil
}

// Look asks for the numbers of the Go runtime.
func Look(ctx context.Context, socket string) (Stats, error) {
	var s Stats
	text, err := Ask(ctx, socket, "stats")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}
