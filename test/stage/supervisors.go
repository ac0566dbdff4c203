package stage

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// AgentPID is the agent's process: below the one that made its namespaces where the caller is not root.
func (s *set) AgentPID() int {
	pid := s.Agent.PID()
	all := processes()
	for at := pid; at != 0; {
		p, ok := readProc(at)
		program, _, _ := strings.Cut(p.Command, " ")
		if ok && filepath.Base(program) == "bangle-agent" {
			return at
		}
		below := 0
		for _, child := range all {
			if child.Parent == at {
				below = child.PID
			}
		}
		at = below
	}
	return pid
}

// Supervisors are the workload supervisors that run now, by unit ("web/0").
func (s *set) Supervisors() map[string]Proc {
	found := map[string]Proc{}
	for _, p := range Belonging(s.Dir) {
		program, _, _ := strings.Cut(p.Command, " ")
		if filepath.Base(program) != "bangle-supervisor" {
			continue
		}
		env, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ")) // it has just ended then
		for entry := range bytes.SplitSeq(env, []byte{0}) {
			// PEBBLE=<state>/<model>/<app>-<n>/containers/<name>/pebble
			name, ok := strings.CutPrefix(string(entry), "PEBBLE=")
			if !ok {
				continue
			}
			unit := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(name))))
			if cut := strings.LastIndexByte(unit, '-'); cut > 0 {
				found[unit[:cut]+"/"+unit[cut+1:]] = p
			}
		}
	}
	return found
}

// KillAgent ends the agent's process with SIGKILL and waits for its end; the next life follows.
func (s *set) KillAgent() {
	pid := s.AgentPID()
	if pid == s.Agent.PID() {
		s.Agent.Kill()
		return
	}
	if p, ok := readProc(pid); ok {
		p.Kill()
		for p.Alive() {
			<-time.After(time.Millisecond)
		}
	}
}
