package daemon

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	leafLife     = time.Hour
	identityLife = 10 * 365 * 24 * time.Hour
	clockSkew    = 5 * time.Minute // by which a client's clock may be behind
)

// certificates gives the TLS server its identity: a certificate that is kept
// and signs itself, and short-lived ones below it that exist in memory only.
type certificates struct {
	key      ed25519.PrivateKey
	identity *x509.Certificate

	mu   sync.Mutex
	leaf *tls.Certificate
	ends time.Time // when another leaf is due
}

// openCertificates reads the key and the certificate of dir, or makes them.
func openCertificates(dir string) (*certificates, error) {
	key, err := keptKey(filepath.Join(dir, "identity", "key.pem"))
	if err != nil {
		return nil, err
	}
	c := &certificates{key: key}
	path := filepath.Join(dir, "tls", "identity.pem")
	if c.identity, err = keptCertificate(path, key); err != nil {
		return nil, err
	}
	return c, nil
}

// fingerprint is how an administrator recognises the server.
func (c *certificates) fingerprint() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(c.key.Public())
	if err != nil {
		return "", fmt.Errorf("cannot encode public key: %w", err)
	}
	sum := sha512.Sum384(der)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]), nil
}

func keptKey(path string) (ed25519.PrivateKey, error) {
	der, err := readPEM(path, "PRIVATE KEY")
	if err == nil {
		key, err := x509.ParsePKCS8PrivateKey(der)
		if own, ok := key.(ed25519.PrivateKey); ok && err == nil {
			return own, nil
		}
		return nil, fmt.Errorf("cannot use %s: it must hold an ed25519 key", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("cannot encode key: %w", err)
	}
	return key, writePEM(path, "PRIVATE KEY", der)
}

func keptCertificate(path string, key ed25519.PrivateKey) (*x509.Certificate, error) {
	if der, err := readPEM(path, "CERTIFICATE"); err == nil {
		cert, err := x509.ParseCertificate(der)
		if err == nil && key.Public().(ed25519.PublicKey).Equal(cert.PublicKey) && time.Now().Before(cert.NotAfter) {
			return cert, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	template, err := template("identity", time.Now(), identityLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("cannot make identity certificate: %w", err)
	}
	if err := writePEM(path, "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func template(name string, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("cannot make a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(life),
	}, nil
}

func readPEM(path, kind string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("cannot use %s: it must hold a PEM block %q", path, kind)
	}
	return block.Bytes, nil
}

func writePEM(path, kind string, der []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("cannot make directory: %w", err)
	}
	temp := path + "~"
	if err := os.WriteFile(temp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// config asks every client for a certificate, any one: who it is, is decided by the identities.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(time.Now()) },
	}
}

// current returns the leaf of the moment; it is made anew before half its life is over.
func (c *certificates) current(now time.Time) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now = now.Round(0) // what the certificate says is the wall's time, and that may be set
	if c.leaf != nil && now.After(c.ends.Add(-leafLife/2-clockSkew)) && now.Before(c.ends) {
		return c.leaf, nil
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	t, err := template("pebble", now, leafLife)
	if err != nil {
		return nil, err
	}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, t, c.identity, public, c.key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate: %w", err)
	}
	c.leaf = &tls.Certificate{Certificate: [][]byte{der, c.identity.Raw}, PrivateKey: key}
	c.ends = now.Add(leafLife / 2)
	return c.leaf, nil
}
