package leader_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/leader"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// lease is the length of a leadership here: as short as processes can keep up with.
const lease = 600 * time.Millisecond

// office is a controller that gives leadership to whom it promised nothing else: to the other unit when the lease ran out.
type office struct {
	controllerv1.UnimplementedAgentsServer
	mu     sync.Mutex
	unit   string
	term   int64
	until  time.Duration
	tenure []tenure // of all that ended
	began  time.Duration
	held   string        // answers to this unit wait
	asked  chan struct{} // filled when one does
	going  chan struct{} // closed to let them go
	cut    string        // the line to this unit's agent is dead
}

// tenure is who led from when to when.
type tenure struct {
	unit     string
	from, to time.Duration
}

func newOffice() *office {
	o := &office{unit: "web/0", term: 1, asked: make(chan struct{}, 1)}
	o.began = leader.BootTime()
	o.until = o.began + lease
	return o
}

// turn ends a leadership that ran out and gives the other unit the next.
func (o *office) turn() {
	now := leader.BootTime()
	if now < o.until {
		return
	}
	o.tenure = append(o.tenure, tenure{o.unit, o.began, o.until})
	o.unit = map[string]string{"web/0": "web/1", "web/1": "web/0"}[o.unit]
	o.term++
	o.began, o.until = now, now+lease
}

func (o *office) Lead(_ context.Context, req *controllerv1.LeadRequest) (*controllerv1.LeadResponse, error) {
	o.mu.Lock()
	o.turn()
	if o.cut == req.GetTerms()[0].GetUnit() {
		o.mu.Unlock()
		return nil, errors.New("the line is dead")
	}
	resp := &controllerv1.LeadResponse{}
	for _, t := range req.GetTerms() {
		p := &controllerv1.LeadPromise{}
		if t.GetUnit() == o.unit && t.GetTerm() == o.term {
			o.until = leader.BootTime() + lease
			p.Seconds, p.Term = lease.Seconds(), o.term
		}
		resp.Promises = append(resp.Promises, p)
	}
	going := o.going
	held := o.held != "" && o.held == req.GetTerms()[0].GetUnit()
	o.mu.Unlock()
	if held {
		select {
		case o.asked <- struct{}{}:
		default:
		}
		<-going
	}
	return resp, nil
}

// hold makes answers to a unit wait until release.
func (o *office) hold(unit string) (release func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held, o.going = unit, make(chan struct{})
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.held = ""
		close(o.going)
	}
}

// line cuts the line to a unit's agent, "" mends it. A stream that looks alive meanwhile renews nothing.
func (o *office) line(cut string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cut = cut
}

// leads is who leads now and in which term.
func (o *office) leads() (string, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.turn()
	return o.unit, o.term
}

// led says whether the unit led at that time, as far as the office has promised.
func (o *office) led(unit string, at time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.unit == unit && at >= o.began {
		return true
	}
	for _, t := range o.tenure {
		if t.unit == unit && at >= t.from && at < t.to {
			return true
		}
	}
	return false
}

// process is one that a test can stop.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	lines chan string
}

func start(t *testing.T, role string, env ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env, cmd.Stderr = append(os.Environ(), append(env, "LEADER_TEST_ROLE="+role)...), os.Stderr
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
	p := &process{t: t, cmd: cmd, in: in, lines: make(chan string, 16)}
	go func() {
		defer close(p.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			p.lines <- scan.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.lines {
		}
		_ = cmd.Wait()
	})
	p.at("ready")
	return p
}

// at waits until the process says where it is and returns what it says beside.
func (p *process) at(where string) string {
	p.t.Helper()
	return p.is(<-p.lines, where)
}

func (p *process) is(line, where string) string {
	p.t.Helper()
	rest, ok := strings.CutPrefix(line, "at "+where)
	if !ok {
		p.t.Fatalf("the process says %q, want it at %s", line, where)
	}
	return strings.TrimSpace(rest)
}

func (p *process) say(text string) { fmt.Fprintln(p.in, text) }

// stop stops the process and waits until it is stopped.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	until(p.t, "the process is stopped", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		_, after, _ := strings.Cut(string(text), ") ")
		return err == nil && strings.HasPrefix(after, "T")
	})
}

func (p *process) resume() { p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it never happened: %s", what)
		case <-tick.C:
		}
	}
}

// pair is a unit: its agent and its runtime.
type pair struct{ agent, runtime *process }

// world is two units on two agents and the office between them.
type world struct {
	*office
	t     *testing.T
	units map[string]pair
}

// newWorld starts them. Runtimes ask when less than the margin is left of a promise.
func newWorld(t *testing.T, margin time.Duration) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "lead")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{office: newOffice(), t: t, units: map[string]pair{}}
	server := grpc.NewServer()
	controllerv1.RegisterAgentsServer(server, w.office)
	lis, err := net.Listen("unix", filepath.Join(dir, "c"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(lis) }()
	t.Cleanup(func() { server.Stop(); <-served })
	for i, unit := range []string{"web/0", "web/1"} {
		socket := filepath.Join(dir, fmt.Sprint("a", i))
		env := []string{"LEADER_TEST_CONTROLLER=" + filepath.Join(dir, "c"), "LEADER_TEST_SOCKET=" + socket, "LEADER_TEST_UNIT=" + unit, "LEADER_TEST_MARGIN=" + margin.String()}
		agent := start(t, "agent", env...)
		w.units[unit] = pair{agent, start(t, "runtime", env...)}
	}
	return w
}

// hook begins an event of the unit with a view of that term, and leaves it where it may ask.
func (w *world) hook(unit string, term int64) pair {
	w.t.Helper()
	p := w.units[unit]
	p.runtime.say(fmt.Sprint(term))
	p.agent.at("view")
	p.agent.say("go")
	p.runtime.at("view")
	return p
}

// answer waits for what the unit's hook is told, letting the agent's own answer out if it is asked for one, and fails the
// test if what was told was not so at the time it was decided.
func (w *world) answer(unit string) (yes bool) {
	w.t.Helper()
	p := w.units[unit]
	for {
		select {
		case line := <-p.agent.lines:
			p.agent.is(line, "ask")
			p.agent.say("go")
		case line := <-p.runtime.lines:
			var at int64
			if _, err := fmt.Sscan(p.runtime.is(line, "answer"), &yes, &at); err != nil {
				w.t.Fatal(err)
			}
			if yes && !w.led(unit, time.Duration(at)) {
				w.t.Errorf("%s was told that it leads at %v, when another did: %v", unit, time.Duration(at), w.tenure)
			}
			return yes
		}
	}
}

// lost waits until the unit's lease ran out and the other one leads.
func (w *world) lost(unit string, term int64) {
	w.t.Helper()
	until(w.t, unit+" leads no more", func() bool { _, now := w.leads(); return now != term })
}

// somebody says that whoever leads is told so, in the end.
func (w *world) somebody() (unit string, term int64) {
	w.t.Helper()
	until(w.t, "a leader is told that it leads", func() bool {
		unit, term = w.leads()
		w.hook(unit, term).runtime.say("ask")
		return w.answer(unit)
	})
	return unit, term
}

// TestPaused: agent and runtime are stopped before, during and after the call for longer than the lease, and another unit
// leads meanwhile. No hook is told that it leads at a moment at which it does not.
func TestPaused(t *testing.T) {
	always := 2 * lease // a runtime that always asks
	for name, c := range map[string]struct {
		margin time.Duration
		pause  func(w *world, p pair, unit string, term int64)
	}{
		"agent before the call": {lease / 2, func(w *world, p pair, unit string, term int64) {
			p.agent.stop()
			w.lost(unit, term)
			p.agent.resume()
			p.runtime.say("ask")
		}},
		"runtime before the call": {lease / 2, func(w *world, p pair, unit string, term int64) {
			w.line(unit)
			p.runtime.stop()
			w.lost(unit, term)
			w.line("")
			p.runtime.resume()
			p.runtime.say("ask")
		}},
		"both before the call": {lease / 2, func(w *world, p pair, unit string, term int64) {
			p.runtime.stop()
			p.agent.stop()
			w.lost(unit, term)
			p.runtime.resume()
			p.runtime.say("ask")
			p.agent.resume()
		}},
		"agent while it asks": {always, func(w *world, p pair, unit string, term int64) {
			release := w.hold(unit)
			p.runtime.say("ask")
			<-w.asked
			p.agent.stop()
			w.lost(unit, term)
			release()
			p.agent.resume()
		}},
		"agent with the answer in hand": {always, func(w *world, p pair, unit string, term int64) {
			p.runtime.say("ask")
			p.agent.at("ask")
			p.agent.stop()
			w.lost(unit, term)
			p.agent.resume()
			p.agent.say("go")
		}},
		"runtime while the answer is on its way": {always, func(w *world, p pair, unit string, term int64) {
			p.runtime.say("ask")
			p.agent.at("ask")
			p.runtime.stop()
			p.agent.stop() // it would renew
			w.lost(unit, term)
			p.agent.resume()
			p.agent.say("go")
			p.runtime.resume()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c.margin)
			unit, term := w.somebody()
			p := w.hook(unit, term)
			c.pause(w, p, unit, term)
			if w.answer(unit) {
				t.Error("it was told that it leads")
			}
			w.somebody()
		})
	}
}

// TestPausedWithTheViewOnItsWay: the seconds in a view mean nothing to who reads it too late.
func TestPausedWithTheViewOnItsWay(t *testing.T) {
	w := newWorld(t, lease/2)
	unit, term := w.somebody()
	p := w.units[unit]
	p.runtime.say(fmt.Sprint(term))
	p.agent.at("view")
	p.runtime.stop()
	p.agent.say("go")
	p.agent.stop()
	w.lost(unit, term)
	p.agent.resume()
	p.runtime.resume()
	p.runtime.at("view")
	p.runtime.say("ask")
	if w.answer(unit) {
		t.Error("it was told that it leads")
	}
}

// TestPausedAfterTheCall: an answer was true when it was given; nothing more can be said of it, and the next one is not.
func TestPausedAfterTheCall(t *testing.T) {
	w := newWorld(t, 2*lease)
	unit, term := w.somebody()
	p := w.units[unit]
	p.runtime.stop()
	p.agent.stop()
	w.lost(unit, term)
	p.agent.resume()
	p.runtime.resume()
	w.hook(unit, term).runtime.say("ask")
	if w.answer(unit) {
		t.Error("it was told that it leads")
	}
}
