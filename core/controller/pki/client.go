package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// LoadClient gives the TLS settings of a caller with its files in PEM: the
// authority it trusts, its certificate and its key.
func LoadClient(authority, cert, key string) (*tls.Config, error) {
	ca, err := os.ReadFile(authority)
	if err != nil {
		return nil, fmt.Errorf("cannot read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errs.E(errs.Invalid, "cannot read certificate authority: %s holds no certificate in PEM form", authority)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot read client certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, Certificates: []tls.Certificate{pair}}, nil
}
