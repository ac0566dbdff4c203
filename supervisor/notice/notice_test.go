package notice_test

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/notice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOccurrencesAndRepeatAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := notice.New(notice.Config{})
		add := func() notice.Notice {
			id := s.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "a.b/c", RepeatAfter: time.Hour})
			n, _ := s.Get(id)
			return n
		}
		first := add()
		time.Sleep(time.Minute)
		second := add()
		if second.ID != first.ID || second.Occurrences != 2 || !second.LastRepeated.Equal(first.LastRepeated) {
			t.Errorf("within repeat-after: %+v", second)
		}
		time.Sleep(time.Hour)
		if third := add(); third.LastRepeated.Equal(first.LastRepeated) || third.Occurrences != 3 {
			t.Errorf("after repeat-after: %+v", third)
		}
		time.Sleep(8 * 24 * time.Hour)
		if _, found := s.Get(first.ID); found {
			t.Error("an expired notice is still there")
		}
		if fresh := add(); fresh.Occurrences != 1 || fresh.ID == first.ID {
			t.Errorf("after expiry: %+v", fresh)
		}
	})
}

// A clock that is set back hides no notice from who asks for later ones, and keeps none from being repeated.
func TestClockIsSetBack(t *testing.T) {
	step := time.Duration(0)
	s := notice.New(notice.Config{Clock: func() time.Time { return time.Now().Add(step).Round(0) }})
	add := func(key string, after time.Duration) notice.Notice {
		n, _ := s.Get(s.Add(notice.Occurrence{Type: notice.Custom, Key: key, RepeatAfter: after}))
		return n
	}
	before := add("a.b/c", 0)
	step = -time.Hour
	if got := s.List(notice.Filter{After: before.LastRepeated}); len(got) != 0 {
		t.Errorf("nothing is later, yet %v", got)
	}
	later := add("a.b/d", 0)
	if got := s.List(notice.Filter{After: before.LastRepeated.Round(0)}); len(got) != 1 || got[0].ID != later.ID {
		t.Errorf("the notice after the step is not listed: %v", got)
	}
	step = 0
	if third := add("a.b/d", time.Minute); third.Occurrences != 2 || !third.LastRepeated.After(later.LastRepeated) {
		t.Errorf("after the clock was right again: %+v", third)
	}
}

func TestLatestWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := time.Now().UTC()
		s := notice.New(notice.Config{Kept: []notice.Notice{
			{ID: "1", Type: notice.Warning, Key: "old", LastOccurred: old, LastRepeated: old, ExpireAfter: notice.Duration(notice.Lifetime)},
			{ID: "2", Type: notice.Custom, Key: "a.b/c", LastOccurred: old.Add(time.Hour), LastRepeated: old.Add(time.Hour), ExpireAfter: notice.Duration(notice.Lifetime)},
		}})
		if got := s.LatestWarning(); !got.Equal(old) {
			t.Errorf("kept: %v, want %v", got, old)
		}
		time.Sleep(2 * time.Hour)
		n, _ := s.Get(s.Add(notice.Occurrence{Type: notice.Warning, Key: "new"}))
		if got := s.LatestWarning(); !got.Equal(n.LastRepeated) || !got.After(old) {
			t.Errorf("added: %v, want %v", got, n.LastRepeated)
		}
		time.Sleep(8 * 24 * time.Hour)
		s.Prune(time.Now())
		if got := s.LatestWarning(); !got.IsZero() {
			t.Errorf("pruned: %v", got)
		}
	})
}

func TestVisibilityAndFilter(t *testing.T) {
	s := notice.New(notice.Config{})
	s.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "mine.x/y"})
	s.Add(notice.Occurrence{UserID: new(uint32(2)), Type: notice.Custom, Key: "yours.x/y"})
	s.Add(notice.Occurrence{Type: notice.ChangeUpdate, Key: "7"})
	keys := func(f notice.Filter) string {
		var out []string
		for _, n := range s.List(f) {
			out = append(out, n.Key)
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct {
		want string
		f    notice.Filter
	}{
		{"mine.x/y 7", notice.Filter{UserID: new(uint32(1))}},
		{"mine.x/y yours.x/y 7", notice.Filter{AllUsers: true}},
		{"7", notice.Filter{UserID: new(uint32(1)), Types: []string{notice.ChangeUpdate}}},
		{"yours.x/y", notice.Filter{UserID: new(uint32(2)), Keys: []string{"yours.x/y"}}},
		{"", notice.Filter{UserID: new(uint32(1)), After: time.Now().Add(time.Hour)}},
	} {
		if got := keys(tc.f); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.f, got, tc.want)
		}
	}
	list := s.List(notice.Filter{AllUsers: true})
	if got := s.List(notice.Filter{AllUsers: true, After: list[1].LastRepeated}); len(got) != 1 {
		t.Errorf("after must be strict and times distinct: %d left", len(got))
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := notice.New(notice.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := make(chan []notice.Notice)
		go func() { got <- s.Wait(ctx, notice.Filter{UserID: new(uint32(1)), Keys: []string{"a.b/c"}}) }()
		synctest.Wait()
		s.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "other.x/y"})
		synctest.Wait()
		s.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "a.b/c"})
		if list := <-got; len(list) != 1 || list[0].Key != "a.b/c" {
			t.Errorf("woken with %v", list)
		}
		began := time.Now()
		if list := s.Wait(ctx, notice.Filter{UserID: new(uint32(9))}); len(list) != 0 || time.Since(began) > time.Minute {
			t.Errorf("timeout gives %v", list)
		}
	})
}

func TestValidateCustom(t *testing.T) {
	for key, want := range map[string]bool{
		"example.com/path": true, "a.b/c-d/e": true, "a-b.c/d": true,
		"example/path": false, "example.com": false, "Example.com/x": false, "a.b/c--d": false, "a.b/-c": false, "": false,
		"a.b/" + strings.Repeat("x", 300): false,
	} {
		if err := notice.ValidateCustom(notice.Occurrence{Key: key}); (err == nil) != want {
			t.Errorf("%q: %v", key, err)
		}
	}
	big := notice.Occurrence{Key: "a.b/c", Data: map[string]string{"k": strings.Repeat("v", 5000)}}
	if notice.ValidateCustom(big) == nil {
		t.Error("too much data was accepted")
	}
}

func TestKeptNoticesGoOn(t *testing.T) {
	var saved []notice.Notice
	s := notice.New(notice.Config{Saved: func(n notice.Notice) { saved = append(saved, n) }})
	id := s.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "a.b/c", RepeatAfter: time.Minute})
	data, err := json.Marshal(saved[0])
	if err != nil {
		t.Fatal(err)
	}
	var back notice.Notice
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	again := notice.New(notice.Config{Kept: []notice.Notice{back}, LastID: 40})
	if n, ok := again.Get(id); !ok || n.Occurrences != 1 || n.RepeatAfter != saved[0].RepeatAfter {
		t.Errorf("kept: %+v", n)
	}
	if next := again.Add(notice.Occurrence{UserID: new(uint32(1)), Type: notice.Custom, Key: "d.e/f"}); next != "41" {
		t.Errorf("next id %s, want 41", next)
	}
}

func TestPrune(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := notice.New(notice.Config{})
		first := s.Add(notice.Occurrence{Type: notice.Custom, Key: "a.b/first"})
		for i := range 1000 {
			time.Sleep(time.Millisecond)
			s.Add(notice.Occurrence{Type: notice.ChangeUpdate, Key: strconv.Itoa(i)})
		}
		if gone := s.Prune(time.Now()); len(gone) != 1 || gone[0] != first {
			t.Errorf("pruned %v, want the oldest", gone)
		}
		time.Sleep(8 * 24 * time.Hour)
		if gone := s.Prune(time.Now()); len(gone) != 1000 || len(s.List(notice.Filter{AllUsers: true})) != 0 {
			t.Errorf("%d expired notices were dropped", len(gone))
		}
	})
}
