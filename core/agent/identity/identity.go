// Package identity is who an agent is: its key, which it makes and stores before anything else, its incarnation, and
// the certificate that the controller gives it for that key.
//
// An incarnation lives as long as the agent's directory: a new one means that everything the agent's units had on this
// place is lost.
package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bangle-dev/bangle/core/file"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Files in the agent's directory.
const (
	keyFile         = "agent.key"
	certFile        = "agent.crt"
	incarnationFile = "incarnation"
)

// Identity of one agent. It is safe for concurrent use.
type Identity struct {
	dir         string
	key         *ecdsa.PrivateKey
	incarnation string
	cert        atomic.Pointer[tls.Certificate]
}

// Open reads the identity in dir, or makes key and incarnation and stores them.
func Open(dir string) (*Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the agent's directory: %w", err)
	}
	id := &Identity{dir: dir}
	if err := id.openKey(); err != nil {
		return nil, fmt.Errorf("cannot open the agent's key: %w", err)
	}
	text, err := id.once(incarnationFile, func() ([]byte, error) {
		raw := make([]byte, 16)
		_, _ = rand.Read(raw) // never fails
		return []byte(hex.EncodeToString(raw) + "\n"), nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot open the agent's incarnation: %w", err)
	}
	id.incarnation = strings.TrimSpace(string(text))
	data, err := os.ReadFile(filepath.Join(dir, certFile))
	if err == nil {
		err = id.use(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot open the agent's certificate: %w; remove the file to join again", err)
	}
	return id, nil
}

// openKey reads the key or makes one.
func (id *Identity) openKey() error {
	data, err := id.once(keyFile, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return nil, err
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	})
	if err != nil {
		return err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return errs.E(errs.Invalid, "%s holds no key", filepath.Join(id.dir, keyFile))
	}
	id.key, err = x509.ParseECPrivateKey(block.Bytes)
	return err
}

// once reads a file, or stores what create makes, synced: what is told to the controller must be there afterwards.
func (id *Identity) once(name string, create func() ([]byte, error)) ([]byte, error) {
	path := filepath.Join(id.dir, name)
	data, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	if data, err = create(); err != nil {
		return nil, err
	}
	return data, file.ReplaceSynced(path, data, 0o600)
}

// Incarnation names this life of the agent's directory.
func (id *Identity) Incarnation() string { return id.incarnation }

// Joined says whether there is a certificate that is still valid.
func (id *Identity) Joined(now time.Time) bool {
	c := id.cert.Load()
	return c != nil && now.Before(c.Leaf.NotAfter)
}

// use takes a certificate chain in PEM.
func (id *Identity) use(chain []byte) error {
	cert := &tls.Certificate{PrivateKey: id.key}
	for block, rest := pem.Decode(chain); block != nil; block, rest = pem.Decode(rest) {
		cert.Certificate = append(cert.Certificate, block.Bytes)
	}
	if len(cert.Certificate) == 0 {
		return errs.E(errs.Invalid, "%s holds no certificate", filepath.Join(id.dir, certFile))
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return err
	}
	if !id.key.PublicKey.Equal(leaf.PublicKey) {
		return errs.E(errs.Invalid, "the certificate is for another key")
	}
	cert.Leaf = leaf
	id.cert.Store(cert)
	return nil
}

// accept stores and uses a chain in DER.
func (id *Identity) accept(chain []byte) error {
	certs, err := x509.ParseCertificates(chain)
	if err != nil {
		return fmt.Errorf("cannot read the certificate: %w", err)
	}
	var text []byte
	for _, c := range certs {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	if err := file.ReplaceSynced(filepath.Join(id.dir, certFile), text, 0o600); err != nil {
		return fmt.Errorf("cannot store the certificate: %w", err)
	}
	return id.use(text)
}

func (id *Identity) request(agent string) ([]byte, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: agent}}, id.key)
	if err != nil {
		return nil, fmt.Errorf("cannot make a certificate request: %w", err)
	}
	return csr, nil
}

// Join asks for the first certificate. It may be repeated with the same token until the certificate was used.
func (id *Identity) Join(ctx context.Context, client controllerv1.AgentsClient, agent, token, version string) error {
	csr, err := id.request(agent)
	if err != nil {
		return err
	}
	resp, err := client.Join(ctx, &controllerv1.JoinRequest{Token: token, Csr: csr, Agent: agent, Version: version, Incarnation: id.incarnation})
	if err != nil {
		return fmt.Errorf("cannot join the controller: %w", err)
	}
	return id.accept(resp.Certificate)
}

// look is how often the certificate's end is looked at: by the wall clock, which goes on while a machine sleeps.
const look = time.Minute

// Keep renews the certificate when a third of its life is left, until ctx ends.
func (id *Identity) Keep(ctx context.Context, client controllerv1.AgentsClient, agent string, log *slog.Logger) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		leaf := id.cert.Load().Leaf
		if due := leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3); time.Now().After(due) {
			if err := id.renew(ctx, client, agent); err != nil && ctx.Err() == nil {
				log.Warn("cannot renew the certificate", "until", leaf.NotAfter, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (id *Identity) renew(ctx context.Context, client controllerv1.AgentsClient, agent string) error {
	csr, err := id.request(agent)
	if err != nil {
		return err
	}
	resp, err := client.Renew(ctx, &controllerv1.RenewRequest{Csr: csr})
	if err != nil {
		return err
	}
	return id.accept(resp.Certificate)
}

// TLS are the settings of a connection that trusts the authority (PEM) and shows the certificate that the agent has
// when it connects; before it joined, none.
func (id *Identity) TLS(ca string) (*tls.Config, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errs.E(errs.Invalid, "cannot trust the controller: key ca of the agent's settings holds no certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if c := id.cert.Load(); c != nil {
			return c, nil
		}
		return &tls.Certificate{}, nil
	}}, nil
}
