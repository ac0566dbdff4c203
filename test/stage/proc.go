package stage

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Proc is a process of this machine, named so that a successor with its number is not taken for it.
type Proc struct {
	PID     int
	Parent  int
	Start   string // field 22 of stat: ticks since boot
	Command string
	State   string
}

// Kill sends SIGKILL if the number still names this process.
func (p Proc) Kill() {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written to it
	if now, ok := readProc(p.PID); ok && now.Start == p.Start {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // it may just have ended
	}
}

// Alive says whether it runs still; a zombie does not.
func (p Proc) Alive() bool {
	now, ok := readProc(p.PID)
	return ok && now.Start == p.Start && now.State != "Z" && now.State != "X"
}

func readProc(pid int) (Proc, bool) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	end := bytes.LastIndexByte(stat, ')')
	if err != nil || end < 0 {
		return Proc{}, false
	}
	f := strings.Fields(string(stat[end+1:]))
	if len(f) < 20 {
		return Proc{}, false
	}
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline")) // a zombie has none
	parent, _ := strconv.Atoi(f[1])
	return Proc{PID: pid, Parent: parent, Start: f[19], State: f[0], Command: strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))}, true
}

// processes lists all processes of this machine but for zombies.
func processes() []Proc {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var list []Proc
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if p, ok := readProc(pid); ok && p.State != "Z" && p.State != "X" {
			list = append(list, p)
		}
	}
	return list
}

// Belonging lists the processes that have a directory in their command line or in the environment they were started with.
func Belonging(dir string) []Proc {
	var list []Proc
	for _, p := range processes() {
		if p.PID == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ")) // not ours then
		if strings.Contains(p.Command, dir+"/") || bytes.Contains(env, []byte(dir+"/")) {
			list = append(list, p)
		}
	}
	return list
}

// Plugin is the running plugin of a name that the process of pid started; false while there is none.
func Plugin(host int, name string) (Proc, bool) {
	if host == 0 {
		return Proc{}, false
	}
	for _, p := range processes() {
		program, _, _ := strings.Cut(p.Command, " ")
		if p.Parent == host && filepath.Base(program) == name {
			return p, true
		}
	}
	return Proc{}, false
}

// Processes lists every process of the stage that runs now: controller, agent, plugins, supervisors, workloads.
func (s *set) Processes() []Proc {
	list := Belonging(s.Dir)
	for _, host := range []int{s.Controller.PID(), s.Agent.PID()} {
		for _, p := range processes() {
			if p.Parent == host && host != 0 && !hasPID(list, p.PID) {
				list = append(list, p)
			}
		}
	}
	return list
}

func hasPID(list []Proc, pid int) bool {
	for _, p := range list {
		if p.PID == pid {
			return true
		}
	}
	return false
}

// Find is the running process of a number.
func Find(pid int) (Proc, bool) {
	p, ok := readProc(pid)
	return p, ok && p.Alive()
}
