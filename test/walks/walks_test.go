// Package walks_test holds the four walks of the design as tests: each goes once through all the parts that stand.
package walks_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent"
	"github.com/bangle-dev/bangle/core/agent/agenttest"
	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/placement/placementtest"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is the real controller and the real agent in this process, with a simulated substrate and runtime.
type rig struct {
	t       *testing.T
	dir     string
	world   *placementtest.World
	client  clientv1connect.ClientClient
	side    *agenttest.Side
	runtime *agenttest.Runtime
	begins  atomic.Int64
	commits atomic.Int64
	kill    func()
}

func newRig(t *testing.T, env *substratev1.EnvironmentResponse, code agenttest.Charm) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), world: placementtest.NewWorld(), side: agenttest.NewSide(env), runtime: agenttest.NewRuntime(t, code)}
	must(t, controller.BootstrapDir(r.dir, controller.Bootstrap{Name: "walk", Substrate: "fake"}))
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan *controller.Config, 1), make(chan error, 1)
	go func() {
		done <- controller.Run(ctx, r.dir, controller.Process{Provide: r.world.Start, Known: []string{"fake"}, Ready: func(c *controller.Config) { ready <- c }})
	}()
	t.Cleanup(func() {
		r.stop()
		cancel()
		must(t, <-done)
	})
	select {
	case cfg := <-ready:
		tls, err := pki.Client(r.dir)
		must(t, err)
		transport := &http.Transport{TLSClientConfig: tls, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		r.client = clientv1connect.NewClientClient(&http.Client{Transport: transport}, "https://"+cfg.ClientEndpoint)
	case err := <-done:
		done <- nil
		t.Fatalf("the controller ended: %v", err)
	}
	return r
}

// counting counts the agent's writes on their way to the controller.
type counting struct {
	controllerv1.AgentsClient
	r *rig
}

func (c counting) Begin(ctx context.Context, req *controllerv1.BeginRequest, opts ...grpc.CallOption) (*controllerv1.CommitResponse, error) {
	c.r.begins.Add(1)
	return c.AgentsClient.Begin(ctx, req, opts...)
}

func (c counting) Commit(ctx context.Context, req *controllerv1.CommitRequest, opts ...grpc.CallOption) (*controllerv1.CommitResponse, error) {
	c.r.commits.Add(1)
	return c.AgentsClient.Commit(ctx, req, opts...)
}

// start joins the agent and lets it work; its directory is the controller's own agent's.
func (r *rig) start() {
	r.t.Helper()
	dir := filepath.Join(r.dir, "agent")
	ctx, cancel := context.WithCancel(r.t.Context())
	member, err := agent.Join(ctx, dir, slog.New(slog.DiscardHandler))
	must(r.t, err)
	a, err := agent.New(agent.Config{ID: member.Settings.Agent, Incarnation: member.Identity.Incarnation(), Dir: dir, RunDir: filepath.Join(r.dir, "run"),
		Agents: counting{member.Client, r}, Side: r.side, Runtimes: r.runtime, Grace: time.Millisecond})
	must(r.t, err)
	var done sync.WaitGroup
	done.Go(func() { a.Run(ctx) })
	r.kill = func() { cancel(); done.Wait(); member.Close() }
}

func (r *rig) stop() {
	if r.kill != nil {
		r.kill()
		r.kill = nil
	}
}

// deploy packs a charm of these files and deploys it.
func (r *rig) deploy(units uint32, files map[string]string) {
	r.t.Helper()
	ctx, dir := r.t.Context(), r.t.TempDir()
	for name, text := range files {
		must(r.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	var out bytes.Buffer
	_, err := charm.Pack(dir, &out, charm.Limits{})
	must(r.t, err)
	_, err = r.client.AddModel(ctx, connect.NewRequest(&clientv1.AddModelRequest{Name: "m"}))
	must(r.t, err)
	up := r.client.UploadCharm(ctx)
	must(r.t, up.Send(&clientv1.UploadCharmRequest{Model: "m", Data: out.Bytes()}))
	answer, err := up.CloseAndReceive()
	must(r.t, err)
	_, err = r.client.Deploy(ctx, connect.NewRequest(&clientv1.DeployRequest{Model: "m", CharmDigest: answer.Msg.GetDigest(), Units: units}))
	must(r.t, err)
}

// webCharm is the files of a charm with an option.
func webCharm() map[string]string {
	return map[string]string{
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\n", "dispatch": "#!/bin/sh\n",
		"config.yaml":   "options:\n  name: {type: string, default: nobody}\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
	}
}

// until watches the status until it holds and answers the revision at which it did.
func (r *rig) until(what string, holds func(*clientv1.StatusResponse) bool) int64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	stream, err := r.client.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: "m"}))
	must(r.t, err)
	defer func() { _ = stream.Close() }()
	for stream.Receive() {
		if holds(stream.Msg()) {
			return stream.Msg().GetRevision()
		}
	}
	r.t.Fatalf("it never happened: %s: %v; ran %v", what, stream.Err(), r.runtime.Runs())
	return 0
}

// wait polls what no status shows.
func (r *rig) wait(what string, is func() bool) {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			r.t.Fatalf("it never happened: %s; ran %v", what, r.runtime.Runs())
		}
		<-time.After(2 * time.Millisecond)
	}
}
