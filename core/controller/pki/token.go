package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// TokenLife is how long a join token may be used for the first time.
const TokenLife = 24 * time.Hour

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
