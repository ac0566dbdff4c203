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
	version  int    // counts what is worth telling
	deadline time.Time
}

// container is one supervisor.
type container struct {
	Name, Socket string
	PID          int
	Start        string // when the process started, as the kernel counts: a pid alone may be another's by now

	answers bool // at its socket
}

// boot tells two lives of a supervisor apart.
func (c *container) boot() string { return fmt.Sprintf("%d-%s", c.PID, c.Start) }

// rises says whether the supervisor answers now and did not before.
func (c *container) rises() bool {
	if c.answers {
		return false
	}
	conn, err := net.Dial("unix", c.Socket)
	if err != nil {
		return false
	}
	_ = conn.Close() // nothing was written
	c.answers = true
	return true
}

// alive says whether the recorded process runs.
func (c *container) alive() bool {
	start, zombie := startOf(c.PID)
	return c.PID != 0 && start == c.Start && !zombie
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

// save writes a place's record in one step.
func (p *plain) save(k string, at *place) error {
	content, err := json.Marshal(at)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(p.state, "places"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(p.file(k)+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(p.file(k)+".new", p.file(k))
}

// restore reads the places of an earlier life.
func (p *plain) restore() error {
	files, err := filepath.Glob(filepath.Join(p.state, "places", "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		at := &place{phase: "running", version: 1}
		if err := json.Unmarshal(content, at); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		k := strings.TrimSuffix(filepath.Base(file), ".json")
		if p.places[k] == nil {
			p.places[k] = at
		}
	}
	return nil
}

// start starts a container's supervisor, detached: it outlives this process.
func (p *plain) start(k string, c *container) error {
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
	c.PID, c.answers = cmd.Process.Pid, false
	c.Start, _ = startOf(c.PID)
	go func() {
		_ = cmd.Wait() // the loop sees that it is gone
		p.wake()
	}()
	return nil
}

// signal sends a signal to the recorded process, if it still is that one.
func (c *container) signal(s syscall.Signal) {
	if c.alive() {
		_ = syscall.Kill(c.PID, s) // gone meanwhile is as good
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
