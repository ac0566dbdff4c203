package identity

import (
	"bytes"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Limits of the sha512-crypt scheme.
const (
	defaultRounds = 5000
	minRounds     = 1000
	maxRounds     = 999_999_999
	maxSalt       = 16
	hashLength    = 86
	maxPassword   = 1 << 10 // bytes of a password that are looked at; longer ones never match
	alphabet      = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// crypted is a parsed hash: $6$[rounds=N$]salt$hash
type crypted struct {
	rounds int
	salt   string
	hash   string
}

func parseHash(text string) (crypted, error) {
	rest, ok := strings.CutPrefix(text, "$6$")
	if !ok {
		return crypted{}, errors.New(`password must be a sha512-crypt hash ("$6$…")`)
	}
	c := crypted{rounds: defaultRounds}
	if after, ok := strings.CutPrefix(rest, "rounds="); ok {
		number, tail, _ := strings.Cut(after, "$")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return crypted{}, fmt.Errorf("invalid number of rounds %q in password hash", number)
		}
		c.rounds, rest = min(max(n, minRounds), maxRounds), tail
	}
	c.salt, c.hash, ok = strings.Cut(rest, "$")
	if !ok || len(c.hash) != hashLength || strings.Trim(c.hash, alphabet) != "" {
		return crypted{}, fmt.Errorf("password hash must end in a salt, \"$\" and %d characters", hashLength)
	}
	c.salt = c.salt[:min(len(c.salt), maxSalt)]
	return c, nil
}

func validHash(text string) error {
	_, err := parseHash(text)
	return err
}

func verify(text, password string) bool {
	c, err := parseHash(text)
	if err != nil || len(password) > maxPassword {
		return false
	}
	got := sha512Crypt([]byte(password), []byte(c.salt), c.rounds)
	return subtle.ConstantTimeCompare([]byte(got), []byte(c.hash)) == 1
}

// sha512Crypt follows the published description of SHA-crypt, step by step.
func sha512Crypt(key, salt []byte, rounds int) string {
	sum := func(parts ...[]byte) []byte {
		h := sha512.New()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	alternate := sum(key, salt, key)
	first := [][]byte{key, salt, stretch(alternate, len(key))}
	for n := len(key); n > 0; n >>= 1 {
		if n&1 == 1 {
			first = append(first, alternate)
		} else {
			first = append(first, key)
		}
	}
	digest := sum(first...)
	p := stretch(sum(bytes.Repeat(key, len(key))), len(key))
	s := stretch(sum(bytes.Repeat(salt, 16+int(digest[0]))), len(salt))
	for i := range rounds {
		parts := make([][]byte, 0, 4)
		odd := i&1 == 1
		parts = append(parts, either(odd, p, digest))
		if i%3 != 0 {
			parts = append(parts, s)
		}
		if i%7 != 0 {
			parts = append(parts, p)
		}
		digest = sum(append(parts, either(odd, digest, p))...)
	}
	return encode(digest)
}

func either(first bool, a, b []byte) []byte {
	if first {
		return a
	}
	return b
}

// stretch repeats b to n bytes.
func stretch(b []byte, n int) []byte {
	return bytes.Repeat(b, n/len(b)+1)[:n]
}

// encode writes the digest's bytes in the scheme's own order, six bits a character.
func encode(d []byte) string {
	var out strings.Builder
	put := func(a, b, c byte, n int) {
		w := uint(a)<<16 | uint(b)<<8 | uint(c)
		for range n {
			out.WriteByte(alphabet[w&63])
			w >>= 6
		}
	}
	i, j, k := 0, 21, 42
	for range 21 {
		put(d[i], d[j], d[k], 4)
		i, j, k = j+1, k+1, i+1
	}
	put(0, 0, d[63], 2)
	return out.String()
}
