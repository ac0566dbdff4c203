package check_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/check"
	"github.com/bangle-dev/bangle/supervisor/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHTTPProbe(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			if r.Header.Get("X-Check") != "yes" {
				w.WriteHeader(500)
			}
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			w.WriteHeader(503)
			_, _ = w.Write([]byte("one\ntwo\nthree\nfour\nfive\nsix\n"))
		}
	}))
	defer srv.Close()
	p := check.NewProbes(nil)
	for path, want := range map[string]string{
		"/ok": "", "/moved": "", "/bad": "non-2xx status code 503; one\ntwo\nthree\nfour\nfive", "/slow": "check timed out after 100ms",
	} {
		err := p.Probe(t.Context(), &plan.Check{
			HTTP:    &plan.HTTPCheck{URL: srv.URL + path, Headers: map[string]string{"X-Check": "yes"}},
			Timeout: plan.Duration{Value: map[bool]time.Duration{true: 100 * time.Millisecond, false: time.Minute}[path == "/slow"], Set: true},
			Period:  plan.Duration{Value: time.Hour, Set: true}, // a timeout is never longer
		})
		if got := text(err); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestTCPProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &plan.Check{TCP: &plan.TCPCheck{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}}
	p := check.NewProbes(nil)
	if err := p.Probe(t.Context(), c); err != nil {
		t.Error(err)
	}
	l.Close()
	if err := p.Probe(t.Context(), c); err == nil {
		t.Error("a closed port passes")
	}
}

type prober struct{ down atomic.Bool }

func (p *prober) Probe(context.Context, *plan.Check) error {
	if p.down.Load() {
		return errors.New("no answer")
	}
	return nil
}

func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := change.New(change.Config{})
		p, fired := &prober{}, 0
		s := check.New(check.Config{Prober: p, Changes: j, Failed: func(string) { fired++ }})
		def := &plan.Check{Name: "c", Level: plan.Alive, TCP: &plan.TCPCheck{Port: 1}}
		s.Apply(&plan.Plan{Checks: map[string]*plan.Check{"c": def}})
		info := func() check.Info { return s.List("", nil)[0] }
		pass := func(n int) {
			time.Sleep(time.Duration(n) * plan.DefaultCheckPeriod)
			synctest.Wait()
		}
		time.Sleep(time.Second)
		pass(2)
		if i := info(); i.Successes != 2 || i.Status != check.Up {
			t.Errorf("after two periods: %+v", i)
		}
		p.down.Store(true)
		pass(2)
		if i := info(); i.Failures != 2 || i.Status != check.Up || fired != 0 || !s.Healthy("ready", nil) {
			t.Errorf("below the threshold: %+v, fired %d", i, fired)
		}
		first := info().ChangeID
		pass(2)
		i := info()
		if i.Failures != 4 || i.Status != check.Down || fired != 1 || i.PrevChangeID != first || s.Healthy("ready", nil) || !s.Healthy("", []string{"other"}) {
			t.Errorf("beyond it: %+v, fired %d", i, fired)
		}
		if v := j.Get(first).View(); v.Status != change.Error || v.Kind != check.Perform {
			t.Errorf("perform-check change: %s", v.Status)
		}
		p.down.Store(false)
		if _, found, err := s.Refresh(t.Context(), "c"); !found || err != nil {
			t.Error(found, err)
		}
		synctest.Wait()
		if i := info(); i.Status != check.Up || i.Successes != 1 || i.Failures != 0 || j.Get(i.ChangeID).View().Kind != check.Perform {
			t.Errorf("after recovery: %+v", i)
		}
		last := info().ChangeID
		changed, err := s.Stop([]string{"c", "c"})
		if err != nil || !slices.Equal(changed, []string{"c"}) || info().Status != check.Inactive {
			t.Errorf("stop: %v %v %+v", changed, err, info())
		}
		synctest.Wait()
		if v := j.Get(last).View(); v.Status != change.Done || v.Err != "" {
			t.Errorf("a stopped check's change: %s %q", v.Status, v.Err)
		}
		if _, _, err := s.Refresh(t.Context(), "c"); err != nil || info().Successes != 1 {
			t.Errorf("refresh of a stopped check: %v %+v", err, info())
		}
		s.Replan()
		if info().Status != check.Up {
			t.Error("replan does not start an enabled check")
		}
		s.Apply(&plan.Plan{})
		if len(s.List("", nil)) != 0 {
			t.Error("a removed check is still there")
		}
		s.Close()
		j.Close()
	})
}

// TestStoppedWhileItRuns stops and starts a check in the middle of a run: what the old life comes to is nobody's business,
// and a refresh reaches the new one.
func TestStoppedWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := change.New(change.Config{})
		fired := 0
		s := check.New(check.Config{Prober: slow{}, Changes: j, Failed: func(string) { fired++ }})
		def := &plan.Check{Name: "c", Threshold: 1, TCP: &plan.TCPCheck{Port: 1}}
		s.Apply(&plan.Plan{Checks: map[string]*plan.Check{"c": def}})
		first := s.List("", nil)[0].ChangeID
		time.Sleep(plan.DefaultCheckPeriod + time.Second) // it runs
		if _, err := s.Stop([]string{"c"}); err != nil {
			t.Error(err)
		}
		if _, err := s.Start([]string{"c"}); err != nil {
			t.Error(err)
		}
		if _, _, err := s.Refresh(t.Context(), "c"); err == nil || err.Error() != "no answer" {
			t.Errorf("refresh of the new life: %v", err)
		}
		if v := j.Get(first).View(); v.Status != change.Done || fired != 1 {
			t.Errorf("the old life: %s, fired %d", v.Status, fired)
		}
		s.Close()
		j.Close()
	})
}

// TestAbortedChangeLeavesTheCheck: a change that somebody aborts is the end of the check until it is started again.
func TestAbortedChangeLeavesTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := change.New(change.Config{})
		p := &prober{}
		s := check.New(check.Config{Prober: p, Changes: j, Failed: func(string) {}})
		def := &plan.Check{Name: "c", Threshold: 1, TCP: &plan.TCPCheck{Port: 1}}
		s.Apply(&plan.Plan{Checks: map[string]*plan.Check{"c": def}})
		info := func() check.Info { return s.List("", nil)[0] }
		for _, kind := range []string{check.Perform, check.Recover} {
			p.down.Store(kind == check.Recover)
			time.Sleep(plan.DefaultCheckPeriod + time.Second)
			id := info().ChangeID
			if err := j.Abort(id); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			v := j.Get(id).View()
			if i := info(); v.Kind != kind || v.Status != change.Done || i.Status != check.Inactive || i.ChangeID != "" {
				t.Errorf("%s: %s %s %+v", kind, v.Kind, v.Status, i)
			}
			if changed, err := s.Start([]string{"c"}); err != nil || len(changed) != 1 {
				t.Errorf("start: %v %v", changed, err)
			}
		}
		s.Close()
		j.Close()
	})
}

// slow fails after three seconds, or when it is told to end.
type slow struct{}

func (slow) Probe(ctx context.Context, _ *plan.Check) error {
	select {
	case <-time.After(3 * time.Second):
		return errors.New("no answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}
