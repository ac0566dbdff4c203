package store

import (
	"context"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// Compact throws history away, as etcd does every five minutes.
func (e *Etcd) Compact(ctx context.Context, revision int64) error {
	_, err := e.client.Compact(ctx, revision, clientv3.WithCompactPhysical())
	return err
}

// StartLimited runs a member with other limits and returns what ends it.
func StartLimited(t testing.TB, dir, address string, ops, bytes uint) func() {
	t.Helper()
	c := Embedded{Dir: dir, ListenClient: address, NoFsync: true}
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	cfg, err := c.config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxTxnOps, cfg.MaxRequestBytes = ops, bytes
	member, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	<-member.Server.ReadyNotify()
	return member.Close
}
