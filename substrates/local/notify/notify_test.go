package notify_test

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/substrates/local/notify"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func wait(t testing.TB, s *notify.Subscription, what string) {
	t.Helper()
	select {
	case <-s.C:
	case <-time.After(30 * time.Second):
		t.Fatalf("not told of %s", what)
	}
}

func TestSubscribersShareADirectory(t *testing.T) {
	w, err := notify.New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	dir := t.TempDir()
	one, two := w.Subscribe(), w.Subscribe()
	for _, s := range []*notify.Subscription{one, two} {
		if err := s.Watch(dir, dir, filepath.Join(dir, "not there")); err != nil {
			t.Fatal(err)
		}
	}
	make := func(name string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	make("a")
	wait(t, one, "a directory")
	wait(t, two, "a directory")
	one.Close()
	make("b")
	wait(t, two, "another, after the first subscriber has left")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	wait(t, two, "the end of the directory")
	two.Wake()
	wait(t, two, "a wake")
	two.Close()
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := two.Watch(dir); err == nil {
		t.Error("a closed watcher watches")
	}
}

// TestOneNameInADirectory: who waits for one name is not woken by thousands of others, and is when the directory itself ends.
func TestOneNameInADirectory(t *testing.T) {
	w, err := notify.New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	dir := filepath.Join(t.TempDir(), "d")
	woken := map[string]int{}
	told := make(chan string, 100)
	subs := map[string]*notify.Subscription{}
	for _, name := range []string{"", "a", "b"} {
		subs[name] = w.Call(func() { told <- name })
		defer subs[name].Close()
	}
	make := func(name string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	make("")
	for name, sub := range subs {
		for range 2 { // twice is once
			if err := sub.WatchName(dir, name); err != nil {
				t.Fatal(err)
			}
		}
	}
	make("b")
	make("c")
	make("a")
	next := func() {
		t.Helper()
		select {
		case name := <-told:
			woken[name]++
		case <-time.After(30 * time.Second):
			t.Fatalf("not told any more after %v", woken)
		}
	}
	for range 5 {
		next()
	}
	if woken["a"] != 1 || woken["b"] != 1 || woken[""] != 3 {
		t.Errorf("three directories were made; woken: %v", woken)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for before := woken["a"] + 1; woken["a"] <= before; { // a's own end, and the directory's
		next()
	}
}

// TestWatchedAgainMeanwhile: a directory that others begin to watch hides nothing from those who watch it already. A kernel that is
// asked to watch it anew watches nothing for a moment.
func TestWatchedAgainMeanwhile(t *testing.T) {
	w, err := notify.New()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	dir := t.TempDir()
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		sub := w.Call(func() {})
		defer sub.Close()
		for {
			select {
			case <-stop:
				return
			default:
				if err := sub.WatchName(dir, "nobody"); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	const names = 5000
	var told sync.WaitGroup
	for n := range names {
		name := strconv.Itoa(n)
		told.Add(1)
		sub := w.Call(sync.OnceFunc(told.Done))
		if err := sub.WatchName(dir, name); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	others.Wait()
	all := make(chan struct{})
	go func() { told.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(30 * time.Second):
		t.Fatal("not told of all that was made")
	}
}
