package plan

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
)

// page is how many records are read at a time.
const page = 10_000

// seed reads one model, and what its units' agents and charms are, at one revision. The contents of state files stay where
// they are: only executable charms have them, and those are not run.
func seed(ctx context.Context, from store.Store, uuid string) (kvs []store.KV, revision int64, err error) {
	prefixes := []string{store.ModelKey(uuid), store.AgentPrefix, store.CharmPrefix, store.ModelNamePrefix}
	for _, kind := range key.Kinds() {
		if kind != key.File && kind != key.Model && kind != key.Charm {
			prefixes = append(prefixes, store.InModel(uuid)+string(kind)+"/")
		}
	}
	for _, prefix := range prefixes {
		o := store.RangeOptions{Prefix: true, Limit: page, Revision: revision}
		for {
			found, err := from.Range(ctx, prefix, o)
			if err != nil {
				return nil, 0, fmt.Errorf("cannot fork the model: %w", err)
			}
			if revision == 0 {
				revision, o.Revision = found.Revision, found.Revision
			}
			kvs = append(kvs, found.KVs...)
			if !found.More {
				break
			}
			o.From = found.KVs[len(found.KVs)-1].Key + "\x00"
		}
	}
	return kvs, revision, nil
}

// fingerprint names what the user of a model decided: another one means that a plan was made for another model. What charms
// write is not in it.
func fingerprint(kvs []store.KV, uuid string) string {
	kvs = slices.Clone(kvs)
	slices.SortFunc(kvs, func(a, b store.KV) int { return cmp.Compare(a.Key, b.Key) })
	sum := sha256.New()
	for _, kv := range kvs {
		_, k, ok := store.CutModel(kv.Key)
		if kv.Key == store.ModelKey(uuid) || ok && (k.Kind == key.App || k.Kind == key.Unit || k.Kind == key.Relation) {
			fmt.Fprintf(sum, "%s %d\n", strings.TrimPrefix(kv.Key, store.Prefix), kv.Mod)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
