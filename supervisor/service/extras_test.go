package service_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

const setup = `services:
  setup: {override: replace, command: x, one-shot: true}
  app: {override: replace, command: x, startup: enabled, requires: [setup], after: [setup]}
`

func TestOneShotIsDoneWhenItHasExited(t *testing.T) {
	bubble(t, setup, func(r *rig) {
		c := r.begin(r.set.Autostart())
		r.pass(time.Hour) // no okay delay ends it
		if r.current("setup") != "active" || r.runner.Last("app") != nil {
			t.Fatalf("setup is %s, app was started: %v", r.current("setup"), r.runner.Last("app") != nil)
		}
		r.runner.Last("setup").Exit(0)
		<-c.Ready()
		if v := c.View(); v.Status != change.Done || r.current("setup") != "inactive" || r.current("app") != "active" {
			t.Fatalf("%+v", v)
		}
		first := r.runner.Last("setup")
		v := r.do(r.set.Replan())
		if r.runner.Last("setup") != first || !strings.Contains(strings.Join(v.Tasks[0].Log, ""), "already completed") {
			t.Errorf("a replan did the work again: %+v", v.Tasks)
		}
		c = r.begin(r.set.Start([]string{"setup"}))
		if r.runner.Last("setup") == first {
			t.Error("a start by name did not do the work again")
		}
		r.runner.Last("setup").Exit(0)
		<-c.Ready()
	})
}

func TestOneShotThatFailsHoldsWhatNeedsIt(t *testing.T) {
	bubble(t, setup, func(r *rig) {
		c := r.begin(r.set.Start([]string{"app"}))
		r.runner.Last("setup").Exit(2)
		<-c.Ready()
		v := c.View()
		if v.Status != change.Error || !strings.Contains(v.Err, "one-shot service failed with code 2, will ignore") || v.Tasks[1].Status != change.Hold {
			t.Errorf("%+v", v)
		}
		r.pass(time.Hour)
		if r.current("setup") != "error" || r.runner.Last("app") != nil {
			t.Errorf("setup is %s", r.current("setup"))
		}
	})
}

func TestOneShotMayBeStoppedAndTriedAgain(t *testing.T) {
	bubble(t, one+", one-shot: true, on-failure: restart, backoff-delay: 1s}", func(r *rig) {
		c := r.begin(r.set.Start([]string{"a"}))
		r.runner.Last("a").Exit(1)
		<-c.Ready()
		r.pass(2 * time.Second)
		r.runner.Last("a").Exit(0)
		synctest.Wait()
		if got := r.current("a"); got != "inactive" {
			t.Errorf("after the second try: %s", got)
		}
		c = r.begin(r.set.Start([]string{"a"}))
		r.do(r.set.Stop([]string{"a"}))
		<-c.Ready()
		if v := c.View(); !strings.Contains(v.Err, "stopped before it had completed") {
			t.Errorf("%+v", v)
		}
	})
}

func TestRestartLimit(t *testing.T) {
	bubble(t, one+", restart-limit: 2, backoff-delay: 1s, backoff-limit: 10s}", func(r *rig) {
		r.do(r.set.Start([]string{"a"}))
		crash := func() { r.runner.Last("a").Exit(1); synctest.Wait(); r.pass(5 * time.Second) }
		crash()
		crash()
		if got := r.current("a"); got != "active" {
			t.Fatalf("after two restarts: %s", got)
		}
		r.pass(11 * time.Second) // it ran for long: the count begins anew
		crash()
		crash()
		if got := r.current("a"); got != "active" {
			t.Fatalf("after two more: %s", got)
		}
		crash()
		if got := r.current("a"); got != "error" {
			t.Errorf("after the limit: %s", got)
		}
	})
}

func TestStopSignal(t *testing.T) {
	bubble(t, one+", stop-signal: SIGUSR1}", func(r *rig) {
		r.runner.Stubborn = map[string]bool{"a": true}
		r.do(r.set.Start([]string{"a"}))
		r.do(r.set.Stop([]string{"a"}))
		if got := r.runner.Events(); len(got) != 3 || !strings.Contains(got[1], "user defined signal 1") && !strings.Contains(got[1], "SIGUSR1") {
			t.Errorf("%q", got)
		}
	})
}

func TestExtrasAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"stop-signal: TERM":                   "stop-signal",
		"restart-limit: -1":                   "must not be negative",
		"one-shot: true, on-success: restart": "invalid for a one-shot",
	} {
		l, err := plan.Parse(0, "x", []byte(one+", "+text+"}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Combine(l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	text := `services:
  a: {override: replace, command: x, environment: {PASSWORD: hunter2, USER: bob}, secrets: [PASSWORD], workload: w}
workloads:
  w: {override: replace, environment: {TOKEN: hunter3}, secrets: [TOKEN]}
`
	l, err := plan.Parse(0, "x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	more, err := plan.Parse(0, "y", []byte("services: {a: {override: merge, environment: {KEY: hunter4}, secrets: [KEY]}}"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.Combine(l, more)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := p.YAML()
	if err != nil || strings.Contains(shown, "hunter") || !strings.Contains(shown, "USER: bob") {
		t.Errorf("%s %v", shown, err)
	}
	if p.Services["a"].Environment["PASSWORD"] != "hunter2" || !slices.Equal(p.Services["a"].Secrets, []string{"PASSWORD", "KEY"}) {
		t.Error("the plan itself has lost its secrets")
	}
}

func TestOutputOfTheLongStoppedIsForgotten(t *testing.T) {
	bubble(t, "services:\n  a: {override: replace, command: x}\n  b: {override: replace, command: x}\n", func(r *rig) {
		for _, n := range []string{"a", "b"} {
			r.do(r.set.Start([]string{n}))
			r.runner.Last(n).Print("line of " + n)
		}
		r.do(r.set.Stop([]string{"a"}))
		r.set.Prune(time.Now().Add(6 * 24 * time.Hour))
		if got := len(r.logs.Last(nil, -1)); got != 2 {
			t.Errorf("%d lines after six days", got)
		}
		r.set.Prune(time.Now().Add(8 * 24 * time.Hour))
		if got := r.logs.Last(nil, -1); len(got) != 1 || got[0].Service != "b" {
			t.Errorf("%v after eight days", got)
		}
	})
}
