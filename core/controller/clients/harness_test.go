package clients_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/clients"
	"github.com/bangle-dev/bangle/core/controller/logbook"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/seal"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/core/key"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/proto/gen/client/v1/clientv1connect"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// etcd is the one real store of this package's tests.
var etcd *store.Etcd

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		panic(err)
	}
	if etcd, err = store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, NoFsync: true}); err != nil {
		panic(err)
	}
	code := m.Run()
	etcd.Close()
	os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("time.goFunc")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// box is a controller's client side over real TLS, with fakes of what is not
// under test.
type box struct {
	t      testing.TB
	client clientv1connect.ClientClient
	reader *snapshot.Reader
	book   *logbook.Book
	blobs  *blobs.Store
	kept   *blobs.Store // resources
	seal   *seal.Keyring
	dir    string
	url    string
	http   *http.Client

	mu       sync.Mutex
	states   map[string]*controllerv1.AgentState
	away     bool
	looked   chan struct{} // closed when somebody asks whether an agent is there
	refuse   string        // what the substrate says of every application
	check    []*clientv1.Diagnostic
	lastSpec *substratev1.ApplicationSpec
}

func (b *box) State(_, unit string) *controllerv1.AgentState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.states[unit]
}

func (b *box) Connected(agent string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.looked != nil {
		close(b.looked)
		b.looked = nil
	}
	return agent != "" && !b.away
}

func (b *box) Validate(_ context.Context, _ string, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastSpec = spec
	if b.refuse != "" {
		return []*substratev1.Diagnostic{{Severity: "error", Message: b.refuse, Hint: "try another"}}, nil
	}
	return nil, nil
}

func (b *box) Shared(string) (string, string, bool) { return "local-0", "inc-1", true }

// model is the only model there is.
func (b *box) model() *snapshot.Model {
	b.t.Helper()
	m, there := b.reader.Model(b.reader.Models()[0].GetUuid())
	if !there {
		b.t.Fatal("there is no model")
	}
	return m
}

func (b *box) StorageProviders(context.Context, string) ([]string, error) {
	return []string{"local", "rootfs"}, nil
}

func (b *box) Known(name string) (bool, []string) { return name == "local", []string{"local"} }

func newBox(t testing.TB) *box {
	t.Helper()
	return newBoxWith(t, func(*clients.Config) {})
}

// newBoxWith is one whose service has more, or something else.
func newBoxWith(t testing.TB, change func(*clients.Config)) *box {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := etcd.Txn(ctx, nil, []store.Op{store.DeleteAll(store.ModelPrefix), store.DeleteAll(store.ModelNamePrefix), store.DeleteAll(store.CharmPrefix), store.DeleteAll(store.Prefix + "m/")}, nil); err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: t.TempDir(), states: map[string]*controllerv1.AgentState{}}
	mirror, err := watch.Open(ctx, watch.Config{Store: etcd, Epoch: etcd.Epoch(), MayRead: func(*model.Graph, string, key.Key) bool { return true }})
	must(t, err)
	done := make(chan struct{})
	go func() { defer close(done); _ = mirror.Run(ctx) }()
	b.reader = snapshot.NewReader(mirror)
	b.book, err = logbook.New(logbook.Config{Dir: filepath.Join(b.dir, "logs")})
	must(t, err)
	b.blobs, err = blobs.New(blobs.Config{Dir: filepath.Join(b.dir, "charms"), MaxBytes: 1 << 20})
	must(t, err)
	b.kept, err = blobs.New(blobs.Config{Dir: filepath.Join(b.dir, "resources"), MaxBytes: 1 << 20, What: "resource", Suffix: ".resource"})
	must(t, err)
	b.seal, err = seal.Open(filepath.Join(b.dir, "keys.json"))
	must(t, err)
	cfg := clients.Config{
		Store: etcd, Epoch: etcd.Epoch(), Mirror: b.reader, Presence: b, Places: b, Blobs: b.blobs, Resources: b.kept, Seal: b.seal, Book: b.book,
		Info: func() *clientv1.ControllerInfoResponse {
			return &clientv1.ControllerInfoResponse{Name: "test", Substrate: "local"}
		},
		CheckCharm: func(context.Context, string, string, *charm.Charm) ([]*clientv1.Diagnostic, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.check, nil
		},
		Now: func() time.Time { return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC) },
	}
	change(&cfg)
	b.serve(clients.New(cfg))
	t.Cleanup(func() { cancel(); <-done; b.book.Close() })
	return b
}

func (b *box) serve(s *clients.Service) {
	ca, err := pki.Create(filepath.Join(b.dir, "ca"), "test", time.Now)
	must(b.t, err)
	mux := http.NewServeMux()
	s.Serve(mux)
	server := &http.Server{Handler: mux}
	server.TLSConfig, err = ca.Server(nil, true, "h2", "http/1.1")
	must(b.t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(b.t, err)
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	cfg, err := pki.Client(filepath.Join(b.dir, "ca"))
	must(b.t, err)
	transport := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	b.http, b.url = &http.Client{Transport: transport}, "https://"+listener.Addr().String()
	b.client = clientv1connect.NewClientClient(b.http, b.url)
	b.t.Cleanup(func() { transport.CloseIdleConnections(); server.Close(); <-ended })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files of the charms that the tests deploy.
func webCharm(extra map[string]string) map[string]string {
	files := map[string]string{
		"metadata.yaml": `name: web
summary: a web server
description: serves
provides:
  site: {interface: http}
  admin: {interface: admin}
requires:
  db: {interface: sql, limit: 1}
peers:
  cluster: {interface: gossip}
storage:
  data: {type: filesystem, minimum-size: 1G}
resources:
  image: {type: oci-image, description: the image}
containers:
  web: {resource: image, mounts: [{storage: data, location: /data}]}
`,
		"config.yaml":   "options:\n  port: {type: int, default: 80, description: where}\n  title: {type: string, description: what}\n  debug: {type: boolean, default: false, description: loud}\n",
		"actions.yaml":  "backup:\n  description: keeps\n  params:\n    to: {type: string, default: /tmp}\n    level: {type: integer, minimum: 1}\n  required: [level]\n",
		"dispatch":      "#!/bin/sh\n",
		"manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n",
	}
	maps.Copy(files, extra)
	return files
}

func simple(name, metadata string) map[string]string {
	return map[string]string{"metadata.yaml": "name: " + name + "\nsummary: s\ndescription: d\n" + metadata, "dispatch": "#!/bin/sh\n", "manifest.yaml": "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}]\n"}
}

// pack makes a package of files.
func (b *box) pack(files map[string]string) []byte {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, text := range files {
		must(b.t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(b.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	var out bytes.Buffer
	_, err := charm.Pack(dir, &out, charm.Limits{})
	must(b.t, err)
	return out.Bytes()
}

func (b *box) upload(zip []byte) *clientv1.UploadCharmResponse {
	b.t.Helper()
	stream := b.client.UploadCharm(b.t.Context())
	for first := true; first || len(zip) > 0; first = false {
		n := min(len(zip), 1000)
		if err := stream.Send(&clientv1.UploadCharmRequest{Data: zip[:n]}); err != nil {
			break
		}
		zip = zip[n:]
	}
	resp, err := stream.CloseAndReceive()
	must(b.t, err)
	return resp.Msg
}

func (b *box) charm(files map[string]string) string {
	b.t.Helper()
	resp := b.upload(b.pack(files))
	if len(resp.GetDiagnostics()) > 0 {
		b.t.Fatalf("charm has diagnostics: %v", resp.GetDiagnostics())
	}
	return resp.GetDigest()
}

// dump is all that the store holds, to compare byte by byte.
func dump(t *testing.T) string {
	t.Helper()
	found, err := etcd.Range(context.Background(), store.Prefix, store.RangeOptions{Prefix: true})
	must(t, err)
	var out bytes.Buffer
	for _, kv := range found.KVs {
		fmt.Fprintf(&out, "%s %d %x\n", kv.Key, kv.Mod, kv.Value)
	}
	return out.String()
}

// put writes records of a model as an agent's commit would.
func (b *box) put(records map[key.Key]proto.Message) {
	b.t.Helper()
	uuid := b.reader.Models()[0].GetUuid()
	var ops []store.Op
	for k, m := range records {
		data, err := proto.Marshal(m)
		must(b.t, err)
		ops = append(ops, store.Put(store.In(uuid, k), data))
	}
	res, err := etcd.Txn(b.t.Context(), nil, ops, nil)
	must(b.t, err)
	_, err = b.reader.Wait(b.t.Context(), res.Revision)
	must(b.t, err)
}
