package machinelock_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bangle-dev/bangle/core/agent/machinelock"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// asAgent is another process with units that ask for the lock: "ask UNIT" and "free UNIT" come in, "waits UNIT for HOLDER" and
// "has UNIT" go out.
func asAgent(file string) {
	locks := machinelock.New()
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var held sync.Map
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		verb, unit, _ := strings.Cut(in.Text(), " ")
		if verb == "free" {
			release, _ := held.LoadAndDelete(unit)
			release.(func())()
			continue
		}
		go func() {
			var once sync.Once
			release, err := locks.Take(context.Background(), file, machinelock.Holder{Unit: unit, What: "install"}, func(h machinelock.Holder) {
				once.Do(func() { say("waits %s for %s", unit, h.Unit) })
			})
			if err != nil {
				say("error %v", err)
				return
			}
			held.Store(unit, release)
			say("has %s", unit)
		}()
	}
	os.Exit(0)
}

// agents are processes that share a lock.
type agents struct {
	t    *testing.T
	file string
	all  map[string]*agentProcess
	said chan string // what any of them says
}

type agentProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

func startAgents(t *testing.T, names ...string) *agents {
	t.Helper()
	a := &agents{t: t, file: filepath.Join(t.TempDir(), "lock"), all: map[string]*agentProcess{}, said: make(chan string, 100)}
	for _, name := range names {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HOLD_LOCK="+a.file)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		a.all[name] = &agentProcess{cmd, in}
		var heard sync.WaitGroup
		heard.Go(func() {
			for lines := bufio.NewScanner(out); lines.Scan(); {
				a.said <- lines.Text()
			}
		})
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may be dead
			heard.Wait()
			_ = cmd.Wait()
		})
	}
	return a
}

// tell gives an agent, the first part of the unit's name, a command.
func (a *agents) tell(verb, unit string) {
	a.t.Helper()
	name, _, _ := strings.Cut(unit, "/")
	if _, err := fmt.Fprintln(a.all[name].in, verb, unit); err != nil {
		a.t.Fatal(err)
	}
}

// hear waits for what one of them says.
func (a *agents) hear(want string) {
	a.t.Helper()
	if got := <-a.said; got != want {
		a.t.Fatalf("an agent says %q, want %q", got, want)
	}
}

// ask has units ask one after the other, while another has the lock.
func (a *agents) ask(holder string, units ...string) {
	a.t.Helper()
	for _, unit := range units {
		a.tell("ask", unit)
		a.hear("waits " + unit + " for " + holder)
	}
}

// turns frees the lock again and again and answers who got it, in order; the last one has it still.
func (a *agents) turns(holder string, n int) (order []string) {
	a.t.Helper()
	for range n {
		a.tell("free", holder)
		got := <-a.said
		unit, ok := strings.CutPrefix(got, "has ")
		if !ok {
			a.t.Fatalf("an agent says %q, want that it has the lock", got)
		}
		holder = unit
		order = append(order, unit)
	}
	return order
}

// next has a unit ask, which then is the only one to wait, and gives it the lock.
func (a *agents) next(holder, unit string) {
	a.t.Helper()
	a.ask(holder, unit)
	a.tell("free", holder)
	a.hear("has " + unit)
}

func (a *agents) signal(agent string, s syscall.Signal) {
	a.t.Helper()
	p := a.all[agent].cmd.Process
	if err := p.Signal(s); err != nil {
		a.t.Fatal(err)
	}
	switch s {
	case syscall.SIGKILL:
		_, _ = p.Wait()
	case syscall.SIGSTOP: // its threads stop one after the other
		var status syscall.WaitStatus
		for !status.Stopped() {
			if _, err := syscall.Wait4(p.Pid, &status, syscall.WUNTRACED, nil); err != nil && !errors.Is(err, syscall.EINTR) {
				a.t.Fatal(err)
			}
		}
	}
}

// left are the tickets that lie beside the lock.
func (a *agents) left() []string {
	entries, err := os.ReadDir(a.file + ".line")
	if err != nil {
		a.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestAgentsTakeTurns: three agents, several units each, in the order in which all of them asked.
func TestAgentsTakeTurns(t *testing.T) {
	a := startAgents(t, "a", "b", "c")
	a.tell("ask", "b/9")
	a.hear("has b/9")
	want := []string{"a/0", "a/1", "b/0", "c/0", "a/2", "c/1", "b/1", "b/2", "a/3", "c/2", "c/3"}
	a.ask("b/9", want...)
	if got := a.turns("b/9", len(want)); !slices.Equal(got, want) {
		t.Errorf("the order was %v, want that of asking: %v", got, want)
	}
	a.next("c/3", "c/9")
	if left := a.left(); len(left) != 1 {
		t.Errorf("tickets %v; there is one who has the lock", left)
	}
}

// TestAgentsThatDie: neither who has the lock nor who is next in the line holds up the others.
func TestAgentsThatDie(t *testing.T) {
	a := startAgents(t, "a", "b", "c")
	a.tell("ask", "a/9")
	a.hear("has a/9")
	a.ask("a/9", "b/0", "c/0", "b/1", "c/1", "b/2", "c/2")
	a.signal("b", syscall.SIGKILL) // the next, and those in between
	if got, want := a.turns("a/9", 3), []string{"c/0", "c/1", "c/2"}; !slices.Equal(got, want) {
		t.Errorf("after a waiter's death the order was %v, want %v", got, want)
	}
	a.next("c/2", "a/8")
	a.ask("a/8", "c/3")
	a.signal("a", syscall.SIGKILL) // the holder
	a.hear("has c/3")
	a.next("c/3", "c/4")
	if left := a.left(); len(left) != 1 {
		t.Errorf("tickets %v; the dead have none", left)
	}
}

// TestAgentThatSleeps: one that is stopped while it is next lets the lock pass by, and has its turn when it wakes up.
func TestAgentThatSleeps(t *testing.T) {
	a := startAgents(t, "a", "b", "c")
	a.tell("ask", "a/9")
	a.hear("has a/9")
	a.ask("a/9", "b/0", "c/0")
	a.signal("b", syscall.SIGSTOP)
	a.tell("free", "a/9")
	a.hear("has c/0")
	a.signal("b", syscall.SIGCONT)
	a.tell("free", "c/0")
	a.hear("has b/0")
}

// TestOtherProcess holds the lock against us, until it is killed.
func TestOtherProcess(t *testing.T) {
	a := startAgents(t, "other")
	a.tell("ask", "other/0")
	a.hear("has other/0")
	l := machinelock.New()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Take(ctx, a.file, machinelock.Holder{}, func(h machinelock.Holder) {
		if h.Unit != "other/0" || h.PID != a.all["other"].cmd.Process.Pid {
			t.Errorf("the holder is %+v", h)
		}
		cancel()
	})
	if !errs.Is(err, errs.Canceled) {
		t.Errorf("while another process has the lock: %v", err)
	}
	release, err := l.Take(t.Context(), a.file, machinelock.Holder{Unit: "web/0"}, func(machinelock.Holder) {
		if err := a.all["other"].cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// TestNoRoomForTickets: where none can be drawn one waits all the same.
func TestNoRoomForTickets(t *testing.T) {
	a := startAgents(t, "a", "b")
	if err := os.WriteFile(a.file+".line", nil, 0o600); err != nil { // no directory
		t.Fatal(err)
	}
	a.tell("ask", "a/0")
	a.hear("has a/0")
	a.ask("a/0", "b/0")
	a.tell("free", "a/0")
	a.hear("has b/0")
}
