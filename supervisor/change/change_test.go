package change_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/change"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func nothing(context.Context, *change.Task) error { return nil }

func statuses(v change.View) string {
	var out []string
	for _, t := range v.Tasks {
		out = append(out, string(t.Status))
	}
	return strings.Join(out, " ")
}

func TestNeedsAndFollows(t *testing.T) {
	j := change.New(change.Config{})
	defer j.Close()
	c := j.Add(change.Spec{Kind: "k", Summary: "s", Tasks: []change.TaskSpec{
		{Summary: "fails", Work: func(_ context.Context, t *change.Task) error { t.Log("trying"); return errors.New("no luck") }},
		{Summary: "needs it", Work: nothing, Needs: []int{0}},
		{Summary: "follows it", Work: nothing, Follows: []int{0}},
		{Summary: "needs the held one", Work: nothing, Needs: []int{1}},
	}})
	<-c.Ready()
	v := c.View()
	if got := statuses(v); got != "Error Hold Done Hold" || v.Status != change.Error {
		t.Errorf("%s: %s", v.Status, got)
	}
	if v.Err != "cannot perform the following tasks:\n- fails (no luck)" {
		t.Errorf("err %q", v.Err)
	}
	if log := v.Tasks[0].Log; len(log) != 2 || !strings.HasSuffix(log[0], " INFO trying") || !strings.HasSuffix(log[1], " ERROR no luck") {
		t.Errorf("log %q", log)
	}
}

func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := change.New(change.Config{})
		c := j.Add(change.Spec{Kind: "k", Tasks: []change.TaskSpec{
			{Work: func(ctx context.Context, _ *change.Task) error { <-ctx.Done(); return errors.New("stopped") }},
			{Work: nothing, Needs: []int{0}},
		}})
		synctest.Wait()
		if err := j.Abort(c.ID); err != nil {
			t.Fatal(err)
		}
		<-c.Ready()
		if got := statuses(c.View()); got != "Error Hold" {
			t.Error(got)
		}
		if err := j.Abort(c.ID); !errors.Is(err, change.ErrReady) {
			t.Errorf("second abort: %v", err)
		}
		if err := j.Abort("77"); err == nil {
			t.Error("an unknown change was aborted")
		}
		j.Close()
	})
}

func TestEmptyChangeIsDone(t *testing.T) {
	j := change.New(change.Config{})
	defer j.Close()
	c := j.Add(change.Spec{Kind: "replan", Summary: "Replan - no services"})
	<-c.Ready()
	if v := c.View(); v.Status != change.Done || !v.Ready || v.ReadyTime.IsZero() {
		t.Errorf("%+v", v)
	}
}

func TestLogKeepsTen(t *testing.T) {
	j := change.New(change.Config{})
	defer j.Close()
	c := j.Add(change.Spec{Tasks: []change.TaskSpec{{Work: func(_ context.Context, t *change.Task) error {
		for i := range 25 {
			t.Log(fmt.Sprint(i))
		}
		return nil
	}}}})
	<-c.Ready()
	if log := c.View().Tasks[0].Log; len(log) != 10 || !strings.HasSuffix(log[9], " 24") {
		t.Errorf("%q", log)
	}
}

// Lanes that end one after the other make Doing, Do, Doing; that is no news.
func TestUpdatesWithoutFlips(t *testing.T) {
	var mu sync.Mutex
	n := 0
	j := change.New(change.Config{OnStatus: func(u change.Update) {
		mu.Lock()
		defer mu.Unlock()
		n++
		if u.Data["kind"] != "k" || u.Data["check-name"] != "c" {
			t.Errorf("data %v", u.Data)
		}
	}})
	c := j.Add(change.Spec{Kind: "k", NoticeData: map[string]string{"check-name": "c"}, Tasks: []change.TaskSpec{
		{Work: nothing}, {Work: nothing, Needs: []int{0}}, {Work: nothing, Needs: []int{1}},
	}})
	<-c.Ready()
	j.Close()
	if n != 3 {
		t.Errorf("%d updates, want Do, Doing, Done", n)
	}
}

func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := change.New(change.Config{})
		stuck := j.Add(change.Spec{Kind: "stuck", Tasks: []change.TaskSpec{{Work: func(ctx context.Context, _ *change.Task) error { <-ctx.Done(); return ctx.Err() }}}})
		spared := j.Add(change.Spec{Kind: "check", Tasks: []change.TaskSpec{{Work: func(ctx context.Context, _ *change.Task) error { <-ctx.Done(); return nil }}}})
		for range 1200 {
			<-j.Add(change.Spec{Kind: "k"}).Ready()
		}
		j.Prune(time.Now(), func(kind string) bool { return kind == "check" })
		if n := len(j.List()); n != 1002 {
			t.Errorf("%d changes are kept", n)
		}
		time.Sleep(15 * 24 * time.Hour)
		j.Prune(time.Now(), func(kind string) bool { return kind == "check" })
		<-stuck.Ready()
		if spared.View().Ready || len(j.List()) != 2 {
			t.Errorf("%d changes are kept, the check's ready: %v", len(j.List()), spared.View().Ready)
		}
		j.Close()
	})
}
