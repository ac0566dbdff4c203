package machinelock_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/core/agent/machinelock"
	"github.com/bangle-dev/bangle/sdk/errs"
)

func TestMain(m *testing.M) {
	if file := os.Getenv("HOLD_LOCK"); file != "" {
		asAgent(file)
	}
	goleak.VerifyTestMain(m)
}

func quiet(machinelock.Holder) {}

// TestTurns: one at a time, in the order of asking, and everybody comes to know whom he waits for.
func TestTurns(t *testing.T) {
	l, file := machinelock.New(), filepath.Join(t.TempDir(), "lock")
	release, err := l.Take(t.Context(), file, machinelock.Holder{Unit: "web/0", What: "install"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	inside := 0
	var all sync.WaitGroup
	for i := range 5 {
		asked := make(chan machinelock.Holder, 1)
		all.Go(func() {
			release, err := l.Take(t.Context(), file, machinelock.Holder{Unit: fmt.Sprint("web/", i+1)}, func(h machinelock.Holder) {
				select {
				case asked <- h:
				default:
				}
			})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			order = append(order, i)
			if inside++; inside > 1 {
				t.Error("two hold the lock")
			}
			mu.Unlock()
			mu.Lock()
			inside--
			mu.Unlock()
			release()
		})
		if h := <-asked; h.Unit != "web/0" || h.What != "install" || h.PID != os.Getpid() || h.Since.IsZero() {
			t.Errorf("the holder is %+v", h)
		}
	}
	release()
	all.Wait()
	if !slices.Equal(order, []int{0, 1, 2, 3, 4}) {
		t.Errorf("the order was %v", order)
	}
	// Another file is another lock.
	one, err := l.Take(t.Context(), file, machinelock.Holder{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Take(t.Context(), file+".group", machinelock.Holder{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	two()
	one()
}

// TestGivingUp leaves the line, and the lock to others.
func TestGivingUp(t *testing.T) {
	l, file := machinelock.New(), filepath.Join(t.TempDir(), "lock")
	release, err := l.Take(t.Context(), file, machinelock.Holder{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.Take(ctx, file, machinelock.Holder{}, func(machinelock.Holder) { cancel() }); !errs.Is(err, errs.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	release()
	release, err = l.Take(t.Context(), file, machinelock.Holder{}, func(machinelock.Holder) { t.Error("there is nobody to wait for") })
	if err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := l.Take(t.Context(), filepath.Join(file, "none"), machinelock.Holder{}, quiet); !errs.Is(err, errs.Internal) {
		t.Errorf("a file that cannot be: %v", err)
	}
	release, err = l.Take(t.Context(), file, machinelock.Holder{}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// TestOthersFile: a file that may be read and not written is a lock all the same.
func TestOthersFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	if err := os.WriteFile(file, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	one, two := machinelock.New(), machinelock.New() // as two agents
	release, err := one.Take(t.Context(), file, machinelock.Holder{Unit: "web/0"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := two.Take(ctx, file, machinelock.Holder{}, func(machinelock.Holder) { cancel() }); !errs.Is(err, errs.Canceled) {
		t.Errorf("while another one has it: %v", err)
	}
	release()
}

// TestNews: who waits comes to know the next holder too, and one of another process although somebody else asks the kernel.
func TestNews(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lock")
	other, err := machinelock.New().Take(t.Context(), file, machinelock.Holder{Unit: "other/0"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	l := machinelock.New()
	var all sync.WaitGroup
	asks, waits, goOn := make(chan string, 9), make(chan string, 9), make(chan struct{})
	take := func(unit string, told chan string) {
		release, err := l.Take(t.Context(), file, machinelock.Holder{Unit: unit}, func(h machinelock.Holder) { told <- h.Unit })
		if err != nil {
			t.Error(err)
			return
		}
		<-goOn
		release()
	}
	all.Go(func() { take("web/0", asks) })
	if who := <-asks; who != "other/0" {
		t.Errorf("the first waits for %q", who)
	}
	all.Go(func() { take("web/1", waits) })
	if who := <-waits; who != "other/0" {
		t.Errorf("who is behind it waits for %q", who)
	}
	other()
	for who := range waits {
		if who == "web/0" {
			break
		}
	}
	close(goOn)
	all.Wait()
}
