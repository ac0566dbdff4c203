package logbook_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/core/controller/logbook"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, max int64) *logbook.Book {
	t.Helper()
	b, err := logbook.New(logbook.Config{Dir: dir, MaxBytes: max})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func rec(entity, level, module, message string) *controllerv1.LogRecord {
	return &controllerv1.LogRecord{Model: "m1", Entity: entity, Level: level, Module: module, Message: message}
}

func read(t *testing.T, b *logbook.Book, q logbook.Query) string {
	t.Helper()
	var got []string
	err := b.Stream(t.Context(), "m1", q, func(rs []*controllerv1.LogRecord) error {
		for _, r := range rs {
			got = append(got, r.GetMessage())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(got, " ")
}

func TestFilters(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 0)
	b.Log(
		rec("unit-web-0", "INFO", "unit.web/0.juju-log", "a"),
		rec("unit-web-1", "DEBUG", "unit.web/1.juju-log", "b"),
		rec("unit-web-admin-0", "WARNING", "juju.worker", "c"),
		rec("controller", "ERROR", "bangle.placement", "d"),
		&controllerv1.LogRecord{Model: "m2", Entity: "unit-web-0", Message: "foreign"},
		rec("unit-web-0", "ERROR", "juju.workers", "e"),
	)
	for name, c := range map[string]struct {
		q    logbook.Query
		want string
	}{
		"all":               {logbook.Query{}, "a b c d e"},
		"last two":          {logbook.Query{Lines: 2}, "d e"},
		"first two":         {logbook.Query{Replay: true, Limit: 2}, "a b"},
		"level":             {logbook.Query{Level: "warning"}, "c d e"},
		"application":       {logbook.Query{Include: []string{"web"}}, "a b e"},
		"unit":              {logbook.Query{Include: []string{"web/0"}}, "a e"},
		"tag glob":          {logbook.Query{Include: []string{"unit-web-*"}}, "a b c e"},
		"exclude":           {logbook.Query{Exclude: []string{"web", "controller"}}, "c"},
		"module and below":  {logbook.Query{IncludeModule: []string{"juju.worker", "unit"}}, "a b c"},
		"excluded module":   {logbook.Query{ExcludeModule: []string{"unit.web/0"}}, "b c d e"},
		"nothing there":     {logbook.Query{Include: []string{"db"}}, ""},
		"limit over lines":  {logbook.Query{Lines: 4, Limit: 1}, "b"},
		"level and include": {logbook.Query{Level: "ERROR", Include: []string{"web"}}, "e"},
	} {
		if got := read(t, b, c.q); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for want, q := range map[string]logbook.Query{
		`level "LOUD" is not one of TRACE, DEBUG`: {Level: "LOUD"},
		`"[" is not a valid pattern`:              {Include: []string{"["}},
	} {
		err := b.Stream(t.Context(), "m1", q, nil)
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, open(t, dir, 0), logbook.Query{}); got != "a b c d e" {
		t.Errorf("after reopening: %q", got)
	}
}

func TestFollowSeesEveryRecordOnce(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	const n = 500
	started := make(chan struct{})
	go func() {
		for i := range n {
			if i == n/2 {
				close(started)
			}
			b.Log(rec("unit-web-0", "INFO", "m", fmt.Sprint(i)))
		}
	}()
	<-started
	var got []string
	done := errors.New("enough")
	err := b.Stream(t.Context(), "m1", logbook.Query{Replay: true, Follow: true}, func(rs []*controllerv1.LogRecord) error {
		for _, r := range rs {
			got = append(got, r.GetMessage())
		}
		if len(got) >= n {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatal(err)
	}
	for i, m := range got {
		if m != fmt.Sprint(i) {
			t.Fatalf("record %d is %s", i, m)
		}
	}
}

func TestFollowEnds(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Stream(ctx, "m1", logbook.Query{Follow: true}, nil) }()
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- b.Stream(t.Context(), "m1", logbook.Query{Follow: true, Limit: 1}, func([]*controllerv1.LogRecord) error { return nil })
	}()
	for ended := false; !ended; {
		b.Log(rec("unit-web-0", "INFO", "m", "x"))
		select {
		case err := <-done:
			if ended = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
}

func TestSlowFollowerIsToldWhatItLost(t *testing.T) {
	b := open(t, t.TempDir(), 0)
	b.Log(rec("unit-web-0", "INFO", "m", "first"))
	var lost bool
	done := errors.New("enough")
	n := 0
	err := b.Stream(t.Context(), "m1", logbook.Query{Follow: true, Replay: true}, func(rs []*controllerv1.LogRecord) error {
		if n++; n == 1 { // now it is registered and does not read
			for range 10000 {
				b.Log(rec("unit-web-0", "INFO", "m", "x"))
			}
		}
		if n == 2 {
			b.Log(rec("unit-web-0", "INFO", "m", "last"))
		}
		for _, r := range rs {
			lost = lost || strings.Contains(r.GetMessage(), "records were left out")
			if r.GetMessage() == "last" {
				return done
			}
		}
		return nil
	})
	if !errors.Is(err, done) || !lost {
		t.Fatalf("err %v, told %v", err, lost)
	}
}

func TestFilesAreBounded(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 2000)
	for i := range 200 {
		b.Log(rec("unit-web-0", "INFO", "m", fmt.Sprint(i)))
	}
	got := strings.Fields(read(t, b, logbook.Query{}))
	if len(got) == 0 || len(got) == 200 || got[len(got)-1] != "199" {
		t.Fatalf("kept %d, the last %v", len(got), got[len(got)-1:])
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 2000 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
	if err := b.Forget("m1"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b, logbook.Query{}); got != "" {
		t.Fatalf("after Forget: %q", got)
	}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir, 0)
	for i := range 5 {
		b.Journal(
			&controllerv1.JournalEntry{Model: "m1", Unit: "web/1", Revision: int64(i)},
			&controllerv1.JournalEntry{Model: "m1", Unit: "web/11", Revision: 100},
		)
	}
	got, err := b.Entries("m1", "web/1", 2)
	if err != nil || len(got) != 2 || got[0].GetRevision() != 3 || got[1].GetRevision() != 4 {
		t.Fatalf("%v, %v", got, err)
	}
	if all, err := b.Entries("m1", "web/1", 0); err != nil || len(all) != 5 {
		t.Fatalf("%d, %v", len(all), err)
	}
	b.Journal(&controllerv1.JournalEntry{Model: "../../x", Unit: "a/0"})
	if _, err := os.Stat(filepath.Join(dir, "______x.journal")); err != nil {
		if _, err := b.Entries("../../x", "a/0", 0); err != nil {
			t.Fatal(err)
		}
	}
}
