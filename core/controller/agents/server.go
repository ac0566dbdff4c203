// Package agents is the door for agents: gRPC over TLS with a certificate on both sides. Who calls is read from the
// certificate alone; what the call names is then held against the units that the model gives to that agent.
package agents

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log/slog"
	"path"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"

	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/commit"
	"github.com/bangle-dev/bangle/core/controller/leadership"
	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/controller/watch"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/plugin"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxMessage bounds every message, in bytes: the largest commit and something around it.
const maxMessage = 10 << 20

// Authority signs the certificates of agents: pki.CA.
type Authority interface {
	Agent(csr []byte, id, incarnation string) ([]byte, error)
	DER() []byte
}

// Sink takes what agents tell of their units: logbook.Book.
type Sink interface {
	Log(records ...*controllerv1.LogRecord)
	Journal(entries ...*controllerv1.JournalEntry)
}

// Config says what the door leads to.
type Config struct {
	Store     store.Store
	Mirror    *watch.Mirror
	Commits   *commit.Committer
	Elections *leadership.Elections
	Presence  *Presence
	Authority Authority
	Sink      Sink
	// OpenCharm opens the package of a charm by its digest.
	OpenCharm func(digest string) (io.ReadCloser, error)
	// OpenResource opens the content of a resource as it was given.
	OpenResource func(rec *controllerv1.ResourceRecord) (io.ReadCloser, error)
	// Fork finds the service of a fork by its name, nil if there is none; nil: there are no forks.
	Fork func(name string) *Service
	Now  func() time.Time // default time.Now
	Log  *slog.Logger
}

// Service implements the service Agents.
type Service struct {
	controllerv1.UnimplementedAgentsServer
	cfg      Config
	commands *commands
	stop     chan struct{}
	once     sync.Once
}

// New makes the service.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: c, commands: newCommands(), stop: make(chan struct{})}
}

// Server puts the service behind TLS. The settings must ask for a client certificate and verify one that is shown
// (pki.CA.Server with mandatory false), since an agent that joins has none.
func (s *Service) Server(settings *tls.Config) *grpc.Server {
	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(settings)), grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(2*maxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.MaxConcurrentStreams(1024),
		grpc.UnaryInterceptor(s.unary), grpc.StreamInterceptor(s.stream),
	)
	controllerv1.RegisterAgentsServer(server, s)
	return server
}

// Stop ends all watches, so that the gRPC server can stop gracefully.
func (s *Service) Stop() { s.once.Do(func() { close(s.stop) }) }

// caller is the key of the calling agent's id in the context.
type caller struct{}

// agentOf is the agent that calls; "" in Join.
func agentOf(ctx context.Context) string {
	id, _ := ctx.Value(caller{}).(string)
	return id
}

func (s *Service) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, err := s.identify(ctx, info.FullMethod)
	if err != nil {
		return nil, plugin.ToStatus(err)
	}
	if name := forkOf(ctx); name != "" {
		resp, err := s.onFork(ctx, name, path.Base(info.FullMethod), req)
		return resp, plugin.ToStatus(err)
	}
	resp, err := handle(ctx, req)
	return resp, plugin.ToStatus(err)
}

// identified is a stream whose context knows the caller.
type identified struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (i identified) Context() context.Context { return i.ctx }

func (s *Service) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, err := s.identify(ss.Context(), info.FullMethod)
	if err != nil {
		return plugin.ToStatus(err)
	}
	if name := forkOf(ctx); name != "" {
		fork, err := s.fork(name, path.Base(info.FullMethod))
		if err != nil {
			return plugin.ToStatus(err)
		}
		srv = fork
	}
	return plugin.ToStatus(handle(srv, identified{ss, ctx}))
}

// identify finds out who calls and whether that may make the call at all.
func (s *Service) identify(ctx context.Context, method string) (context.Context, error) {
	name := path.Base(method)
	switch authz.CallerOf(name) {
	case authz.Anyone:
		return ctx, nil
	case authz.Agent:
		cert := certificate(ctx)
		if cert == nil {
			return nil, errs.E(errs.Denied, "cannot call %s: show the certificate of an agent; Join gives one", name)
		}
		id, err := pki.IdentityOf(cert)
		if err != nil {
			return nil, err
		}
		if id.Role != pki.RoleAgent {
			return nil, errs.E(errs.Denied, "cannot call %s: the certificate of %s %s is not an agent's", name, id.Role, id.Name)
		}
		if err := s.joined(ctx, id.Name, keyHash(cert.RawSubjectPublicKeyInfo)); err != nil {
			return nil, err
		}
		return context.WithValue(ctx, caller{}, id.Name), nil
	}
	return nil, errs.E(errs.Denied, "cannot call %s: nobody may", name)
}

// certificate is the verified certificate of the caller, nil if none was shown.
func certificate(ctx context.Context) *x509.Certificate {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

// keyHash names a public key, given as SPKI.
func keyHash(spki []byte) string {
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:])
}
