package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"math"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// External says where an etcd cluster is. Its members must be started with --max-txn-ops=8192 and
// --max-request-bytes=10485760.
type External struct {
	Endpoints []string    // https://host:port
	TLS       *tls.Config // with the client's certificate; nil only for plain http, in tests
	Wait      time.Duration
	Sealer    Sealer // nil: sensitive values are kept as they are
}

// OpenExternal connects, checks the limits of the cluster and reads or makes the epoch.
func OpenExternal(ctx context.Context, c External) (*Etcd, error) {
	if len(c.Endpoints) == 0 {
		return nil, errs.E(errs.Invalid, "cannot open the store: no endpoint was given; say --store=https://host:2379")
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: c.Endpoints, TLS: c.TLS, DialTimeout: c.Wait, DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 5 * time.Second,
		MaxCallSendMsgSize: MaxRequestBytes + 1<<20, MaxCallRecvMsgSize: math.MaxInt32, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot open the store at %v: %w", c.Endpoints, err)
	}
	e := &Etcd{client: client, sealer: cmp.Or[Sealer](c.Sealer, plain{}), close: client.Close}
	if err := e.prepare(ctx, c.Wait, true); err != nil {
		_ = client.Close()
		return nil, err
	}
	return e, nil
}

// prepare makes the epoch and, where somebody else set them, checks the limits.
func (e *Etcd) prepare(ctx context.Context, wait time.Duration, probe bool) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	epoch, err := ensureEpoch(ctx, e)
	if err != nil {
		return err
	}
	e.epoch = epoch
	if probe {
		return probeLimits(ctx, e)
	}
	return nil
}
