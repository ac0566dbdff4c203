package agents_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/agents"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

var shared *store.Etcd

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "agents")
	if err != nil {
		panic(err)
	}
	if shared, err = store.OpenEmbedded(context.Background(), store.Embedded{Dir: dir, NoFsync: true}); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = shared.Close()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// counting counts the transactions of the controller.
type counting struct {
	store.Store
	txns atomic.Int64
}

func (c *counting) Txn(ctx context.Context, compares []store.Compare, then, otherwise []store.Op) (*store.TxnResult, error) {
	c.txns.Add(1)
	return c.Store.Txn(ctx, compares, then, otherwise)
}

// sink keeps what was reported.
type sink struct {
	mu      sync.Mutex
	logs    []*controllerv1.LogRecord
	journal []*controllerv1.JournalEntry
}

func (s *sink) Log(r ...*controllerv1.LogRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, r...)
}

func (s *sink) Journal(e ...*controllerv1.JournalEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal = append(s.journal, e...)
}

// controller is the transactional half behind a real listener.
type controller struct {
	ahead    atomic.Int64 // how far the clock of the calls is ahead, ns
	t        testing.TB
	store    *counting
	mirror   *watch.Mirror
	elect    *leadership.Elections
	presence *agents.Presence
	commits  *commit.Committer
	service  *agents.Service
	server   *grpc.Server
	ca       *pki.CA
	sink     *sink
	address  string
}

const charmBytes = 600 << 10

// start runs one on a store without records of others.
func start(t testing.TB) *controller { return startWith(t, authz.AgentMayRead) }

// startWith is start with other rules of who may watch what.
func startWith(t testing.TB, mayRead func(*model.Graph, string, key.Key) bool) *controller {
	t.Helper()
	c := &controller{t: t, store: &counting{Store: shared}, presence: agents.NewPresence(), sink: &sink{}}
	c.clear()
	var err error
	if c.ca, err = pki.Create(filepath.Join(t.TempDir(), "ca"), "test", time.Now); err != nil {
		t.Fatal(err)
	}
	if c.mirror, err = watch.Open(t.Context(), watch.Config{Store: c.store, Epoch: shared.Epoch(), MayRead: mayRead}); err != nil {
		t.Fatal(err)
	}
	c.elect = leadership.New(leadership.Config{Store: c.store, Leases: shared, Mirror: c.mirror, Presence: c.presence})
	c.commits = commit.New(commit.Config{Store: c.store, Mirror: c.mirror})
	config := agents.Config{
		Store: c.store, Mirror: c.mirror, Commits: c.commits, Elections: c.elect, Presence: c.presence,
		Now:       func() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) },
		Authority: c.ca, Sink: c.sink, OpenResource: func(*controllerv1.ResourceRecord) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(make([]byte, charmBytes))), nil
		},
		OpenCharm: func(string) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(make([]byte, charmBytes))), nil
		},
	}
	fork := agents.New(config)
	config.Fork = func(name string) *agents.Service {
		if name == "f" {
			return fork
		}
		return nil
	}
	c.service = agents.New(config)
	settings, err := c.ca.Server(nil, false, "h2")
	if err != nil {
		t.Fatal(err)
	}
	c.server = c.service.Server(settings)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.mirror.Run(ctx) })
	wg.Go(func() { _ = c.server.Serve(listener) })
	t.Cleanup(func() {
		c.service.Stop()
		fork.Stop()
		c.server.GracefulStop()
		cancel()
		wg.Wait()
	})
	return c
}

func (c *controller) clear() {
	for _, prefix := range []string{store.Prefix + "m/", store.ModelPrefix, store.CharmPrefix, store.AgentPrefix, store.TokenPrefix} {
		if _, err := shared.Txn(context.Background(), nil, []store.Op{store.DeleteAll(prefix)}, nil); err != nil {
			c.t.Fatal(err)
		}
	}
}

// put writes records of a model past everybody and waits for the mirror.
func (c *controller) put(uuid string, records map[key.Key]proto.Message) int64 {
	c.t.Helper()
	var ops []store.Op
	for k, m := range records {
		value, err := model.Encode(m)
		if err != nil {
			c.t.Fatal(err)
		}
		ops = append(ops, store.Put(store.In(uuid, k), value))
	}
	r, err := shared.Txn(context.Background(), nil, ops, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.mirror.WaitRevision(c.t.Context(), r.Revision); err != nil {
		c.t.Fatal(err)
	}
	return r.Revision
}

// holder is an agent's side: its key and what it was given.
type holder struct {
	c     *controller
	id    string
	key   *ecdsa.PrivateKey
	chain [][]byte
	fork  string // named in each call; "" is the model itself
	rpc   controllerv1.AgentsClient
}

// stranger has a key and no certificate.
func (c *controller) stranger(id string) *holder {
	c.t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	h := &holder{c: c, id: id, key: secret}
	h.dial()
	return h
}

// dial connects with what the holder has.
func (h *holder) dial() {
	h.c.t.Helper()
	config := &tls.Config{RootCAs: h.c.ca.Pool(), MinVersion: tls.VersionTLS13, ServerName: "localhost"}
	if h.chain != nil {
		config.Certificates = []tls.Certificate{{Certificate: h.chain, PrivateKey: h.key}}
	}
	on := func(ctx context.Context) context.Context {
		if h.fork == "" {
			return ctx
		}
		return metadata.AppendToOutgoingContext(ctx, agents.ForkMetadata, h.fork)
	}
	conn, err := grpc.NewClient(h.c.address, grpc.WithTransportCredentials(credentials.NewTLS(config)),
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return plugin.FromStatus(invoke(on(ctx), method, req, reply, cc, opts...))
		}), grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return open(on(ctx), desc, cc, method, opts...)
		}))
	if err != nil {
		h.c.t.Fatal(err)
	}
	h.c.t.Cleanup(func() { _ = conn.Close() })
	h.rpc = controllerv1.NewAgentsClient(conn)
}

func (h *holder) csr() []byte {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, h.key)
	if err != nil {
		h.c.t.Fatal(err)
	}
	return der
}

// join uses a token and connects again with the certificate.
func (h *holder) join(token string) error {
	resp, err := h.rpc.Join(h.c.t.Context(), &controllerv1.JoinRequest{Token: token, Csr: h.csr(), Agent: h.id, Version: "1", Incarnation: "i-" + h.id})
	if err != nil {
		return err
	}
	h.take(resp.Certificate)
	return nil
}

// take connects with a certificate.
func (h *holder) take(der []byte) {
	h.c.t.Helper()
	certs, err := x509.ParseCertificates(der)
	if err != nil {
		h.c.t.Fatal(err)
	}
	h.chain = nil
	for _, cert := range certs {
		h.chain = append(h.chain, cert.Raw)
	}
	h.dial()
}

// agent joins under an id.
func (c *controller) agent(id string) *holder {
	c.t.Helper()
	h := c.stranger(id)
	if err := h.join(c.token(id)); err != nil {
		c.t.Fatal(err)
	}
	return h
}

func (c *controller) token(id string) string {
	c.t.Helper()
	token, err := agents.NewToken(c.t.Context(), c.store, id, time.Hour, time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

// watch begins to listen and takes the first message.
func (h *holder) watch(req *controllerv1.WatchRequest) (grpc.ServerStreamingClient[controllerv1.Delta], *controllerv1.Delta) {
	h.c.t.Helper()
	if req.Incarnation == "" {
		req.Incarnation = "i-" + h.id
	}
	stream, err := h.rpc.Watch(h.c.t.Context(), req)
	if err != nil {
		h.c.t.Fatal(err)
	}
	d, err := stream.Recv()
	if err != nil {
		h.c.t.Fatal(err)
	}
	return stream, d
}

// The world: model m1 has web (units 0 of agent a, 1 of b), db (0 of c) related by 2, peers 1, lonely (0 of d) without
// relations; model m2 has web too (0 of e).
func (c *controller) world() {
	alive := controllerv1.Life_LIFE_ALIVE
	for uuid, units := range map[string]map[string]string{"m1": {"web/0": "a", "web/1": "b", "db/0": "c", "lonely/0": "d"}, "m2": {"web/0": "e"}} {
		records := map[key.Key]proto.Message{key.Named(key.Model, uuid): &controllerv1.Model{Uuid: uuid, Name: uuid, Life: alive}}
		for unit, agent := range units {
			app := key.AppOf(unit)
			records[key.OfApp(key.App, app)] = &controllerv1.Application{Name: app, Life: alive, CharmDigest: "d-" + app + "-" + uuid,
				ResourceRecords: map[string]*controllerv1.ResourceRecord{"blob": {Name: "blob", Digest: "r"}}}
			records[key.Named(key.Charm, "d-"+app+"-"+uuid)] = &controllerv1.Charm{Digest: "d-" + app + "-" + uuid}
			records[key.OfUnit(key.Unit, unit)] = &controllerv1.Unit{Name: unit, Life: alive, Agent: agent}
			records[key.OfUnit(key.Incarnation, unit)] = &controllerv1.Incarnation{Id: "i-" + agent, Agent: agent}
			records[key.OfUnit(key.Status, unit)] = &controllerv1.UnitStatus{}
			records[key.OfApp(key.AppStatus, app)] = &controllerv1.ApplicationStatus{}
			records[key.OfApp(key.LeaderSettings, app)] = &controllerv1.LeaderSettings{}
			records[key.Named(key.Task, "t-"+app+unit[len(unit)-1:])] = &controllerv1.Task{Unit: unit, Status: "pending"}
			records[key.Named(key.Storage, "s"+app+"/"+unit[len(unit)-1:])] = &controllerv1.StorageInstance{Owner: unit}
			of := "of-" + app
			one := []*controllerv1.SecretRevision{{Revision: 1}}
			records[key.Named(key.Secret, secretID(of))] = &controllerv1.Secret{Id: secretID(of), OwnerKind: "application", Owner: app, LatestRevision: 1, Revisions: one}
			of += unit[len(unit)-1:]
			records[key.Named(key.Secret, secretID(of))] = &controllerv1.Secret{Id: secretID(of), OwnerKind: "unit", Owner: unit, LatestRevision: 1, Revisions: one}
			records[key.ReaderOf(secretID("of-db"), unit)] = &controllerv1.SecretReader{Unit: unit}
			records[key.OfUnit(key.StateFiles, unit)] = &controllerv1.StateFiles{}
			records[key.OfUnit(key.Payloads, unit)] = &controllerv1.Payloads{}
			records[key.OfApp(key.PodSpec, app)] = &controllerv1.PodSpec{}
			records[key.OfUnit(key.State, unit)] = &controllerv1.UnitState{}
			records[key.OfUnit(key.Addresses, unit)] = &controllerv1.Addresses{}
			records[key.OfUnit(key.CharmState, unit)] = &controllerv1.CharmState{}
			records[key.OfUnit(key.Ports, unit)] = &controllerv1.Ports{}
			records[key.OfUnit(key.Resolved, unit)] = &controllerv1.Resolved{}
			records[key.MembersOf(unit, 2, 0)] = &controllerv1.MemberBlock{RelationId: 2}
		}
		records[key.OfApp(key.Lead, "web")] = &controllerv1.Lead{Unit: "web/0"}
		records[key.Named(key.Pool, "fast")] = &controllerv1.StoragePool{Name: "fast", Provider: "ssd"}
		records[key.Named(key.Operation, "1")] = &controllerv1.Operation{Id: "1"}
		records[key.OfRelation(1)] = &controllerv1.Relation{Id: 1, Life: alive, Endpoints: []*controllerv1.Endpoint{{Application: "web", Name: "peers", Role: "peer"}}}
		records[key.OfRelation(2)] = &controllerv1.Relation{Id: 2, Life: alive, Endpoints: []*controllerv1.Endpoint{{Application: "web", Name: "db"}, {Application: "db", Name: "db"}}}
		for _, id := range []int32{1, 2} {
			for _, unit := range []string{"web/0", "web/1", "db/0"} {
				if id == 1 && unit == "db/0" {
					continue
				}
				records[key.UnitBag(id, unit)] = &controllerv1.Bag{Values: map[string]string{"of": unit}, Version: 1}
				records[key.AppBag(id, key.AppOf(unit))] = &controllerv1.Bag{Values: map[string]string{"of": key.AppOf(unit)}, Version: 1}
				records[key.ScopeOf(id, unit)] = &controllerv1.Scope{}
			}
		}
		c.put(uuid, records)
	}
}

// secretID makes an id of a name.
func secretID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:10])
}
