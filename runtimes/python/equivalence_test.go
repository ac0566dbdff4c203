package python_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/sdk/api"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

var (
	equalEvents = flag.Int("events", 60, "random events that are run cold and warm; 200 take two minutes")
	equalSeed   = flag.Uint64("seed", 1, "of the random events; 0 takes one from the clock")
	equalOnly   = flag.String("steps", "", "only the steps that match")
)

// What a charm may see differ between a fresh interpreter and a child of a warm one. Everything else is the same.
var free = map[string]string{
	"parent":                   "a warm run's is the interpreter that was forked",
	"chance":                   "no two events draw the same; checked by itself",
	"modules":                  "what was preloaded is there already; nothing may be missing, and nothing of the charm's own may be there",
	"order of the environment": "the shell that a cold run goes through has an order of its own",
	"stack":                    "the program is not the first frame",
	"command line":             "of the process as others see it",
}

// variants is how many a step has; 8 are tried of those that are not named.
var variants = map[string]int{
	"tool": 30, "tool_absolute": 30, "tool_form": 59, "tool_other": 16, "shell": 18, "fed": 20, "fooled": 19, "output": 13, "imported": 13, "taught": 25, "unclosed": 8,
	"order": 1, "outlasting": 1, "eventually": 1, "inspected": 1, "network": 1, "signalled": 1, "daemon_thread": 1, "thread_left": 1, "multi": 2, "pickled": 1, "database": 2,
	"forked": 2, "pool": 2, "threaded": 4, "installed": 3, "odd_module": 6, "upgraded": 2, "at_exit": 7, "background": 5, "tool_failing": 16,
	"end_exit": 20, "end_raise": 22, "end_quit": 18, "end_streams": 13, "end_exec": 5, "end_reboot": 4, "end_waiting": 2,
}

// alone are those after which nothing else of an event can be judged, or that are to be judged at its end.
var alone = []string{"taught", "unclosed", "at_exit", "thread_left", "background", "odd_module", "daemon_thread", "multi", "installed", "upgraded"}

// step is one thing that the charm is told to do.
type step struct {
	do string
	n  int
}

func (s step) MarshalJSON() ([]byte, error) { return json.Marshal([]any{s.do, s.n}) }

// steps are all that the charm knows.
func steps(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/observer/src/steps.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^def (\w+)\(n\):`).FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	if len(list) < 30 {
		t.Fatalf("the charm knows only %v", list)
	}
	return list
}

func variantsOf(name string) int {
	if n := variants[name]; n > 0 {
		return n
	}
	return 8
}

// TestEveryStepColdAndWarm runs everything that the observing charm can do, in a fresh interpreter for each event and in
// children of a warm one, and wants no difference: what it calls and is answered, what it sees and what it leaves.
func TestEveryStepColdAndWarm(t *testing.T) {
	for _, name := range steps(t) {
		t.Run(name, func(t *testing.T) {
			if *equalOnly != "" && !regexp.MustCompile(*equalOnly).MatchString(name) {
				t.Skip("not asked for")
			}
			t.Parallel()
			p := newPair(t)
			p.event(t, config("n"), nil) // the first may start the interpreter
			each := 8
			if slices.Contains(alone, name) || strings.HasPrefix(name, "end_") {
				each = 1
			}
			all := variantsOf(name)
			if testing.Short() { // the program's own part is the same in each
				all = each
			}
			for n := 0; n < all; n += each {
				var script []step
				for i := n; i < min(n+each, all); i++ {
					script = append(script, step{name, i})
				}
				p.event(t, config("n"), script)
				if each == 1 {
					p.event(t, config("after"), nil) // finds nothing of it
				}
			}
			p.wasWarm(t)
		})
	}
}

// TestRandomEventsColdAndWarm runs random events of one unit one after the other, with what each left for the next.
func TestRandomEventsColdAndWarm(t *testing.T) {
	seed := *equalSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	rng := rand.New(rand.NewPCG(seed, 7))
	all, p := steps(t), newPair(t)
	events := *equalEvents
	if testing.Short() {
		events = min(events, 20)
	}
	for i := range events {
		if rng.IntN(15) == 0 {
			p.killServers()
		}
		if i == events/2 {
			p.upgrade(t)
		}
		e, script := randomEvent(rng, i), []step(nil)
		if e.GetKind() != api.EventExec {
			script = randomScript(rng, all)
		}
		if p.event(t, e, script); t.Failed() {
			text, _ := json.Marshal(script)
			t.Fatalf("event %d of %d, %v: %s (-args -seed %d)", i, events, e, text, seed)
		}
	}
	p.wasWarm(t)
	p.chance(t)
}

// randomScript is up to six steps; only one of them leaves a process behind, since the test looks after one.
func randomScript(rng *rand.Rand, all []string) (script []step) {
	left := false
	for range rng.IntN(7) {
		s := step{all[rng.IntN(len(all))], rng.IntN(1 << 16)}
		if s.do == "background" {
			if left {
				continue
			}
			left = true
		}
		if s.do == "end_waiting" { // what else goes on is ended somewhere
			return []step{s}
		}
		script = append(script, s)
	}
	return script
}

func config(title string) *hookv1.Event {
	return &hookv1.Event{Kind: api.EventConfigChanged, Name: "config-changed", ActionParams: title}
}

// randomEvent is one of any kind, with what comes with it.
func randomEvent(rng *rand.Rand, i int) *hookv1.Event {
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	e := &hookv1.Event{ActionParams: fmt.Sprint("title ", i)}
	switch rng.IntN(8) {
	case 0:
		e.Kind = pick(api.EventInstall, api.EventStart, api.EventUpdateStatus, api.EventLeaderElected, api.EventUpgradeCharm, api.EventStop)
		e.Name = e.Kind
	case 1:
		e.Kind = pick(api.EventRelationCreated, api.EventRelationJoined, api.EventRelationChanged, api.EventRelationDeparted, api.EventRelationBroken)
		e.Name, e.RelationId, e.Endpoint, e.RemoteApp = "db-"+e.Kind, 1, "db", "db"
		if e.Kind != api.EventRelationCreated && e.Kind != api.EventRelationBroken {
			e.RemoteUnit, e.DepartingUnit = "db/0", pick("", "db/0", "web/0")
		}
	case 2:
		e.Kind, e.Name, e.TaskId = api.EventAction, pick("backup", "show-it"), fmt.Sprint(i)
	case 3:
		e.Kind, e.Name, e.SecretId, e.SecretLabel, e.SecretRevision = api.EventSecretChanged, "secret-changed", "9m4e2mr0ui3e8a215n4g", pick("", "label"), int32(rng.IntN(2))
	case 4:
		e.Kind, e.Container = pick(api.EventPebbleReady, api.EventPebbleCustomNotice, api.EventPebbleCheckFailed), "web"
		e.Name, e.NoticeId, e.NoticeType, e.NoticeKey, e.CheckName = "web-"+e.Kind, pick("", "7"), pick("", "custom"), pick("", "a.b/c"), pick("", "up")
	case 5:
		e.Kind, e.Name, e.StorageId = api.EventStorageAttached, "data-storage-attached", "data/0"
	case 6:
		e.Kind, e.Name, e.TaskId = api.EventExec, "exec", fmt.Sprint(i)
		e.Command = [][]string{{"config-get", "title"}, {"sh", "-c", "config-get title; is-leader >&2; exit 3"}, {"python3", "-c", "print(1)"}, {"nosuch"}}[rng.IntN(4)]
	default:
		e.Kind, e.Name = api.EventConfigChanged, "config-changed"
	}
	return e
}

// compare fails the test for every key in which two accounts of one event differ.
func compare(t *testing.T, where string, cold, warm map[string]string) {
	t.Helper()
	keys := map[string]bool{}
	for k := range cold {
		keys[k] = true
	}
	for k := range warm {
		keys[k] = true
	}
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if cold[k] != warm[k] {
			a, b := excerpt(cold[k], warm[k])
			t.Errorf("%s: %s\n cold %s\n warm %s", where, k, a, b)
		}
	}
}

// excerpt shows two texts from a little before where they part.
func excerpt(a, b string) (string, string) {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-60)
	cut := func(s string) string {
		return fmt.Sprintf("(%d bytes, from %d) %q", len(s), from, s[min(from, len(s)):min(len(s), i+300)])
	}
	return cut(a), cut(b)
}

func copyCharm(t *testing.T, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS("testdata/observer")); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"dispatch", "src/charm.py"} {
		if err := os.Chmod(filepath.Join(to, program), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"src", "venv", "lib", "."} {
		_ = os.RemoveAll(filepath.Join(to, dir, "__pycache__")) // left by whoever ran it here
	}
}
