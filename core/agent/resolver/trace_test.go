package resolver_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/agent/resolver"
	"github.com/bangle-dev/bangle/core/agent/source"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

var update = flag.Bool("update", false, "write the traces anew")

// TestTraces plays the stories in testdata/traces. A line in the first column is a command (or a comment); the
// indented lines under it are what the units then do, in order.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/traces/*.txt")
	if err != nil || len(files) < 80 {
		t.Fatalf("found %d traces, want 80 or more (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			old, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(old))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("the story went differently (-file +now); if that is right: go test -update\n%s", diff)
			}
		})
	}
}

// play runs a story and answers it with its trace.
func play(t *testing.T, story string) string {
	s := newSim(t)
	hold := false
	for line := range strings.Lines(story) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&s.out, line)
		word := strings.Fields(line)
		switch {
		case len(word) == 0 || word[0] == "#":
			continue
		case word[0] == "hold":
			hold = true
		case word[0] == "release":
			hold = false
		default:
			do, ok := commands[word[0]]
			if !ok {
				t.Fatalf("unknown command %q", word[0])
			}
			do(s, word[1:])
		}
		if !hold {
			s.settle()
		}
	}
	return s.out.String()
}

// commands of the stories.
var commands = map[string]func(*sim, []string){
	"deploy":     deploy,
	"add":        func(s *sim, w []string) { s.store.AddUnits(w[0], number(s, w[1])) },
	"remove":     func(s *sim, w []string) { s.store.RemoveUnit(w[0], has(w, "force")) },
	"remove-app": func(s *sim, w []string) { s.store.RemoveApp(w[0]) },
	"config":     func(s *sim, w []string) { k, v, _ := strings.Cut(w[1], "="); s.store.Config(w[0], k, v) },
	"trust":      func(s *sim, w []string) { s.store.Change(w[0], func(a *controllerv1.Application) { a.Trust = true }) },
	"refresh":    func(s *sim, w []string) { s.store.Refresh(w[0], w[1], has(w, "force")) },
	"broken":     func(s *sim, w []string) { s.broken[w[0]] = true },
	"mend":       func(s *sim, w []string) { delete(s.broken, w[0]) },
	"charm":      charmNow,
	"integrate": func(s *sim, w []string) {
		app, ep, _ := strings.Cut(w[0], ":")
		other, otherEP, _ := strings.Cut(w[1], ":")
		s.store.Integrate(app, ep, other, otherEP)
	},
	"tie": func(s *sim, w []string) {
		sub, ep, _ := strings.Cut(w[0], ":")
		principal, other, _ := strings.Cut(w[1], ":")
		s.store.Tie(sub, ep, principal, other)
	},
	"remove-relation": func(s *sim, w []string) { s.store.RemoveRelation(int32(number(s, w[0]))) },
	"suspend":         func(s *sim, w []string) { s.store.Suspend(int32(number(s, w[0])), true) },
	"resume":          func(s *sim, w []string) { s.store.Suspend(int32(number(s, w[0])), false) },
	"bag": func(s *sim, w []string) {
		k, v, _ := strings.Cut(w[2], "=")
		s.store.WriteBag(int32(number(s, w[0])), w[1], k, v)
	},
	"run":      func(s *sim, w []string) { s.store.Run(w[0], w[1], "{}") },
	"exec":     func(s *sim, w []string) { s.store.Exec(w[0], w[1:]...) },
	"cancel":   func(s *sim, w []string) { s.store.Cancel(w[0]) },
	"resolved": func(s *sim, w []string) { s.store.Resolve(w[0], !has(w, "no-retry")) },
	"lead":     func(s *sim, w []string) { s.store.Lead(w[0], w[1]) },
	"model":    func(s *sim, w []string) { k, v, _ := strings.Cut(w[0], "="); s.store.ModelConfig(k, v) },
	"address":  func(s *sim, w []string) { s.store.Address(w[0], w[1]) },
	"fail":     func(s *sim, w []string) { s.fails[w[0]+" "+w[1]] = number(s, w[2]) },
	"wait":     func(s *sim, w []string) { s.now = s.now.Add(duration(s, w[0])) },
	"asks":     func(s *sim, w []string) { s.reboots[w[0]+" "+w[1]] = true },
	"kill":     kill,
	"why":      why,
	"place":    func(s *sim, w []string) { s.givePlace(w[0]) },
	"reboot":   func(s *sim, w []string) { s.observe(w[0], func(o *source.Observation) { o.BootID = w[1] }) },
	"agent-start": func(s *sim, w []string) {
		s.observe(w[0], func(o *source.Observation) { o.AgentStart = w[1] })
	},
	"move": func(s *sim, w []string) {
		s.store.Move(w[0], w[1])
		s.place[w[0]] = w[1]
		s.observe(w[0], func(o *source.Observation) { o.BootID = "boot of " + w[1] })
	},
	"mount": func(s *sim, w []string) {
		s.observe(w[0], func(o *source.Observation) { o.Storage[w[1]] = &substratev1.StorageMount{Id: w[1]} })
	},
	"unmount": func(s *sim, w []string) {
		s.observe(w[0], func(o *source.Observation) { delete(o.Storage, w[1]) })
	},
	"add-storage":    func(s *sim, w []string) { s.store.AddStorage(w[0], w[1], api.ApplicationOf(w[1])) },
	"detach-storage": func(s *sim, w []string) { s.store.DetachStorage(w[0]) },
	"attach-storage": func(s *sim, w []string) { s.store.AttachStorage(w[0], w[1]) },
	"up": func(s *sim, w []string) {
		s.container(w, func(c *source.Container) { c.BootID = w[2] })
	},
	"notice": func(s *sim, w []string) {
		s.container(w, func(c *source.Container) {
			c.Notices = append(c.Notices, source.Notice{ID: strconv.Itoa(len(c.Notices) + 1), Type: "custom", Key: w[2], LastRepeated: s.now})
		})
	},
	"secret":  makeSecret,
	"revise":  revise,
	"read":    readSecret,
	"revoke":  func(s *sim, w []string) { s.store.Txn(func() { s.store.Delete(key.ReaderOf(w[0], w[1])) }) },
	"discard": discard,
	"check": func(s *sim, w []string) {
		s.container(w, func(c *source.Container) { c.Checks = map[string]bool{w[2]: w[3] == "down"} })
	},
}

func deploy(s *sim, w []string) {
	app := agenttest.App{Name: w[0], Digest: "one", Units: 1}
	for _, word := range w[1:] {
		switch k, v, _ := strings.Cut(word, "="); k {
		case "units":
			app.Units = number(s, v)
		case "peer":
			app.Peers = append(app.Peers, v)
		case "storage":
			app.Storage = append(app.Storage, v)
		case "machine":
			s.machine[app.Name] = true
		case "noplace":
			s.noplace[app.Name] = true
		default:
			s.t.Fatalf("unknown word %q of deploy", word)
		}
	}
	s.store.Deploy(app)
}

// kill lets the agent die in a unit's next event.
func kill(s *sim, w []string) {
	if w[1] == phaseDerived {
		return // nothing was written, so there is nothing to show
	}
	if !s.step(w[0], w[1]) {
		s.t.Fatalf("%s had nothing to do", w[0])
	}
}

// charmNow prints which charm the unit has.
func charmNow(s *sim, w []string) {
	in, _ := s.input(w[0])
	s.print("%s has %q", w[0], in.Cursor.GetCharmDigest())
}

// why prints what holds a unit.
func why(s *sim, w []string) {
	in, ok := s.input(w[0])
	if !ok {
		s.print("%s does not exist", w[0])
		return
	}
	d := resolver.Next(in)
	s.print("%s: %s: %s", w[0], d.Do, d.Reason)
}

func (s *sim) container(w []string, edit func(*source.Container)) {
	s.observe(w[0], func(o *source.Observation) {
		c := &source.Container{}
		if had := o.Containers[w[1]]; had != nil {
			*c = *had
		}
		edit(c)
		o.Containers[w[1]] = c
	})
}

func has(words []string, word string) bool {
	return slices.Contains(words, word)
}

func number(s *sim, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func duration(s *sim, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}
