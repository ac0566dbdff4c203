package load_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

var (
	unitCount = flag.Int("units", 24, "units at the beginning, a tenth of them of an executable charm")
	changes   = flag.Int("changes", 200, "random changes of the model")
	kills     = flag.Int("kills", 6, "processes killed while they are made")
	seed      = flag.Uint64("seed", 0, "of the random choices; 0 takes one from the clock")
	settling  = flag.Duration("settling", 2*time.Minute, "how long the model may take to come to rest after the last change")
)

// TestNothingIsLost makes random changes while agent, controller and plugins are killed. At the end every charm must have
// seen the final state of all that it may see, and no changeset may have been lost or applied twice.
func TestNothingIsLost(t *testing.T) {
	l := newLoad(t)
	t.Logf("%d units, %d changes, %d kills, -seed %d", *unitCount, *changes, *kills, l.seed)
	start := time.Now()
	for i := range *changes {
		if *kills > 0 && i%max(1, *changes / *kills) == max(1, *changes / *kills)/2 {
			l.kill()
		}
		l.change(i)
	}
	changed := time.Now()
	f := l.settle()
	for _, why := range append(f.wrong(), twice(strings.Fields(l.read("once")))...) {
		t.Error(why)
	}
	if clash := l.read("clash"); clash != "" {
		t.Errorf("two runs of one unit at once: %s", clash)
	}
	events, units := 0, 0
	for _, b := range f.books {
		events, units = events+b.committed, units+1
	}
	t.Logf("%d changes in %s (%.0f a second), at rest %s later; %d units at the end have %d events; killed: %v", *changes, changed.Sub(start).Round(time.Millisecond),
		float64(*changes)/changed.Sub(start).Seconds(), time.Since(changed).Round(time.Millisecond), units, events, l.killed)
}

// load is a model under random changes.
type load struct {
	*stage.Stage
	t         *testing.T
	rng       *rand.Rand
	seed      uint64
	log       string // where executable charms leave lines outside of the model
	apps      []string
	scale     map[string]int
	ticks     map[string]string
	relations [][2]string
	killed    map[string]int
}

func newLoad(t *testing.T) *load {
	t.Helper()
	l := &load{t: t, seed: *seed, scale: map[string]int{}, ticks: map[string]string{}, killed: map[string]int{}}
	if l.seed == 0 {
		l.seed = uint64(time.Now().UnixNano())
	}
	l.rng = rand.New(rand.NewPCG(l.seed, 1))
	l.Stage = stage.New(t, stage.Config{})
	l.log = filepath.Join(l.Dir, "log")
	must(t, os.Mkdir(l.log, 0o755))
	wasm, shell := l.charms()
	each := max(2, *unitCount/18)
	for left, i := *unitCount, 0; left > 0; left, i = left-each, i+1 {
		name, dir := fmt.Sprint("w", i), wasm
		if i%9 == 8 || i == 1 {
			name, dir = fmt.Sprint("x", i), shell
		}
		l.apps, l.scale[name], l.ticks[name] = append(l.apps, name), min(each, left), "0"
		l.Deploy(dir, &clientv1.DeployRequest{Application: name, Units: uint32(l.scale[name])})
	}
	for _, app := range l.apps {
		l.Await(stage.Active(app, l.scale[app], ""))
	}
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// charms are the two forms of the ledger, ready to be deployed.
func (l *load) charms() (wasm, shell string) {
	wasm, shell = filepath.Join(l.Dir, "ledger"), filepath.Join(l.Dir, "ledger-sh")
	must(l.t, os.CopyFS(wasm, os.DirFS("testdata/ledger")))
	must(l.t, os.RemoveAll(filepath.Join(wasm, "guest")))
	must(l.t, os.CopyFS(shell, os.DirFS("testdata/ledger-sh")))
	must(l.t, os.Chmod(filepath.Join(shell, "dispatch"), 0o755))
	must(l.t, os.WriteFile(filepath.Join(shell, "env.sh"), []byte("LOG="+l.log+"\n"), 0o644))
	build := exec.CommandContext(l.t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-buildmode=c-shared", "-o", filepath.Join(wasm, "charm.wasm"), "./testdata/ledger/guest")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		l.t.Fatalf("cannot build the ledger: %v\n%s", err, out)
	}
	return wasm, shell
}

func (l *load) read(name string) string {
	text, err := os.ReadFile(filepath.Join(l.log, name))
	if err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	return string(text)
}

// ask calls until the controller has answered, whoever was killed meanwhile. It may have been heard twice. What it refuses
// because the model changed under the call is no failure: ok is then false.
func ask[Q, A any](l *load, call func(clientv1connect.ClientClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error), req *Q) (answer *A, ok bool) {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
		resp, err := call(l.Client(), ctx, connect.NewRequest(req))
		cancel()
		if err == nil {
			return resp.Msg, true
		}
		switch code := connect.CodeOf(err); {
		case code == connect.CodeNotFound, code == connect.CodeAlreadyExists, code == connect.CodeAborted, code == connect.CodeFailedPrecondition:
			return nil, false
		case !stage.Away(err) || time.Now().After(deadline):
			l.t.Fatalf("cannot ask for %T: %v (-seed %d)", req, err, l.seed)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-l.t.Context().Done():
		}
	}
}

// settle waits until every charm knows all that it may know.
func (l *load) settle() *final {
	l.t.Helper()
	deadline := time.Now().Add(*settling)
	for {
		f := l.look()
		why := f.late()
		if len(why) == 0 {
			return f
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%d things were never seen (-seed %d):\n%s", len(why), l.seed, strings.Join(why[:min(len(why), 20)], "\n"))
		}
	}
}

// look asks every unit for its book.
func (l *load) look() *final {
	l.t.Helper()
	for _, app := range l.apps {
		l.Await(func(s *clientv1.StatusResponse) string {
			if n := len(stage.App(s, app).GetUnits()); n != l.scale[app] {
				return fmt.Sprintf("%s has %d units, want %d", app, n, l.scale[app])
			}
			return ""
		})
	}
	status, _ := ask(l, clientv1connect.ClientClient.Status, &clientv1.StatusRequest{Model: stage.Model})
	f := &final{units: unitsOf(status), ticks: l.ticks, relations: l.relations, books: map[string]book{}}
	var all []string
	for _, units := range f.units {
		all = append(all, units...)
	}
	shown := map[string]*controllerv1.Task{}
	for _, task := range l.Finished(l.Queue("show", "", all...)) {
		shown[task.GetUnit()] = task
	}
	tasks, _ := ask(l, clientv1connect.ClientClient.ListOperations, &clientv1.ListOperationsRequest{Model: stage.Model})
	for unit, task := range shown {
		entries, err := readBook(task.GetResults()["book"])
		if task.GetStatus() != "completed" || err != nil {
			continue // interrupted; the next look will tell
		}
		f.books[unit] = book{entries: entries, committed: l.event(unit, task.GetId()) - 1, tasks: unrun(tasks.GetTasks(), unit)}
	}
	return f
}

// unrun counts a unit's tasks that were committed without having run.
func unrun(tasks []*controllerv1.Task, unit string) (n int) {
	for _, task := range tasks {
		if task.GetUnit() == unit && task.GetStatus() == "failed" {
			n++
		}
	}
	return n
}

// event is the number of the event in which a task ran.
func (l *load) event(unit, task string) int {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		for _, entry := range slices.Backward(l.Journal(unit)) {
			if entry.GetEvent().GetTaskId() == task {
				number, _, _ := strings.Cut(entry.GetEvent().GetId(), "-")
				n, err := strconv.Atoi(number)
				must(l.t, err)
				return n
			}
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("the journal of %s never had task %s", unit, task)
		}
		<-time.After(10 * time.Millisecond) // the journal is told a moment after the commit
	}
}
