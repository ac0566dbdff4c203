package state_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/change"
	"github.com/bangle-dev/bangle/supervisor/identity"
	"github.com/bangle-dev/bangle/supervisor/notice"
	"github.com/bangle-dev/bangle/supervisor/state"
)

const crashVariable = "BANGLE_TEST_CRASH"

// work does what a supervisor does to its state, says on stdout what it would
// have answered, and kills itself at the given step.
func work(dir string, fatal int) {
	var steps atomic.Int64
	k, err := state.OpenSteps(dir, quiet(), 2000, func(string) {
		if steps.Add(1) == int64(fatal) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	j := change.New(change.Config{Kept: k.Changes(), Saved: k.Change, NextChange: k.NextChange, NextTask: k.NextTask})
	k.OnRenew(j.Views)
	for i := range 16 {
		c := j.Add(change.Spec{Kind: "start", Summary: "s", Tasks: []change.TaskSpec{{Kind: "start", Summary: strings.Repeat("x", 100), Work: func(context.Context, *change.Task) error { return nil }}}})
		fmt.Println("change", c.ID)
		<-c.Ready()
		fmt.Println("done", c.ID)
		n := sample(strconv.Itoa(i))
		k.Notice(n)
		fmt.Println("notice", n.ID)
		uid := uint32(i)
		if err := k.SetIdentities(map[string]identity.Identity{"i" + strconv.Itoa(i): {Access: identity.Read, Local: &identity.Local{UserID: &uid}}}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("identity", "i"+strconv.Itoa(i))
		if i%4 == 3 {
			<-time.After(5 * time.Millisecond) // let the file be made durable, and written anew
		}
	}
	j.Close()
	k.Close()
	os.Exit(0)
}

// TestKilledAtEveryStep ends a process at each step of each of its writes and
// looks whether everything that it had answered is there afterwards.
func TestKilledAtEveryStep(t *testing.T) {
	if text := os.Getenv(crashVariable); text != "" {
		dir, fatal, _ := strings.Cut(text, ":")
		n, err := strconv.Atoi(fatal)
		if err != nil {
			t.Fatal(err)
		}
		work(dir, n)
	}
	stride := 1
	if testing.Short() {
		stride = 17
	}
	const together = 8
	var survived atomic.Bool
	for first := 1; !survived.Load(); first += together * stride {
		var wg sync.WaitGroup
		for i := range together {
			fatal := first + i*stride
			wg.Go(func() {
				if crash(t, fatal) {
					survived.Store(true)
				}
			})
		}
		wg.Wait()
	}
}

// crash runs the work in a process that dies at a step, looks at what is left,
// and reports whether it had ended before.
func crash(t *testing.T, fatal int) (survived bool) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledAtEveryStep$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s:%d", crashVariable, dir, fatal))
	said, err := cmd.Output()
	if err != nil && !strings.Contains(err.Error(), "killed") {
		t.Errorf("step %d: %v\n%s", fatal, err, said)
		return true
	}
	compare(t, fatal, dir, string(said))
	return err == nil
}

func compare(t *testing.T, fatal int, dir, said string) {
	t.Helper()
	k, err := state.Open(dir, quiet())
	if err != nil {
		t.Errorf("step %d: %v", fatal, err)
		return
	}
	defer k.Close()
	changes := map[string]change.Status{}
	for _, v := range k.Changes() {
		changes[v.ID] = v.Status
	}
	notices, _ := k.Notices()
	there := map[string]bool{}
	for _, n := range notices {
		there[n.ID] = true
	}
	newest, last := "", 0
	lines := bufio.NewScanner(strings.NewReader(said))
	for lines.Scan() {
		what, id, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "change":
			if changes[id] == "" {
				t.Errorf("step %d: change %s was answered and is gone", fatal, id)
			}
			last, _ = strconv.Atoi(id)
		case "done":
			if changes[id] != change.Done {
				t.Errorf("step %d: change %s was done and is %q", fatal, id, changes[id])
			}
		case "notice":
			if !there[id] {
				t.Errorf("step %d: notice %s was answered and is gone", fatal, id)
			}
		case "identity":
			newest = id
		default:
			t.Errorf("step %d: %s", fatal, lines.Text())
		}
	}
	if _, ok := k.Identities()[newest]; newest != "" && !ok && !newer(k.Identities(), newest) {
		t.Errorf("step %d: identity %s was answered, there is %v", fatal, newest, k.Identities())
	}
	if next, _ := strconv.Atoi(k.NextChange()); next <= last {
		t.Errorf("step %d: change id %d is given again", fatal, next)
	}
}

// newer reports whether the set is that of the request after the one answered last.
func newer(set map[string]identity.Identity, answered string) bool {
	n, _ := strconv.Atoi(strings.TrimPrefix(answered, "i"))
	_, ok := set["i"+strconv.Itoa(n+1)]
	return ok
}

// TestACutLineHurtsNoOther cuts the file at every byte.
func TestACutLineHurtsNoOther(t *testing.T) {
	dir := t.TempDir()
	k := open(t, dir)
	k.Notice(sample("1"))
	k.Notice(sample("2"))
	k.Close()
	path := filepath.Join(dir, ".bangle.state")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		k := open(t, dir)
		k.Notice(sample("3"))
		k.Close()
		k = open(t, dir)
		want := 1 + strings.Count(string(whole[:n]), `"notice":{`)
		kept, _ := k.Notices()
		// The line that was cut counts as one above unless only its end of line is missing.
		if len(kept) != want && len(kept) != want-1 || !has(kept, "3") {
			t.Errorf("cut at %d: %d notices are kept, want %d", n, len(kept), want)
		}
		k.Close()
	}
}

func has(list []notice.Notice, id string) bool {
	return slices.ContainsFunc(list, func(n notice.Notice) bool { return n.ID == id })
}
