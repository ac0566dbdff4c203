package controller_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/placement/placementtest"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// running is a controller in this process.
type running struct {
	t     *testing.T
	dir   string
	world *placementtest.World
	stop  context.CancelFunc
	done  chan error
	cfg   *controller.Config
	log   *syncBuffer
}

type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func bootstrap(t *testing.T) *running {
	t.Helper()
	r := &running{t: t, dir: t.TempDir(), world: placementtest.NewWorld()}
	must(t, controller.BootstrapDir(r.dir, controller.Bootstrap{Name: "test", Substrate: "fake"}))
	return r
}

func (r *running) start() {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan *controller.Config, 1)
	r.stop, r.done, r.log = cancel, make(chan error, 1), &syncBuffer{}
	go func() {
		r.done <- controller.Run(ctx, r.dir, controller.Process{Provide: r.world.Start, Known: []string{"fake"}, Log: r.log, Ready: func(c *controller.Config) { ready <- c }})
	}()
	select {
	case r.cfg = <-ready:
	case err := <-r.done:
		r.t.Fatalf("it ended: %v\n%s", err, r.log)
	}
	r.t.Cleanup(r.end)
}

func (r *running) end() {
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	if err := <-r.done; err != nil {
		r.t.Errorf("ended with %v\n%s", err, r.log)
	}
}

func (r *running) https(cfg *tls.Config) *http.Client {
	transport := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (r *running) client(cfg *tls.Config) clientv1connect.ClientClient {
	return clientv1connect.NewClientClient(r.https(cfg), "https://"+r.cfg.ClientEndpoint)
}

func (r *running) admin() clientv1connect.ClientClient {
	r.t.Helper()
	cfg, err := pki.Client(r.dir)
	must(r.t, err)
	return r.client(cfg)
}

// agentJSON is what the agent beside the controller reads.
type agentJSON struct {
	Agent     string   `json:"agent"`
	Endpoints []string `json:"endpoints"`
	CA        string   `json:"ca"`
	Token     string   `json:"token"`
}

// join joins as that agent does and gives its certificate.
func (r *running) join() (tls.Certificate, agentJSON) {
	r.t.Helper()
	var a agentJSON
	data, err := os.ReadFile(filepath.Join(r.dir, "agent", "agent.json"))
	must(r.t, err)
	must(r.t, json.Unmarshal(data, &a))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(r.t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(r.t, err)
	resp, err := r.agent(a, nil).Join(r.t.Context(), &controllerv1.JoinRequest{Token: a.Token, Csr: csr, Agent: a.Agent, Version: "1", Incarnation: "i1"})
	must(r.t, err)
	chain, err := x509.ParseCertificates(resp.GetCertificate())
	must(r.t, err)
	return tls.Certificate{Certificate: [][]byte{chain[0].Raw}, PrivateKey: key, Leaf: chain[0]}, a
}

func (r *running) agent(a agentJSON, cert *tls.Certificate) controllerv1.AgentsClient {
	r.t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(a.CA)) {
		r.t.Fatal("agent.json has no authority")
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	conn, err := grpc.NewClient(a.Endpoints[0], grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	must(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	return controllerv1.NewAgentsClient(conn)
}

func zipOf(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"metadata.yaml": "name: web\nsummary: s\ndescription: d\n", "dispatch": "#!/bin/sh\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	var out bytes.Buffer
	_, err := charm.Pack(dir, &out, charm.Limits{})
	must(t, err)
	return out.Bytes()
}

func (r *running) deploy(c clientv1connect.ClientClient) {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := c.AddModel(ctx, connect.NewRequest(&clientv1.AddModelRequest{Name: "m"}))
	must(r.t, err)
	up := c.UploadCharm(ctx)
	must(r.t, up.Send(&clientv1.UploadCharmRequest{Model: "m", Data: zipOf(r.t)}))
	charm, err := up.CloseAndReceive()
	must(r.t, err)
	_, err = c.Deploy(ctx, connect.NewRequest(&clientv1.DeployRequest{Model: "m", CharmDigest: charm.Msg.GetDigest(), Units: 2}))
	must(r.t, err)
}

// eventually watches the status until it holds.
func (r *running) eventually(c clientv1connect.ClientClient, what string, holds func(*clientv1.StatusResponse) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	stream, err := c.WatchStatus(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: "m"}))
	must(r.t, err)
	defer stream.Close()
	for stream.Receive() {
		if holds(stream.Msg()) {
			return
		}
	}
	r.t.Fatalf("it never happened: %s: %v\n%s", what, stream.Err(), r.log)
}

func TestFromNothingToAPlacedUnitAndAcrossARestart(t *testing.T) {
	r := bootstrap(t)
	r.start()
	if data, err := os.ReadFile(filepath.Join(r.dir, controller.ReadyFile)); err != nil || strings.TrimSpace(string(data)) != fmt.Sprint(os.Getpid()) {
		t.Errorf("ready file %q, %v", data, err)
	}
	c := r.admin()
	r.deploy(c)
	placed := func(s *clientv1.StatusResponse) bool {
		u := s.GetApplications()[0].GetUnits()
		return len(u) == 2 && u[1].GetProviderId() == "fake-web/1"
	}
	r.eventually(c, "units are placed", placed)
	cert, settings := r.join()
	agent := r.agent(settings, &cert)
	watching, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := agent.Watch(watching, &controllerv1.WatchRequest{Version: "1", Incarnation: "i1"})
	must(t, err)
	units := map[string]bool{}
	for !units["unit/web/0"] || !units["unit/web/1"] || !units["uinc/web/1"] {
		delta, err := stream.Recv()
		must(t, err)
		for _, o := range delta.GetObjects() {
			units[o.GetKey()] = true
		}
	}
	shown, err := c.ShowUnit(t.Context(), connect.NewRequest(&clientv1.ShowUnitRequest{Model: "m", Units: []string{"web/0"}}))
	must(t, err)
	if got := shown.Msg.GetUnits()[0].GetAgent(); got != "fake-0" {
		t.Errorf("the unit's agent is %q", got)
	}
	info, err := c.ControllerInfo(t.Context(), connect.NewRequest(&clientv1.ControllerInfoRequest{}))
	must(t, err)
	before := *r.cfg
	cancel()
	r.end()
	if _, err := os.Stat(filepath.Join(r.dir, controller.ReadyFile)); !os.IsNotExist(err) {
		t.Errorf("the ready file is left: %v", err)
	}
	r.start()
	if r.cfg.ClientEndpoint != before.ClientEndpoint || r.cfg.AgentEndpoint != before.AgentEndpoint {
		t.Errorf("other ports after a restart: %+v, %+v", r.cfg, before)
	}
	c = r.admin()
	again, err := c.ControllerInfo(t.Context(), connect.NewRequest(&clientv1.ControllerInfoRequest{}))
	must(t, err)
	if again.Msg.GetEpoch() != info.Msg.GetEpoch() || again.Msg.GetUuid() != info.Msg.GetUuid() || again.Msg.GetRevision() < info.Msg.GetRevision() {
		t.Errorf("another store after a restart: %v, %v", again.Msg, info.Msg)
	}
	r.eventually(c, "the model is as it was", placed)
	if len(r.world.Removed()) > 0 || len(r.world.Places()) != 2 {
		t.Errorf("places %v, removed %v", r.world.Places(), r.world.Removed())
	}
}

func TestOnlyAdminsGetIn(t *testing.T) {
	r := bootstrap(t)
	r.start()
	cert, _ := r.join()
	cfg, err := pki.Client(r.dir)
	must(t, err)
	asAgent := cfg.Clone()
	asAgent.Certificates = []tls.Certificate{cert}
	_, err = r.client(asAgent).ListModels(t.Context(), connect.NewRequest(&clientv1.ListModelsRequest{}))
	if connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an agent's certificate: %v", err)
	}
	// a replay reads what an event saw, with its secrets: neither an agent nor a plan may have one
	replay := func(c clientv1connect.ClientClient, plan string) error {
		req := connect.NewRequest(&clientv1.ReplayRequest{Model: "m", Unit: "web/0", Event: "last"})
		if plan != "" {
			req.Header().Set("Bangle-Plan", plan)
		}
		stream, err := c.Replay(t.Context(), req)
		if err != nil {
			return err
		}
		defer stream.Close()
		for stream.Receive() {
			t.Errorf("a replay answered %v", stream.Msg())
		}
		return stream.Err()
	}
	nobody := cfg.Clone()
	nobody.Certificates = nil
	if err := replay(r.client(asAgent), ""); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("an agent's certificate replays: %v", err)
	}
	if err := replay(r.client(nobody), ""); err == nil || connect.CodeOf(err) == connect.CodeNotFound {
		t.Errorf("no certificate replays: %v", err)
	}
	if err := replay(r.admin(), ""); connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("the admin asks for a model that there is not: %v", err)
	}
	_, err = r.admin().AddModel(t.Context(), connect.NewRequest(&clientv1.AddModelRequest{Name: "m"}))
	must(t, err)
	plans, err := clientv1connect.NewPlansClient(r.https(cfg), "https://"+r.cfg.ClientEndpoint).Open(t.Context(), connect.NewRequest(&clientv1.OpenPlanRequest{Model: "m"}))
	must(t, err)
	defer plans.Close()
	if !plans.Receive() {
		t.Fatal(plans.Err())
	}
	if err := replay(r.admin(), plans.Msg().GetPlan()); connect.CodeOf(err) != connect.CodePermissionDenied {
		t.Errorf("a plan replays: %v", err)
	}
	if _, err = r.client(nobody).ListModels(t.Context(), connect.NewRequest(&clientv1.ListModelsRequest{})); err == nil {
		t.Error("no certificate: let in")
	}
	if _, err := r.admin().ListModels(t.Context(), connect.NewRequest(&clientv1.ListModelsRequest{})); err != nil {
		t.Errorf("the admin: %v", err)
	}
}

func TestOneAtATime(t *testing.T) {
	r := bootstrap(t)
	r.start()
	err := controller.Run(t.Context(), r.dir, controller.Process{Provide: r.world.Start})
	if !errs.Is(err, errs.Conflict) {
		t.Fatalf("a second one: %v", err)
	}
}

// TestBrokenFilesAreNamed: a controller whose files cannot be read ends with an error that names the file, whatever it had
// opened by then.
func TestBrokenFilesAreNamed(t *testing.T) {
	for _, file := range []string{"controller.json", "ca/ca.crt", "ca/ca.key", "ca/sealing-keys.json", "etcd/member/snap/db"} {
		t.Run(file, func(t *testing.T) {
			r := bootstrap(t)
			r.start()
			r.end()
			path := filepath.Join(r.dir, file)
			if _, err := os.Stat(path); err != nil {
				t.Fatal(err)
			}
			must(t, os.WriteFile(path, []byte("garbage"), 0o600))
			err := controller.Run(t.Context(), r.dir, controller.Process{Provide: r.world.Start})
			if err == nil || !strings.HasPrefix(err.Error(), "cannot ") || !strings.Contains(err.Error(), filepath.Base(file)) && !strings.Contains(err.Error(), r.dir) {
				t.Errorf("with a broken %s: %v", file, err)
			}
		})
	}
}

// TestEndedWhileItBegins: that is no failure either.
func TestEndedWhileItBegins(t *testing.T) {
	r := bootstrap(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := controller.Run(ctx, r.dir, controller.Process{Provide: r.world.Start}); err != nil {
		t.Error(err)
	}
}

func TestATakenPortIsReplacedAndTold(t *testing.T) {
	r := bootstrap(t)
	cfg, err := controller.ReadConfig(r.dir)
	must(t, err)
	taken, err := net.Listen("tcp", cfg.AgentEndpoint)
	must(t, err)
	defer taken.Close()
	r.start()
	now, err := controller.ReadConfig(r.dir)
	must(t, err)
	if now.AgentEndpoint == cfg.AgentEndpoint || now.ClientEndpoint != cfg.ClientEndpoint {
		t.Errorf("endpoints %+v, before %+v", now, cfg)
	}
	if _, a := r.join(); a.Endpoints[0] != now.AgentEndpoint || a.Token == "" {
		t.Errorf("the agent was told %+v", a)
	}
}

func TestBootstrapDirIsComplete(t *testing.T) {
	r := bootstrap(t)
	if err := controller.BootstrapDir(r.dir, controller.Bootstrap{Name: "test", Substrate: "fake"}); !errs.Is(err, errs.AlreadyExists) {
		t.Errorf("twice: %v", err)
	}
	for name, b := range map[string]controller.Bootstrap{"no name": {Substrate: "fake"}, "no substrate": {Name: "x"}, "bad name": {Name: "X_", Substrate: "fake"}} {
		dir := t.TempDir()
		if err := controller.BootstrapDir(dir, b); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	for _, name := range []string{"controller.json", "agent/agent.json", "ca/ca.key", "ca/admin.key"} {
		info, err := os.Stat(filepath.Join(r.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(r.dir, "controller.json"), []byte(`{"name":"x","colour":"red"}`), 0o600))
	if _, err := controller.ReadConfig(r.dir); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "colour") {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := controller.ReadConfig(t.TempDir()); !errs.Is(err, errs.NotFound) {
		t.Errorf("no file: %v", err)
	}
}
