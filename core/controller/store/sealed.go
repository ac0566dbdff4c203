package store

import (
	"strings"

	"github.com/bangle-dev/bangle/core/key"
)

// Sealer makes values unreadable at rest: seal.Keyring. The records that charms fill with their own (charm state, state
// files, secrets' content) are sealed on their way into the store and opened on their way out, so that nobody who reads
// or writes records knows of it. Such values cannot be compared (ValueIs), only their revisions.
type Sealer interface {
	Seal(plain []byte, name string) []byte
	Unseal(sealed []byte, name string) ([]byte, error)
}

// plain is the sealer of stores that have none.
type plain struct{}

func (plain) Seal(value []byte, _ string) []byte            { return value }
func (plain) Unseal(value []byte, _ string) ([]byte, error) { return value, nil }

// sensitive says whether a key's value is sealed.
func sensitive(full string) bool {
	rest, ok := strings.CutPrefix(full, modelSpace)
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, "/")
	kind, _, _ := strings.Cut(rest, "/")
	switch key.Kind(kind) {
	case key.CharmState, key.File, key.SecretContent:
		return true
	}
	return false
}

// sealed is the value of a put as it is written.
func (e *Etcd) sealed(o Op) []byte {
	if !sensitive(o.key) {
		return o.value
	}
	return e.sealer.Seal(o.value, o.key)
}

// opened is a value as it was before it was sealed. Deletions, and reads of keys alone, have none.
func (e *Etcd) opened(kv KV) (KV, error) {
	if len(kv.Value) == 0 || !sensitive(kv.Key) {
		return kv, nil
	}
	value, err := e.sealer.Unseal(kv.Value, kv.Key)
	kv.Value = value
	return kv, err
}
