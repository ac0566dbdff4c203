package load_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

var (
	unitCount = flag.Int("units", 24, "units at the beginning, a sixth of them of an executable charm")
	changes   = flag.Int("changes", 200, "random changes of the model")
	kills     = flag.Int("kills", 6, "processes killed while they are made")
	duration  = flag.Duration("duration", 0, "no more changes after this, however few there were; 0 for no such end")
	every     = flag.Duration("every", 20*time.Millisecond, "at most one change in this time; 0 for as fast as they are taken")
	seed      = flag.Uint64("seed", 0, "of the random choices; 0 takes one from the clock")
	settling  = flag.Duration("settling", 2*time.Minute, "how long the model may take to come to rest after the last change")
)

// TestNothingIsLost makes random changes while agent, controller and plugins are killed. At the end every charm must have
// seen the final state of all that it may see, and no changeset may have been lost or applied twice.
func TestNothingIsLost(t *testing.T) {
	l := newLoad(t)
	t.Logf("%d units, %d changes, %d kills, -seed %d", *unitCount, *changes, *kills, l.seed)
	start := time.Now()
	made := l.changes()
	changed := time.Now()
	l.settle()
	why := l.wrong()
	for _, w := range why {
		t.Error(w)
	}
	if len(why) > 0 {
		t.Logf("to repeat: -seed %d", l.seed)
	}
	took := changed.Sub(start)
	t.Logf("%d changes in %s (%.0f a second), at rest %s later; killed: %v", made, took.Round(time.Millisecond), float64(made)/took.Seconds(),
		time.Since(changed).Round(time.Millisecond), l.killed)
	t.Logf("made: %v", l.made)
	t.Logf("%d units at the end have %d events; %d runs of executable charms, %d tasks", len(l.books), l.events, len(l.lines("runs")), l.tasks)
	t.Logf("PSS at the end: controller %d MB, agent %d MB", pss(t, l.Controller.PID()), pss(t, l.AgentPID()))
}

// changes makes them, and kills meanwhile; the number of those that were made.
func (l *load) changes() (made int) {
	ctx, end := context.WithCancel(l.t.Context())
	defer end()
	if *duration > 0 {
		ctx, end = context.WithTimeout(ctx, *duration)
		defer end()
	}
	for ; made < *changes && ctx.Err() == nil; made++ {
		if *kills > 0 && made%max(1, *changes / *kills) == max(1, *changes / *kills)/2 {
			l.kill()
		}
		next := time.NewTimer(*every)
		l.change(made)
		<-next.C
	}
	l.calm()
	return made
}

// calm ends the changes: nothing is to fail any more, and every application is told once more how many units it has to
// have, since the answers of some requests were lost.
func (l *load) calm() {
	l.killers.Wait()
	for _, app := range l.apps {
		if l.tripped[app] { // one more change of the others could hide that they did not see the last
			l.set(app, "trip", "")
		}
		ask(l, clientv1connect.ClientClient.ScaleApplication, &clientv1.ScaleApplicationRequest{Model: stage.Model, Application: app, Scale: uint32(l.scale[app])})
	}
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
	tripped   map[string]bool
	made      map[string]int // kind of change → how many
	killed    map[string]int
	killers   sync.WaitGroup
	books     map[string]book // at rest
	events    int
	tasks     int
}

func newLoad(t *testing.T) *load {
	t.Helper()
	l := bareLoad(t)
	wasm, shell := l.charms()
	each := max(2, *unitCount/18)
	for left, i := *unitCount, 0; left > 0; left, i = left-each, i+1 {
		name, dir := fmt.Sprint("w", i), wasm
		if i%9 == 8 || i == 1 {
			name, dir = fmt.Sprint("x", i), shell
		}
		l.deploy(name, dir, min(each, left))
	}
	l.awaitAll()
	return l
}

// bareLoad is one without applications.
func bareLoad(t *testing.T) *load {
	t.Helper()
	l := &load{t: t, seed: *seed, scale: map[string]int{}, ticks: map[string]string{}, tripped: map[string]bool{}, made: map[string]int{}, killed: map[string]int{}}
	if l.seed == 0 {
		l.seed = uint64(time.Now().UnixNano())
	}
	l.rng = rand.New(rand.NewPCG(l.seed, 1))
	l.Stage = stage.New(t, stage.Config{Ending: *settling})
	l.log = filepath.Join(l.Dir, "log")
	must(t, os.Mkdir(l.log, 0o755))
	return l
}

// deploy makes an application.
func (l *load) deploy(name, dir string, units int) {
	l.t.Helper()
	l.apps, l.scale[name], l.ticks[name] = append(l.apps, name), units, "0"
	l.Deploy(dir, &clientv1.DeployRequest{Application: name, Units: uint32(units)})
}

func (l *load) awaitAll() {
	l.t.Helper()
	for _, app := range l.apps {
		l.Await(stage.Active(app, l.scale[app], ""))
	}
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

// lines are what executable charms left in a file outside of the model.
func (l *load) lines(name string) []string {
	l.t.Helper()
	text, err := os.ReadFile(filepath.Join(l.log, name))
	if err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// ask calls until the controller has answered, whoever was killed meanwhile. It may have been heard twice. What it refuses
// because the model changed under the call, or because it heard it before, is no failure: the code says what it was.
func ask[Q, A any](l *load, call func(clientv1connect.ClientClient, context.Context, *connect.Request[Q]) (*connect.Response[A], error), req *Q) (answer *A, code connect.Code) {
	l.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
		resp, err := call(l.Client(), ctx, connect.NewRequest(req))
		cancel()
		if err == nil {
			return resp.Msg, 0
		}
		switch code := connect.CodeOf(err); {
		case code == connect.CodeNotFound, code == connect.CodeAlreadyExists, code == connect.CodeAborted, code == connect.CodeFailedPrecondition:
			return nil, code
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
func (l *load) settle() {
	l.t.Helper()
	deadline := time.Now().Add(*settling)
	for {
		f := l.look()
		why := f.late()
		if len(why) == 0 {
			l.books = f.books
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("%d things were never seen (-seed %d):\n%s", len(why), l.seed, strings.Join(why[:min(len(why), 20)], "\n"))
		}
		<-time.After(100 * time.Millisecond)
	}
}

// look asks every unit for its book.
func (l *load) look() *final {
	l.t.Helper()
	ask(l, clientv1connect.ClientClient.Resolved, &clientv1.ResolvedRequest{Model: stage.Model, All: true}) // those that tripped
	status, _ := ask(l, clientv1connect.ClientClient.Status, &clientv1.StatusRequest{Model: stage.Model})
	f := &final{scale: l.scale, ticks: l.ticks, relations: l.relations, books: map[string]book{}}
	f.units, f.leaders = unitsOf(status)
	if f.crowded() != nil {
		return f
	}
	var all []string
	for _, units := range f.units {
		all = append(all, units...)
	}
	for _, task := range l.finished(l.Queue("show", "", all...)) {
		entries, err := readBook(task.GetResults()["book"])
		if task.GetStatus() != "completed" || err != nil {
			continue // interrupted; the next look will tell
		}
		f.books[task.GetUnit()] = book{entries, task.GetResults()["leader"]}
	}
	listed, _ := ask(l, clientv1connect.ClientClient.ListOperations, &clientv1.ListOperationsRequest{Model: stage.Model})
	f.tasks = listed.GetTasks()
	return f
}

// finished waits for an operation's tasks, as long as the model may take to come to rest.
func (l *load) finished(operation string) []*controllerv1.Task {
	l.t.Helper()
	deadline := time.Now().Add(*settling)
	for {
		resp, _ := ask(l, clientv1connect.ClientClient.WaitOperation, &clientv1.WaitOperationRequest{Model: stage.Model, Operation: operation, TimeoutMs: 10_000})
		if resp.GetFinished() {
			return resp.GetTasks()
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("operation %s is not finished (-seed %d): %v", operation, l.seed, resp.GetTasks())
		}
	}
}

// wrong holds a model at rest against the store, the journals and what executable charms left outside.
func (l *load) wrong() []string {
	l.t.Helper()
	var why []string
	for unit := range l.books {
		why = append(why, again(unit, l.Journal(unit))...)
	}
	accounts := l.accounts()
	if len(accounts) != len(l.books) {
		why = append(why, fmt.Sprintf("the store has the state of %d charms, %d are there", len(accounts), len(l.books)))
	}
	l.events = 0
	for _, a := range accounts {
		l.events += int(a.sequence)
	}
	why = append(why, wrong(accounts)...)
	why = append(why, gone(l.lines("runs"), accounts)...)
	why = append(why, twice(l.lines("once"))...)
	for _, line := range l.lines("clash") {
		why = append(why, "two runs of one unit at once: "+line)
	}
	return why
}

// pss is the memory of a process, in MB, its part of shared pages included.
func pss(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "Pss:" {
			return number(f[1]) / 1024
		}
	}
	return 0
}
