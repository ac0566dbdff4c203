package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

// restarts is how often a container's supervisor is killed to see how soon its charm hears of the next.
const restarts = 12

// ready measures from a supervisor's socket being there to the beginning of its unit's pebble-ready.
func (b *bench) ready() {
	s := stage.New(b, stage.Config{Bin: b.bin})
	s.Deploy(b.tally(s), &clientv1.DeployRequest{Application: "tally", Units: 1})
	s.Await(stage.Active("tally", 1, ""))
	b.quiet("ready")
	var list []time.Duration
	for range restarts {
		seen := len(readies(s))
		supervisor := s.Supervisors()["tally/0"]
		supervisor.Kill()
		deadline := time.Now().Add(time.Minute)
		for len(readies(s)) == seen {
			if time.Now().After(deadline) {
				b.Fatalf("no pebble-ready after a restart")
			}
			pause()
		}
		entries := readies(s)
		info, err := os.Stat(socketOf(s.Supervisors()["tally/0"]))
		b.check(err)
		list = append(list, time.Unix(0, entries[len(entries)-1].GetStartUnixNano()).Sub(info.ModTime()))
	}
	b.percentiles("ready.socket-to-hook", list, "ms")
	s.Close()
}

// readies are the unit's pebble-ready events so far.
func readies(s *stage.Stage) []*controllerv1.JournalEntry {
	var list []*controllerv1.JournalEntry
	for _, e := range s.Journal("tally/0") {
		if e.GetEvent().GetKind() == api.EventPebbleReady {
			list = append(list, e)
		}
	}
	return list
}

// socketOf is where a supervisor listens.
func socketOf(p stage.Proc) string {
	env, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.PID), "environ")) // then there is no such file
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if name, ok := strings.CutPrefix(string(entry), "PEBBLE_SOCKET="); ok {
			return name
		}
	}
	return ""
}

// recordOverhead is what the store keeps beside key and value of each put: five varints and their tags.
const recordOverhead = 30

// history prints the bytes that a hook which wrote nothing adds to the store: the records of its commit with their keys.
func (b *bench) history(u *unit) {
	const prefix = len("/bangle/v1/m/") + 36 + 1
	total := 0
	for _, o := range u.noop(b).GetObjects() {
		record := proto.Clone(o).(*controllerv1.Object)
		record.Model, record.Key, record.ModRevision, record.CreateRevision = "", "", 0, 0
		total += prefix + len(o.GetKey()) + proto.Size(record) + recordOverhead
	}
	b.say("history.no-op-hook", float64(total), "B")
}

var perOperation = regexp.MustCompile(`(?m)^BenchmarkStatus10000\S*\s+\d+\s+(\d+) ns/op`)

// status prints how long the status of 10,000 units takes, over TLS, with the store moving on.
func (b *bench) status() {
	b.quiet("status")
	cmd := exec.CommandContext(b.ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkStatus10000$", "-benchtime", "20x", "./core/controller/clients")
	cmd.Dir, cmd.Stderr = b.root, b.err
	out, err := cmd.Output()
	b.check(err)
	found := perOperation.FindSubmatch(out)
	if found == nil {
		b.Fatalf("no figure in %q", out)
	}
	ns, err := strconv.ParseFloat(string(found[1]), 64)
	b.check(err)
	b.say("status.10000-units", ns/1e6, "ms")
}
