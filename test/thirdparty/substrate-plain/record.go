package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// place is one unit's place. Its exported half is written to a file before
// anything of it is told to anybody, so that the next life of this plugin finds
// it.
type place struct {
	Model, App, Unit string
	Containers       []*container
	Storage          []*substratev1.StorageMount

	phase    string // running, stopping, gone
	saved    bool   // the file says so too
	version  int    // counts what is worth telling
	deadline time.Time
}

// container is one supervisor.
type container struct {
	Name, Socket string
	process
}

// process names a process for good: a pid alone may be another's by now. In a
// file named *.json this is what destroy-controller ends when nobody can be
// asked any more.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start_time"` // field 22 of /proc/PID/stat
	Boot  string `json:"boot_id"`    // the kernel's
}

// life tells two lives of a supervisor apart.
func (p process) life() string { return fmt.Sprintf("%d-%s", p.PID, p.Start) }

// processOf is the process that has the pid now.
func processOf(pid int) process {
	start, _ := startOf(pid)
	return process{PID: pid, Start: start, Boot: bootID()}
}

// bootID is the identity of the machine's current boot.
func bootID() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // every Linux has it
	return strings.TrimSpace(string(id))
}

// answers says which process listens at the container's socket, 0 if none does.
func (c *container) answers() (pid int) {
	conn, err := net.Dial("unix", c.Socket)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }() // nothing was written
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { // then it stays 0
		if peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			pid = int(peer.Pid)
		}
	})
	return pid
}

// beginning finds a supervisor that was started for the container and does not
// listen yet, by what it was started with; 0 if there is none.
func (c *container) beginning() (pid int) {
	entries, _ := os.ReadDir("/proc") // none then
	for _, entry := range entries {
		n, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "environ")) // another's, or just ended
		if !strings.Contains("\x00"+string(environ), "\x00PEBBLE_SOCKET="+c.Socket+"\x00") {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if words := strings.Split(string(command), "\x00"); len(words) > 1 && words[1] == "run" && processOf(n).alive() {
			return n
		}
	}
	return 0
}

// alive says whether the recorded process runs.
func (p process) alive() bool {
	start, zombie := startOf(p.PID)
	return p.PID != 0 && start == p.Start && !zombie && p.Boot == bootID()
}

// key names a place in maps and files: names of units are unique in a model only.
func key(model, unit string) string {
	sum := sha256.Sum256([]byte(model + "\x00" + unit))
	return hex.EncodeToString(sum[:8])
}

// startOf reads when a process started, "" when there is none.
func startOf(pid int) (start string, zombie bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", false
	}
	return fields[19], fields[0] == "Z"
}

// file is where a place is recorded.
func (p *plain) file(k string) string { return filepath.Join(p.state, "places", k+".json") }

// save writes a place's record.
func (p *plain) save(k string, at *place) error {
	at.saved = true
	return write(p.file(k), at)
}

// write replaces a file in one step.
func write(file string, value any) error {
	content, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// load reads a place's record.
func load(file string) (*place, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	at := &place{phase: "running", version: 1, saved: true}
	if err := json.Unmarshal(content, at); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return at, nil
}

// restore reads the places of an earlier life.
func (p *plain) restore() error {
	files, err := filepath.Glob(filepath.Join(p.state, "places", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		at, err := load(file)
		if err != nil {
			return err
		}
		k := strings.TrimSuffix(filepath.Base(file), ".json")
		if p.places[k] == nil {
			p.places[k] = at
		}
	}
	return nil
}

// start starts a container's supervisor, detached: it outlives this process. One
// that is there already was started by an earlier life that was killed before it
// could write that down.
func (p *plain) start(k string, c *container) error {
	record := filepath.Join(p.state, "containers", k, c.Name+".json")
	pid := c.answers()
	if pid == 0 {
		pid = c.beginning()
	}
	if pid != 0 {
		c.process = processOf(pid)
		return write(record, c.process)
	}
	dir := filepath.Join(p.state, "containers", k, c.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own copy
	cmd := exec.Command(p.supervisor, "run", "--create-dirs")
	cmd.Env = append(os.Environ(), "PEBBLE="+dir, "PEBBLE_SOCKET="+c.Socket)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.process = processOf(cmd.Process.Pid)
	go func() {
		_ = cmd.Wait() // the loop sees that it is gone
		p.wake()
	}()
	return write(record, c.process)
}

// signal sends a signal to the recorded process, if it still is that one.
func (p process) signal(s syscall.Signal) {
	if p.alive() {
		_ = syscall.Kill(p.PID, s) // gone meanwhile is as good
	}
}

// drop forgets a place that is gone.
func (p *plain) drop(k string) error {
	if err := os.RemoveAll(filepath.Join(p.state, "containers", k)); err != nil {
		return err
	}
	if err := os.Remove(p.file(k)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
