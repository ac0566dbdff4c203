package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/bangle-dev/bangle/core/agent/identity"
	"github.com/bangle-dev/bangle/core/agent/settings"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/sdk/plugin"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
	"github.com/bangle-dev/bangle/test/stage"
)

const (
	inFlight = 32
	perUnit  = 60 // commits of each unit when many are in flight
)

// etcdVariable makes this program a bare etcd in the directory that it names.
const etcdVariable = "BANGLE_BENCH_ETCD"

// serveEtcd serves until stdin ends; the first line of stdout is where.
func serveEtcd(dir string) {
	listener := "127.0.0.1:" + os.Getenv(etcdVariable+"_PORT")
	db, err := store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, ListenClient: listener, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is the end
	_ = db.Close()
}

// commits measures the commit of a hook against the same transaction in a bare etcd of a process of its own, through its
// gRPC client, and in this process.
func (b *bench) commits() {
	b.quiet("commit")
	bare := b.bareEtcd()
	direct := b.inProcess()
	units := b.asAgent()
	b.history(units[0])
	ours := b.percentiles("commit.ours", b.sample(func(int) { units[0].commit(b) }), "us")
	theirs := b.percentiles("commit.etcd-grpc", b.sample(func(i int) { b.check(bare(0, i+1000)) }), "us")
	b.percentiles("commit.etcd-in-process", b.sample(func(i int) { b.check(direct(0, i+1000)) }), "us")
	b.say("commit.ratio-to-grpc", ours/theirs, "x")
	rateOurs := b.rate("commit.ours", func(u int) error { units[u].commit(b); return nil })
	b.rate("commit.etcd-grpc", func(u int) error { return bare(u, 0) })
	rateDirect := b.rate("commit.etcd-in-process", func(u int) error { return direct(u, 0) })
	b.say("commit.rate-to-in-process", rateOurs/rateDirect, "x")
}

// rate does something in inFlight places at once, each place one after the other.
func (b *bench) rate(name string, one func(place int) error) float64 {
	var group sync.WaitGroup
	var failure atomic.Value
	began := time.Now()
	for place := range inFlight {
		group.Go(func() {
			for range perUnit {
				if err := one(place); err != nil {
					failure.Store(err)
					return
				}
			}
		})
	}
	group.Wait()
	if err, ok := failure.Load().(error); ok {
		b.Fatalf("%v", err)
	}
	rate := inFlight * perUnit / time.Since(began).Seconds()
	b.say(fmt.Sprintf("%s.rate%d", name, inFlight), rate, "1/s")
	return rate
}

// The sizes of what a commit of a status and one value of charm state writes, as the store shows them.
var sizes = [...]struct {
	key  string
	size int
}{{"ustate", 110}, {"ustat", 60}, {"cstate", 20}}

// bareEtcd starts etcd in a process of its own; the answer runs one transaction: two comparisons, three puts.
func (b *bench) bareEtcd() func(place, n int) error {
	self, err := os.Executable()
	b.check(err)
	port := b.freePort()
	cmd := exec.CommandContext(b.ctx, self)
	cmd.Env = append(os.Environ(), etcdVariable+"="+filepath.Join(b.dir, "etcd"), etcdVariable+"_PORT="+port)
	stdin, err := cmd.StdinPipe()
	b.check(err)
	stdout, err := cmd.StdoutPipe()
	b.check(err)
	b.check(cmd.Start())
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "ready\n" {
		b.Fatalf("etcd does not start: %s %v", line, err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{"http://127.0.0.1:" + port}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	b.check(err)
	b.Cleanup(func() { _ = client.Close() })
	var last [inFlight]int64
	return func(place, n int) error {
		guard := fmt.Sprintf("/b/%d/ustate", place)
		puts := make([]clientv3.Op, len(sizes))
		for i, s := range sizes {
			puts[i] = clientv3.OpPut(fmt.Sprintf("/b/%d/%s", place, s.key), filler(s.size, n))
		}
		resp, err := client.Txn(b.ctx).If(clientv3.Compare(clientv3.ModRevision(guard), "=", last[place]), clientv3.Compare(clientv3.ModRevision("/b/other"), "=", 0)).Then(puts...).Commit()
		if err != nil || !resp.Succeeded {
			return errors.Join(errors.New("etcd refused"), err)
		}
		last[place] = resp.Header.Revision
		return nil
	}
}

// inProcess is the same without any process or protocol between.
func (b *bench) inProcess() func(place, n int) error {
	db, err := store.OpenEmbedded(b.ctx, store.Embedded{Dir: filepath.Join(b.dir, "etcd2"), Log: slog.New(slog.DiscardHandler)})
	b.check(err)
	b.Cleanup(func() { _ = db.Close() })
	var last [inFlight]int64
	return func(place, n int) error {
		guard := fmt.Sprintf("/b/%d/ustate", place)
		puts := make([]store.Op, len(sizes))
		for i, s := range sizes {
			puts[i] = store.Put(fmt.Sprintf("/b/%d/%s", place, s.key), []byte(filler(s.size, n)))
		}
		result, err := db.Txn(b.ctx, []store.Compare{store.ModIs(guard, last[place]), store.Missing("/b/other")}, puts, nil)
		if err != nil || !result.Succeeded {
			return errors.Join(errors.New("the store refused"), err)
		}
		last[place] = result.Revision
		return nil
	}
}

func filler(size, n int) string { return fmt.Sprintf("%0*d", size, n) }

// unit is one for which this program speaks in place of an agent.
type unit struct {
	client  controllerv1.AgentsClient
	guard   *controllerv1.Guard
	counter uint64
}

// asAgent joins a controller as its agent and deploys inFlight units, none of which ever runs a charm.
func (b *bench) asAgent() []*unit {
	s := stage.New(b, stage.Config{Bin: b.bin, NoAgent: true})
	set, err := settings.Read(s.AgentDir())
	b.check(err)
	id, err := identity.Open(s.AgentDir())
	b.check(err)
	b.check(id.Join(b.ctx, b.dial(set, id), set.Agent, set.Token, "bench"))
	client := b.dial(set, id) // a line of its own: the first knew no certificate
	ctx, cancel := context.WithCancel(b.ctx)
	b.Cleanup(cancel)
	stream, err := client.Watch(ctx, &controllerv1.WatchRequest{Version: "bench", Incarnation: id.Incarnation()})
	b.check(err)
	names := s.Deploy(filepath.Join(b.dir, "echo"), &clientv1.DeployRequest{Application: "web", Units: inFlight})
	epoch := ""
	seen := map[string]bool{}
	for len(seen) < len(names) {
		delta, err := stream.Recv()
		b.check(err)
		epoch = delta.GetEpoch()
		for _, o := range delta.GetObjects() {
			if strings.HasPrefix(o.GetKey(), "uinc/") && o.GetIncarnation() != nil {
				seen[o.GetKey()] = true
			}
		}
	}
	go func() {
		for { // the controller tells of every commit; nobody listens
			if _, err := stream.Recv(); err != nil {
				return
			}
		}
	}()
	var units []*unit
	for _, name := range names {
		units = append(units, &unit{client: client, guard: &controllerv1.Guard{Model: s.UUID(stage.Model), Unit: name, Incarnation: id.Incarnation(), Epoch: epoch}})
	}
	return units
}

// dial opens a line to the controller's door for agents.
func (b *bench) dial(set *settings.Settings, id *identity.Identity) controllerv1.AgentsClient {
	tls, err := id.TLS(set.CA)
	b.check(err)
	conn, err := grpc.NewClient(set.Endpoints[0], append(plugin.DialOptions(), grpc.WithTransportCredentials(credentials.NewTLS(tls)))...)
	b.check(err)
	b.Cleanup(func() { _ = conn.Close() })
	return controllerv1.NewAgentsClient(conn)
}

// commit writes a status and a value of charm state, as a small hook does.
func (u *unit) commit(b *bench) {
	note := fmt.Sprint(u.counter)
	u.send(b, &hookv1.Changeset{UnitStatus: &hookv1.Status{Current: "active", Message: note}, StateSet: map[string]string{"n": note}}, nil)
}

// noop is the commit of a hook that wrote nothing, of a unit with two relations of three members each.
func (u *unit) noop(b *bench) *controllerv1.CommitResponse {
	relations := map[int32]*controllerv1.RelationCursor{}
	for id := range int32(2) {
		relations[id+1] = &controllerv1.RelationCursor{Created: true, RemoteApp: "postgresql", Endpoint: "database", AppVersion: 7,
			Members: map[string]uint64{"postgresql/0": 3, "postgresql/1": 3, "postgresql/2": 4}}
	}
	return u.send(b, &hookv1.Changeset{}, relations)
}

// send commits a changeset of the next event.
func (u *unit) send(b *bench, cs *hookv1.Changeset, relations map[int32]*controllerv1.RelationCursor) *controllerv1.CommitResponse {
	u.counter++
	event := &hookv1.Event{Id: fmt.Sprintf("%d-config-changed", u.counter), Kind: "config-changed", Name: "config-changed"}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	cs.EventId = event.Id
	resp, err := u.client.Commit(b.ctx, &controllerv1.CommitRequest{Guard: u.guard, CommitId: hex.EncodeToString(id), Event: event,
		Cursor: &controllerv1.Cursor{Schema: 1, MinReader: 1, Sequence: u.counter, Installed: true, Started: true, Incarnation: u.guard.Incarnation,
			CharmDigest: strings.Repeat("c", 64), ConfigSeen: true, ConfigRevision: u.counter, Relations: relations},
		Outcome: &controllerv1.CommitRequest_Done{Done: &controllerv1.CommitDone{Changeset: cs}}})
	if err != nil || resp.GetRefusal() != nil {
		b.Fatalf("cannot commit: %v %v", err, resp.GetRefusal())
	}
	for _, o := range resp.GetObjects() {
		if o.GetUnitState() != nil {
			u.guard.StateRevision = o.GetModRevision()
		}
	}
	return resp
}
