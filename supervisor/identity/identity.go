package identity

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Level is what an identity may do.
type Level string

// Levels, from all to nothing but the open endpoints.
const (
	Admin     Level = "admin"
	Read      Level = "read"
	Metrics   Level = "metrics"
	Untrusted Level = "untrusted"
)

// Identity is one identity; at least one of its kinds is set.
type Identity struct {
	Access Level  `json:"access"`
	Local  *Local `json:"local,omitempty"`
	Basic  *Basic `json:"basic,omitempty"`
	Cert   *Cert  `json:"cert,omitempty"`
}

// Local is a user of the machine, known by the kernel's word.
type Local struct {
	UserID *uint32 `json:"user-id"`
}

// Basic is a password, kept as a sha512-crypt hash.
type Basic struct {
	Password string `json:"password"`
}

// Cert is a client certificate.
type Cert struct {
	PEM string `json:"pem"`
}

const hidden = "*****"

// redacted is the identity as anybody may see it.
func (i Identity) redacted() Identity {
	if i.Basic != nil {
		i.Basic = &Basic{Password: hidden}
	}
	if i.Cert != nil {
		i.Cert = &Cert{PEM: hidden}
	}
	return i
}

// unredacted takes secrets that come back hidden, as List gave them, from
// what is kept: clients read identities, change one and write them all.
func (i Identity) unredacted(kept Identity) Identity {
	if i.Basic != nil && i.Basic.Password == hidden && kept.Basic != nil {
		i.Basic = kept.Basic
	}
	if i.Cert != nil && i.Cert.PEM == hidden && kept.Cert != nil {
		i.Cert = kept.Cert
	}
	return i
}

func (i Identity) validate() error {
	switch i.Access {
	case Admin, Read, Metrics, Untrusted:
	case "":
		return errors.New("access value must be specified (\"admin\", \"read\", \"metrics\", or \"untrusted\")")
	default:
		return fmt.Errorf("invalid access value %q, must be \"admin\", \"read\", \"metrics\", or \"untrusted\"", i.Access)
	}
	if i.Local == nil && i.Basic == nil && i.Cert == nil {
		return errors.New(`identity must have at least one type ("local", "basic", or "cert")`)
	}
	if i.Local != nil && i.Local.UserID == nil {
		return errors.New(`local identity must specify "user-id"`)
	}
	if i.Basic != nil {
		if err := validHash(i.Basic.Password); err != nil {
			return fmt.Errorf("basic identity: %w", err)
		}
	}
	if i.Cert != nil {
		if _, err := parseCert(i.Cert.PEM); err != nil {
			return fmt.Errorf("cert identity: %w", err)
		}
	}
	return nil
}

// parseCert reads exactly one self-signed certificate.
func parseCert(text string) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("\"pem\" must be a PEM-encoded certificate")
	case block.Type != "CERTIFICATE":
		return nil, fmt.Errorf("\"pem\" must hold a CERTIFICATE, got %q", block.Type)
	case strings.TrimSpace(string(rest)) != "":
		return nil, errors.New("\"pem\" must hold one certificate and nothing after it")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("cannot parse certificate: %w", err)
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return nil, errors.New("certificate must be self-signed")
	}
	return cert, nil
}

func validName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`).MatchString(name) {
		return fmt.Errorf("identity name %q invalid: must start with a letter and hold only letters, digits, underscores and hyphens", name)
	}
	return nil
}

// validateAll checks a whole set, as it would be after a request.
func validateAll(set map[string]Identity) error {
	users := map[uint32]string{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if err := validName(name); err != nil {
			return err
		}
		i := set[name]
		if err := i.validate(); err != nil {
			return fmt.Errorf("identity %q invalid: %w", name, err)
		}
		if i.Local == nil {
			continue
		}
		if other, taken := users[*i.Local.UserID]; taken {
			return fmt.Errorf("cannot have multiple identities with user ID %d (%s, %s)", *i.Local.UserID, other, name)
		}
		users[*i.Local.UserID] = name
	}
	return nil
}
