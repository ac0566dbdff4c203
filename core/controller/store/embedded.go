package store

import (
	"cmp"
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Embedded says how to run one etcd member within this process.
type Embedded struct {
	Dir  string // made with mode 0700
	Name string // of the member; default "controller"
	// PeerCert, PeerKey and PeerCA are PEM files for the peer listener, which is on a free port of the loopback and
	// asks for a certificate too. All empty: the member makes a pair of its own in Dir, for nobody else.
	PeerCert, PeerKey, PeerCA string
	Wait                      time.Duration // until it must serve; default 30 s
	Log                       *slog.Logger
	Sealer                    Sealer // nil: sensitive values are kept as they are
	// ListenClient opens a client listener (host:port), without TLS: for tests of the external form only.
	ListenClient string
	NoFsync      bool // loses data when the machine fails: for tests only
}

// smallSegments keeps the directory of an empty store at 8 MB instead of 130. etcd has a variable for it and no option.
var smallSegments = sync.OnceFunc(func() { wal.SegmentSizeBytes = 4 << 20 })

// OpenEmbedded starts the member and waits until it serves.
func OpenEmbedded(ctx context.Context, c Embedded) (*Etcd, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, errs.E(errs.Invalid, "cannot make the store's directory: %w", err)
	}
	if err := os.Chmod(c.Dir, 0o700); err != nil {
		return nil, errs.E(errs.Denied, "cannot close the store's directory to others: %w", err)
	}
	if err := checkBackend(filepath.Join(c.Dir, "member", "snap", "db")); err != nil {
		return nil, err
	}
	smallSegments()
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	member, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, errs.E(errs.Unavailable, "cannot start the store in %s: %w", c.Dir, err)
	}
	if err := c.ready(ctx, member); err != nil {
		member.Close()
		return nil, err
	}
	client := v3client.New(member.Server)
	e := &Etcd{client: client, sealer: cmp.Or[Sealer](c.Sealer, plain{}), close: sync.OnceValue(func() error {
		err := client.Close()
		member.Close()
		if errs.Is(err, errs.Canceled) { // what a client without connections answers
			return nil
		}
		return err
	})}
	if err := e.prepare(ctx, c.Wait, false); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

// fill sets defaults.
func (c *Embedded) fill() error {
	if c.Dir == "" {
		return errs.E(errs.Invalid, "cannot start the store: no directory was given")
	}
	if c.Name == "" {
		c.Name = "controller"
	}
	if c.Wait == 0 {
		c.Wait = 30 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// ready waits for the member to serve.
func (c *Embedded) ready(ctx context.Context, member *embed.Etcd) error {
	timer := time.NewTimer(c.Wait)
	defer timer.Stop()
	select {
	case <-member.Server.ReadyNotify():
		return nil
	case err := <-member.Err():
		return errs.E(errs.Unavailable, "cannot start the store in %s: %w", c.Dir, err)
	case <-timer.C:
		return errs.E(errs.Unavailable, "cannot start the store in %s: it does not serve after %s; is its disk too slow?", c.Dir, c.Wait)
	case <-ctx.Done():
		return errs.E(errs.Canceled, "cannot start the store in %s: %w", c.Dir, ctx.Err())
	}
}

// config is the whole of what differs from etcd's defaults.
func (c *Embedded) config() (*embed.Config, error) {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = c.Name, c.Dir
	peer, err := c.peerTLS()
	if err != nil {
		return nil, err
	}
	cfg.PeerTLSInfo = *peer
	listen := url.URL{Scheme: "https", Host: "127.0.0.1:0"} // any free port: a lone member has nobody to tell it
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{listen}, []url.URL{listen}
	cfg.InitialCluster = cfg.InitialClusterFromName(c.Name)
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = nil, nil
	if c.ListenClient != "" {
		client := url.URL{Scheme: "http", Host: c.ListenClient}
		cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	}
	cfg.EnableGRPCGateway = false
	cfg.MaxTxnOps, cfg.MaxRequestBytes = MaxTxnOps, MaxRequestBytes
	cfg.QuotaBackendBytes = 8 << 30
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModePeriodic, "5m"
	// Fast ticks: even a lone member waits out an election (437 ms with the default, 64 with these).
	cfg.TickMs, cfg.ElectionMs = 10, 100
	cfg.UnsafeNoFsync = c.NoFsync
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(quiet(c.Log))
	return cfg, nil
}

// peerTLS is the peer listener's side of mutual TLS.
func (c *Embedded) peerTLS() (*transport.TLSInfo, error) {
	cert, key, ca := c.PeerCert, c.PeerKey, c.PeerCA
	if cert == "" && key == "" && ca == "" {
		var err error
		if cert, key, err = ownPair(c.Dir); err != nil {
			return nil, errs.E(errs.Internal, "cannot make the store's peer certificate: %w", err)
		}
		ca = cert
	}
	return &transport.TLSInfo{CertFile: cert, KeyFile: key, TrustedCAFile: ca, ClientCertAuth: true}, nil
}
