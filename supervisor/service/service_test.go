package service_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/logs"
	"github.com/bangle-dev/bangle/supervisor/plan"
	"github.com/bangle-dev/bangle/supervisor/service"
	"github.com/bangle-dev/bangle/supervisor/service/servicetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type rig struct {
	t       *testing.T
	runner  *servicetest.Runner
	set     *service.Set
	journal *change.Journal
	plan    *plan.Plan
	logs    *logs.Store
	ends    []service.ExitKind
}

func newRig(t *testing.T, yaml string) *rig {
	t.Helper()
	l, err := plan.Parse(0, "test", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Combine(l)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, runner: &servicetest.Runner{}, plan: p, logs: logs.New(), journal: change.New(change.Config{})}
	r.set = service.New(service.Config{
		Runner: r.runner, Logs: r.logs, Log: slog.New(slog.DiscardHandler),
		Plan:     func() *plan.Plan { return r.plan },
		Shutdown: func(k service.ExitKind) { r.ends = append(r.ends, k) },
	})
	return r
}

// do runs a change to its end.
func (r *rig) do(spec change.Spec, err error) change.View {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	c := r.journal.Add(spec)
	<-c.Ready()
	return c.View()
}

func (r *rig) begin(spec change.Spec, err error) *change.Change {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	c := r.journal.Add(spec)
	synctest.Wait()
	return c
}

// pass lets the bubble's clock run for d and everything that falls due come to rest. It panics outside a bubble.
func (r *rig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) current(name string) string { return r.set.List([]string{name})[0].Current }

// end stops what is left so that no goroutine outlives the bubble.
func (r *rig) end() {
	for n := range r.plan.Services {
		if run := r.runner.Last(n); run != nil {
			run.Exit(0)
		}
	}
	r.journal.Close()
	spec, _, err := r.set.StopAll()
	if err == nil {
		j := change.New(change.Config{})
		<-j.Add(spec).Ready()
		j.Close()
	}
	r.set.Wait()
}

const one = "services:\n  a: {override: replace, command: x"

func bubble(t *testing.T, yaml string, fn func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, yaml)
		fn(r)
		r.end()
	})
}

func TestStartTakesTheOkayDelay(t *testing.T) {
	bubble(t, one+"}", func(r *rig) {
		began := time.Now()
		v := r.do(r.set.Start([]string{"a"}))
		if v.Status != change.Done || time.Since(began) != service.OkayTime {
			t.Fatalf("status %s after %s, want Done after %s", v.Status, time.Since(began), service.OkayTime)
		}
		if got := r.current("a"); got != "active" {
			t.Fatalf("current = %s", got)
		}
		again := r.do(r.set.Start([]string{"a"}))
		if again.Status != change.Done || !strings.Contains(again.Tasks[0].Log[0], "already started") {
			t.Fatalf("second start: %+v", again.Tasks[0])
		}
	})
}

func TestQuickExitFailsTheStartAndBacksOff(t *testing.T) {
	bubble(t, one+", backoff-delay: 1s, backoff-factor: 2, backoff-limit: 3s}", func(r *rig) {
		c := r.begin(r.set.Start([]string{"a"}))
		r.runner.Last("a").Print("no config")
		r.runner.Last("a").Exit(3)
		<-c.Ready()
		v := c.View()
		if v.Status != change.Error || !strings.Contains(v.Err, "exited quickly with code 3, will restart") {
			t.Fatalf("change: %s %s", v.Status, v.Err)
		}
		if !strings.Contains(strings.Join(v.Tasks[0].Log, "\n"), "Most recent service output:\n    no config") {
			t.Fatalf("log: %q", v.Tasks[0].Log)
		}
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			if got := r.current("a"); got != "backoff" {
				t.Fatalf("current = %s, want backoff", got)
			}
			old := r.runner.Last("a")
			r.pass(want - time.Millisecond)
			if r.runner.Last("a") != old {
				t.Fatalf("restarted before %s", want)
			}
			r.pass(want/10 + 2*time.Millisecond)
			if r.runner.Last("a") == old {
				t.Fatalf("not restarted after %s", want)
			}
			if got := r.current("a"); got != "active" {
				t.Fatalf("current = %s right after a backoff restart", got)
			}
			r.runner.Last("a").Exit(1)
			synctest.Wait()
		}
	})
}

func TestLongRunResetsTheBackoff(t *testing.T) {
	bubble(t, one+", backoff-delay: 1s, backoff-limit: 4s}", func(r *rig) {
		r.do(r.set.Start([]string{"a"}))
		for range 3 {
			r.runner.Last("a").Exit(1)
			synctest.Wait()
			old := r.runner.Last("a")
			r.pass(1100*time.Millisecond + 1)
			if r.runner.Last("a") == old {
				t.Fatal("the delay had grown although the service ran for backoff-limit")
			}
			r.pass(5 * time.Second)
		}
	})
}

func TestStopEscalates(t *testing.T) {
	yaml := "services:\n" +
		"  soft: {override: replace, command: x}\n" +
		"  hard: {override: replace, command: x, kill-delay: 2s}\n" +
		"  never: {override: replace, command: x, kill-delay: 2s}\n"
	bubble(t, yaml, func(r *rig) {
		r.runner.Stubborn = map[string]bool{"hard": true, "never": true}
		r.runner.Immortal = map[string]bool{"never": true}
		for name, want := range map[string]struct {
			took time.Duration
			err  string
		}{
			"soft":  {0, ""},
			"hard":  {2 * time.Second, ""},
			"never": {2*time.Second + service.GiveUpTime, "process still running after SIGTERM and SIGKILL"},
		} {
			r.do(r.set.Start([]string{name}))
			began := time.Now()
			v := r.do(r.set.Stop([]string{name}))
			if took := time.Since(began); took != want.took || !strings.Contains(v.Err, want.err) || (want.err == "") != (v.Err == "") {
				t.Errorf("%s: %s err %q after %s, want %+v", name, v.Status, v.Err, took, want)
			}
			if got := r.current(name); got != "inactive" {
				t.Errorf("%s is %s", name, got)
			}
		}
	})
}

func TestStopWhileStartingFailsTheStart(t *testing.T) {
	bubble(t, one+"}", func(r *rig) {
		start := r.begin(r.set.Start([]string{"a"}))
		r.do(r.set.Stop([]string{"a"}))
		<-start.Ready()
		if v := start.View(); !strings.Contains(v.Err, "stopped before the 1s okay delay") {
			t.Fatalf("err = %q", v.Err)
		}
	})
}

func TestAbortKillsAStart(t *testing.T) {
	bubble(t, one+"}", func(r *rig) {
		c := r.begin(r.set.Start([]string{"a"}))
		if err := r.journal.Abort(c.ID); err != nil {
			t.Fatal(err)
		}
		<-c.Ready()
		synctest.Wait()
		if v := c.View(); !strings.Contains(v.Err, "start aborted, sent SIGKILL") {
			t.Fatalf("err = %q", v.Err)
		}
		if got := r.runner.Last("a").ExitCode(); got != 137 {
			t.Fatalf("exit code %d, want 137", got)
		}
	})
}

func TestExitActions(t *testing.T) {
	for _, tc := range []struct {
		keys    string
		code    int
		current string
		end     []service.ExitKind
	}{
		{"on-success: ignore", 0, "inactive", nil},
		{"on-failure: ignore", 1, "error", nil},
		{"on-success: restart", 0, "backoff", nil},
		{"on-success: shutdown", 0, "error", []service.ExitKind{service.ExitSuccess}},
		{"on-success: failure-shutdown", 0, "error", []service.ExitKind{service.ExitServiceFailure}},
		{"on-failure: shutdown", 2, "error", []service.ExitKind{service.ExitServiceFailure}},
		{"on-failure: success-shutdown", 2, "error", []service.ExitKind{service.ExitSuccess}},
	} {
		t.Run(tc.keys, func(t *testing.T) {
			bubble(t, one+", "+tc.keys+"}", func(r *rig) {
				r.do(r.set.Start([]string{"a"}))
				r.runner.Last("a").Exit(tc.code)
				synctest.Wait()
				if got := r.current("a"); got != tc.current || !slices.Equal(r.ends, tc.end) {
					t.Errorf("current %s ends %v, want %s %v", got, r.ends, tc.current, tc.end)
				}
			})
		})
	}
}

func TestCheckFailureRestartsOnlyWhatRuns(t *testing.T) {
	bubble(t, one+", backoff-delay: 1s, on-check-failure: {up: restart}}", func(r *rig) {
		r.set.CheckFailed("up") // never started: left alone
		synctest.Wait()
		if r.runner.Last("a") != nil {
			t.Fatal("a check failure started a stopped service")
		}
		r.do(r.set.Start([]string{"a"}))
		old := r.runner.Last("a")
		r.set.CheckFailed("up")
		synctest.Wait()
		if got := r.current("a"); got != "backoff" {
			t.Fatalf("current = %s, want backoff", got)
		}
		r.pass(1200 * time.Millisecond)
		if r.runner.Last("a") == old || r.current("a") != "active" {
			t.Fatal("not restarted after a check failure")
		}
	})
}

// A check that fails ends the supervisor only for a service that runs or should: not for one that nobody has started, that was
// stopped, or that has just been started.
func TestCheckFailureShutsDownOnlyForWhatRuns(t *testing.T) {
	for _, tc := range []struct {
		name, keys string
		bring      func(*rig)
		ends       bool
	}{
		{"never started", "", func(*rig) {}, false},
		{"starting", "", func(r *rig) { r.begin(r.set.Start([]string{"a"})) }, false},
		{"running", "", func(r *rig) { r.do(r.set.Start([]string{"a"})) }, true},
		{"stopped", "", func(r *rig) { r.do(r.set.Start([]string{"a"})); r.do(r.set.Stop([]string{"a"})) }, false},
		{"in backoff", "on-failure: restart", func(r *rig) {
			r.do(r.set.Start([]string{"a"}))
			r.runner.Last("a").Exit(1)
			synctest.Wait()
		}, true},
		{"has failed", "on-failure: ignore", func(r *rig) {
			r.do(r.set.Start([]string{"a"}))
			r.runner.Last("a").Exit(1)
			synctest.Wait()
		}, true},
	} {
		for action, end := range map[string]service.ExitKind{"shutdown": service.ExitCheckFailure, "success-shutdown": service.ExitSuccess} {
			t.Run(tc.name+"/"+action, func(t *testing.T) {
				keys := ", on-check-failure: {up: " + action + "}"
				if tc.keys != "" {
					keys += ", " + tc.keys
				}
				bubble(t, one+keys+"}", func(r *rig) {
					tc.bring(r)
					r.set.CheckFailed("up")
					synctest.Wait()
					var want []service.ExitKind
					if tc.ends {
						want = []service.ExitKind{end}
					}
					if !slices.Equal(r.ends, want) {
						t.Errorf("ends with %v, want %v", r.ends, want)
					}
				})
			})
		}
	}
}

// A restart that could not end its process must not make a later stop restart it.
func TestGivenUpRestartIsForgotten(t *testing.T) {
	bubble(t, one+", kill-delay: 1s, on-check-failure: {up: restart}}", func(r *rig) {
		r.do(r.set.Start([]string{"a"}))
		stuck := r.runner.Last("a")
		r.runner.Immortal = map[string]bool{"a": true}
		r.set.CheckFailed("up")
		r.pass(time.Second + service.GiveUpTime + time.Millisecond)
		if got := r.current("a"); got != "inactive" {
			t.Fatalf("after giving up: %s", got)
		}
		r.runner.Immortal = nil
		stuck.Exit(137)
		r.do(r.set.Start([]string{"a"}))
		r.do(r.set.Stop([]string{"a"}))
		r.pass(time.Minute)
		if got := r.current("a"); got != "inactive" {
			t.Errorf("after a stop: %s", got)
		}
	})
}

func TestSpawnFailureIsNotRetried(t *testing.T) {
	bubble(t, one+"}", func(r *rig) {
		r.runner.Fail = func(string) error { return errors.New("no such file") }
		v := r.do(r.set.Start([]string{"a"}))
		if !strings.Contains(v.Err, "cannot start service: no such file") || r.current("a") != "inactive" {
			t.Fatalf("err %q, current %s", v.Err, r.current("a"))
		}
	})
}

func TestLanes(t *testing.T) {
	yaml := `services:
  db: {override: replace, command: x}
  app: {override: replace, command: x, requires: [db], after: [db]}
  side: {override: replace, command: x}
  late: {override: replace, command: x, after: [side]}
`
	bubble(t, yaml, func(r *rig) {
		began := time.Now()
		v := r.do(r.set.Start([]string{"app", "side", "late"}))
		if v.Status != change.Done || time.Since(began) != 2*time.Second {
			t.Fatalf("%s after %s: two lanes of two steps must take 2 s", v.Status, time.Since(began))
		}
		ev := r.runner.Events()
		before := func(a, b string) bool { return slices.Index(ev, a) < slices.Index(ev, b) }
		if !before("start db", "start app") || !before("start side", "start late") {
			t.Fatalf("order: %v", ev)
		}
		r.do(r.set.Stop([]string{"db"}))
		ev = r.runner.Events()
		if !before("terminated app", "terminated db") || slices.Contains(ev, "terminated side") {
			t.Fatalf("stop order: %v", ev)
		}
	})
}

func TestFailureHoldsItsLaneOnly(t *testing.T) {
	yaml := `services:
  db: {override: replace, command: x}
  app: {override: replace, command: x, requires: [db], after: [db]}
  side: {override: replace, command: x, after: [db]}
`
	bubble(t, yaml, func(r *rig) {
		r.runner.Fail = func(n string) error {
			if n == "db" {
				return errors.New("broken")
			}
			return nil
		}
		v := r.do(r.set.Start([]string{"app", "side"}))
		got := map[string]change.Status{}
		for _, task := range v.Tasks {
			got[task.Summary] = task.Status
		}
		want := map[string]change.Status{
			`Start service "db"`: change.Error, `Start service "app"`: change.Hold, `Start service "side"`: change.Done,
		}
		for k, s := range want {
			if got[k] != s {
				t.Errorf("%s is %s, want %s", k, got[k], s)
			}
		}
	})
}

func TestReplanRestartsWhatChanged(t *testing.T) {
	yaml := "services:\n  a: {override: replace, command: x, startup: enabled}\n  b: {override: replace, command: x}\n"
	bubble(t, yaml, func(r *rig) {
		r.do(r.set.Start([]string{"a", "b"}))
		a, b := r.runner.Last("a"), r.runner.Last("b")
		l, err := plan.Parse(0, "more", []byte("services:\n  b: {override: merge, environment: {K: v}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		base, _ := plan.Parse(0, "base", []byte(yaml))
		if r.plan, err = plan.Combine(base, l); err != nil {
			t.Fatal(err)
		}
		v := r.do(r.set.Replan())
		if r.runner.Last("a") != a || r.runner.Last("b") == b {
			t.Fatal("replan must restart b and leave a")
		}
		if v.Summary != `Replan service "b" and 1 more` {
			t.Fatalf("summary %q", v.Summary)
		}
	})
}

// Every service under random requests ends in a state the API can word, and
// no request is left without an answer.
func TestRandomRequestsAreAnswered(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		actions := rapid.SliceOfN(rapid.SampledFrom([]string{"start", "stop", "restart", "exit0", "exit1", "check", "wait"}), 1, 25).Draw(rt, "actions")
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, one+", on-check-failure: {up: restart}, kill-delay: 1s}")
			var open []*change.Change
			for _, a := range actions {
				switch a {
				case "start":
					open = append(open, r.begin(r.set.Start([]string{"a"})))
				case "stop":
					open = append(open, r.begin(r.set.Stop([]string{"a"})))
				case "restart":
					open = append(open, r.begin(r.set.Restart([]string{"a"})))
				case "exit0", "exit1":
					if run := r.runner.Last("a"); run != nil {
						run.Exit(int(a[4] - '0'))
					}
				case "check":
					r.set.CheckFailed("up")
				case "wait":
					time.Sleep(700 * time.Millisecond)
				}
				synctest.Wait()
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			for _, c := range open {
				select {
				case <-c.Ready():
				case <-ctx.Done():
					t.Fatalf("%s was never answered", c.Summary)
				}
			}
			r.end()
		})
	})
}

func TestTableIsClosed(t *testing.T) {
	for s := service.Stopped; s <= service.Exited; s++ {
		for e := service.StartAsked; e <= service.ExitBad; e++ {
			next, do, ok := service.Next(s, e)
			if !ok && (next != s || do != service.None) {
				t.Errorf("%s: event %d means nothing yet moves to %s", s, e, next)
			}
		}
		if _, _, ok := service.Next(s, service.StartAsked); !ok {
			t.Errorf("%s: a start would never be answered", s)
		}
		if _, _, ok := service.Next(s, service.StopAsked); !ok {
			t.Errorf("%s: a stop would never be answered", s)
		}
	}
}
