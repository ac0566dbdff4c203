// Package seal keeps what is written at rest unreadable without a key that lies elsewhere: each value is encrypted with a
// data key of its own, and that with one of the keys of a file. So the file's key can be changed without touching every
// value, and a copy of the store alone tells nothing.
//
// A sealed value is bound to a name, which the caller chooses: it does not open under another one.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// The form of a sealed value: version, number of the key, the wrapped data key, the value.
const (
	version  = 1
	keySize  = 32
	nonce    = 12
	overhead = 16
	header   = 1 + 4
	wrapped  = nonce + keySize + overhead
)

// Keyring seals with its newest key and opens with any. It is safe for concurrent use.
type Keyring struct {
	keys   map[uint32]cipher.AEAD
	newest uint32
	path   string
}

// keyFile is what the file holds.
type keyFile struct {
	Keys []fileKey `json:"keys"` // the last one is the newest
}

type fileKey struct {
	ID  uint32 `json:"id"`
	Key string `json:"key"` // base64
}

// Open reads the keys at path and makes the first one when there is no file. Who loses the file loses what it sealed: it
// belongs into every backup, and into no other place.
func Open(path string) (*Keyring, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the sealing keys: %w", err)
	}
	var f keyFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, errs.E(errs.Invalid, "cannot read the sealing keys in %s: %w; restore the file from a backup", path, err)
	}
	return ring(path, f)
}

// create makes the file with one key.
func create(path string) (*Keyring, error) {
	raw := make([]byte, keySize)
	_, _ = rand.Read(raw) // never fails
	f := keyFile{Keys: []fileKey{{ID: 1, Key: base64.StdEncoding.EncodeToString(raw)}}}
	data, err := json.Marshal(f)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = file.ReplaceSynced(path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the sealing keys: %w", err)
	}
	return ring(path, f)
}

func ring(path string, f keyFile) (*Keyring, error) {
	k := &Keyring{keys: map[uint32]cipher.AEAD{}, path: path}
	for i, one := range f.Keys {
		raw, err := base64.StdEncoding.DecodeString(one.Key)
		if err != nil || len(raw) != keySize || k.keys[one.ID] != nil {
			return nil, errs.E(errs.Invalid, "cannot read the sealing keys in %s: key %d is not %d bytes in base64 under an id of its own; restore the file from a backup", path, i+1, keySize)
		}
		k.keys[one.ID], k.newest = aead(raw), one.ID
	}
	if len(k.keys) == 0 {
		return nil, errs.E(errs.Invalid, "cannot read the sealing keys in %s: there are none; restore the file from a backup", path)
	}
	return k, nil
}

// aead is AES-256-GCM with the key.
func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // only for other lengths
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // only for other block sizes
	}
	return gcm
}

// Seal encrypts plain for the name. The same value gives other bytes each time.
func (k *Keyring) Seal(plain []byte, name string) []byte {
	fresh := make([]byte, nonce+keySize+nonce)
	_, _ = rand.Read(fresh) // never fails
	wrapNonce, dataKey, valueNonce := fresh[:nonce], fresh[nonce:nonce+keySize], fresh[nonce+keySize:]
	out := make([]byte, 0, header+wrapped+nonce+len(plain)+overhead)
	out = binary.BigEndian.AppendUint32(append(out, version), k.newest)
	out = append(out, wrapNonce...)
	out = k.keys[k.newest].Seal(out, wrapNonce, dataKey, []byte(name))
	out = append(out, valueNonce...)
	return aead(dataKey).Seal(out, valueNonce, plain, []byte(name))
}

// Unseal is Seal's inverse. What was changed, sealed for another name or with a key that is not in the file is Invalid.
func (k *Keyring) Unseal(sealed []byte, name string) ([]byte, error) {
	if len(sealed) < header+wrapped+nonce+overhead || sealed[0] != version {
		return nil, errs.E(errs.Invalid, "cannot open the sealed value of %s: it has no known form", name)
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	master := k.keys[id]
	if master == nil {
		return nil, errs.E(errs.Invalid, "cannot open the sealed value of %s: key %d is not in %s", name, id, k.path)
	}
	rest := sealed[header:]
	dataKey, err := master.Open(nil, rest[:nonce], rest[nonce:wrapped], []byte(name))
	if err == nil {
		rest = rest[wrapped:]
		var plain []byte
		if plain, err = aead(dataKey).Open(nil, rest[:nonce], rest[nonce:], []byte(name)); err == nil {
			return plain, nil
		}
	}
	return nil, errs.E(errs.Invalid, "cannot open the sealed value of %s: %w", name, err)
}
