// Package pki is the controller's certificate authority. It names three kinds
// of party: servers (the controller's listeners and store peers), admins
// (people, by their CLI) and agents (by id and incarnation; which units an agent
// speaks for is looked up in the model at every call, never in a certificate).
// There are no passwords; everything speaks TLS 1.3.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
)

// Lives of certificates.
const (
	// CALife is the life of the authority and of the admin's certificate.
	CALife = 10 * 365 * 24 * time.Hour
	// ServerLife is that of a listener's; it renews itself in memory.
	ServerLife = 90 * 24 * time.Hour
	// AgentLife is that of an agent's; the agent renews it.
	AgentLife = 24 * time.Hour
	// skew is how far the clocks of two hosts may differ.
	skew = 10 * time.Minute
)

// Names of the files in the authority's directory.
const (
	CACertFile    = "ca.crt"
	CAKeyFile     = "ca.key"
	AdminCertFile = "admin.crt"
	AdminKeyFile  = "admin.key"
	PeerCertFile  = "peer.crt"
	PeerKeyFile   = "peer.key"
)

// CA signs certificates. It is safe for use by many goroutines.
type CA struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time
}

// Create makes a new authority for the controller of that name in dir (mode
// 0700), with an admin's certificate beside it. One that is there already is
// class AlreadyExists.
func Create(dir, controller string, now func() time.Time) (*CA, error) {
	if _, err := os.Stat(filepath.Join(dir, CAKeyFile)); err == nil {
		return nil, errs.E(errs.AlreadyExists, "cannot create certificate authority: %s exists", filepath.Join(dir, CAKeyFile))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot create certificate authority: %w", err)
	}
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template, err := blank(pkix.Name{CommonName: "Bangle controller " + controller}, now(), CALife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("cannot create certificate authority: %w", err)
	}
	// The key is written last: its presence means that the authority is whole.
	if err := file.ReplaceSynced(filepath.Join(dir, CACertFile), certPEM(der), 0o600); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot create certificate authority: %w", err)
	}
	ca := &CA{dir: dir, cert: cert, key: key, now: now}
	if err := ca.writeAdmin("admin"); err != nil {
		return nil, err
	}
	return ca, writeKey(filepath.Join(dir, CAKeyFile), key)
}

// Open reads the authority of dir. No authority there is class NotFound; a key
// that others may read is refused.
func Open(dir string, now func() time.Time) (*CA, error) {
	keyPath := filepath.Join(dir, CAKeyFile)
	info, err := os.Stat(keyPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.E(errs.NotFound, "cannot open certificate authority: %s is missing; was this controller bootstrapped?", keyPath)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open certificate authority: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, errs.E(errs.Denied, "cannot open certificate authority: %s may be read by others (mode %#o); run chmod 600 on it, and bootstrap anew if others had access", keyPath, info.Mode().Perm())
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, CACertFile), keyPath)
	if err != nil {
		return nil, errs.E(errs.Invalid, "cannot open certificate authority in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, errs.E(errs.Invalid, "cannot open certificate authority in %s: it is not an ECDSA authority", dir)
	}
	return &CA{dir: dir, cert: pair.Leaf, key: key, now: now}, nil
}

// DER is the authority's own certificate.
func (ca *CA) DER() []byte { return ca.cert.Raw }

// PEM is the authority's own certificate.
func (ca *CA) PEM() []byte { return certPEM(ca.cert.Raw) }

// Pool holds the authority alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// writeAdmin issues a person's certificate into the authority's directory.
func (ca *CA) writeAdmin(user string) error {
	template, err := blank(roleName(RoleAdmin, user), ca.now(), CALife)
	if err != nil {
		return err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.writePair(template, filepath.Join(ca.dir, AdminCertFile), filepath.Join(ca.dir, AdminKeyFile))
}

// writePair signs a template for a new key and writes both.
func (ca *CA) writePair(template *x509.Certificate, certPath, keyPath string) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	der, err := ca.sign(template, &key.PublicKey)
	if err != nil {
		return err
	}
	if err := file.ReplaceSynced(certPath, certPEM(der), 0o600); err != nil {
		return err
	}
	return writeKey(keyPath, key)
}

func (ca *CA) sign(template *x509.Certificate, public any) ([]byte, error) {
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, public, ca.key)
	if err != nil {
		return nil, fmt.Errorf("cannot sign certificate for %s: %w", template.Subject.CommonName, err)
	}
	return der, nil
}

// blank is a template without use; its serial number is random.
func blank(name pkix.Name, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("cannot number certificate: %w", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: name, NotBefore: now.Add(-skew), NotAfter: now.Add(life)}, nil
}

func newKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make key: %w", err)
	}
	return key, nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot write key: %w", err)
	}
	return file.ReplaceSynced(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
