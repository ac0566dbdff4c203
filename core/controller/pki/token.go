package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// TokenLife is how long a join token may be used for the first time.
const TokenLife = 24 * time.Hour

// Token is what the store keeps of a one-time join token, under the token's
// hash; the token itself is nowhere but with who was given it.
type Token struct {
	// Agent is the only id that may join with it; empty = any.
	Agent string `json:"agent,omitempty"`
	// Expires ends the first use; zero = never.
	Expires time.Time `json:"expires,omitzero"`
	// Key is the hash of the public key that it was bound to at first use.
	Key string `json:"key,omitempty"`
	// Used is set once the certificate was used: then nobody joins again.
	Used bool `json:"used,omitempty"`
}

// NewToken makes a token of 256 random bits and the hash that is stored.
func NewToken() (token, hash string, err error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", "", errs.E(errs.Internal, "cannot make join token: %w", err)
	}
	token = hex.EncodeToString(raw)
	return token, HashToken(token), nil
}

// HashToken is the name under which a token is stored.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Encode is the stored form.
func (t Token) Encode() ([]byte, error) { return json.Marshal(t) }

// DecodeToken reads the stored form.
func DecodeToken(data []byte) (Token, error) {
	var t Token
	if err := json.Unmarshal(data, &t); err != nil {
		return Token{}, errs.E(errs.Internal, "cannot read join token record: %w", err)
	}
	return t, nil
}

// Bind decides whether the holder of a key may join as agent with this token
// now, and gives the record to be stored. The same key may join again until its
// certificate was used, because an agent may die before it has stored it.
func (t Token) Bind(csr []byte, agent string, now time.Time) (Token, error) {
	public, err := requestKey(csr)
	if err != nil {
		return t, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return t, errs.E(errs.Invalid, "cannot read key of certificate request: %w", err)
	}
	sum := sha256.Sum256(der)
	key := hex.EncodeToString(sum[:])
	switch {
	case t.Agent != "" && t.Agent != agent:
		return t, errs.E(errs.Denied, "cannot join as agent %q: the join token is for agent %q", agent, t.Agent)
	case t.Used:
		return t, errs.E(errs.Denied, "cannot join as agent %q: the join token was used; make a new one", agent)
	case t.Key != "" && t.Key != key:
		return t, errs.E(errs.Denied, "cannot join as agent %q: the join token belongs to another key already; make a new one", agent)
	case t.Key == "" && !t.Expires.IsZero() && now.After(t.Expires):
		return t, errs.E(errs.Denied, "cannot join as agent %q: the join token ended at %s; make a new one", agent, t.Expires.UTC().Format(time.RFC3339))
	}
	t.Agent, t.Key = agent, key
	return t, nil
}
