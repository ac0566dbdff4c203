package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// ensureEpoch reads the store's epoch and makes one at the first start.
func ensureEpoch(ctx context.Context, s Store) (string, error) {
	var fresh [16]byte
	_, _ = rand.Read(fresh[:]) // never fails
	value := []byte(hex.EncodeToString(fresh[:]))
	result, err := s.Txn(ctx, []Compare{Missing(EpochKey)}, []Op{Put(EpochKey, value)}, []Op{Get(EpochKey)})
	if err != nil {
		return "", err
	}
	if !result.Succeeded && len(result.Results) == 1 && len(result.Results[0].KVs) == 1 {
		return string(result.Results[0].KVs[0].Value), nil
	}
	return string(value), nil
}

// The limits that the store must allow, see semantics: a hook may write 4,000 keys and 8 MiB in one transaction.
const (
	MaxTxnOps       = 8192
	MaxRequestBytes = 10 << 20
	probeOps        = 8000
	probeBytes      = 8<<20 + 512<<10
)

// probeLimits asks an external store for two transactions at the limits, whose comparison never holds: they write
// nothing, but are refused if they are too large.
func probeLimits(ctx context.Context, s Store) error {
	never := []Compare{Missing(EpochKey)}
	many := make([]Op, probeOps)
	for i := range many {
		many[i] = Put(Prefix+"probe/"+hex.EncodeToString([]byte{byte(i >> 8), byte(i)}), nil)
	}
	if _, err := s.Txn(ctx, never, many, nil); err != nil {
		return limitError(err, "--max-txn-ops=8192")
	}
	if _, err := s.Txn(ctx, never, []Op{Put(Prefix+"probe/large", make([]byte, probeBytes))}, nil); err != nil {
		return limitError(err, "--max-request-bytes=10485760")
	}
	return nil
}

// limitError names the flag with which the members must be started.
func limitError(err error, flag string) error {
	if !errs.Is(err, errs.Exhausted) {
		return err
	}
	return errs.E(errs.Unsupported, "cannot use this etcd: it refuses transactions of the size that a hook may write; start every member with %s: %w", flag, err)
}
