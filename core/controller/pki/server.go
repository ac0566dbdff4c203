package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Server gives the TLS settings of a listener that is reached under the given
// host names and addresses (loopback always included). Callers must show a
// certificate of this authority when mandatory is set; otherwise one that they
// show is verified (an agent that joins has none yet). protocols are ALPN
// names. The certificate is renewed in memory before it ends.
func (ca *CA) Server(hosts []string, mandatory bool, protocols ...string) (*tls.Config, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	r := &renewing{ca: ca, key: key, hosts: withLoopback(hosts)}
	if _, err := r.current(nil); err != nil {
		return nil, err
	}
	auth := tls.VerifyClientCertIfGiven
	if mandatory {
		auth = tls.RequireAndVerifyClientCert
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     protocols,
		GetCertificate: r.current,
		ClientAuth:     auth,
		ClientCAs:      ca.Pool(),
	}, nil
}

// Peer writes the certificate with which store members know each other and
// gives the paths of certificate, key and authority.
func (ca *CA) Peer() (cert, key, authority string, err error) {
	cert, key = filepath.Join(ca.dir, PeerCertFile), filepath.Join(ca.dir, PeerKeyFile)
	template, err := ca.serverTemplate(withLoopback(nil), CALife)
	if err != nil {
		return "", "", "", err
	}
	template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	if err := ca.writePair(template, cert, key); err != nil {
		return "", "", "", err
	}
	return cert, key, filepath.Join(ca.dir, CACertFile), nil
}

func (ca *CA) serverTemplate(hosts []string, life time.Duration) (*x509.Certificate, error) {
	template, err := blank(roleName(RoleServer, "controller"), ca.now(), life)
	if err != nil {
		return nil, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return template, nil
}

// renewing holds a listener's certificate and makes a new one when two thirds
// of its life are over.
type renewing struct {
	ca    *CA
	key   *ecdsa.PrivateKey
	hosts []string

	mu   sync.Mutex
	cert *tls.Certificate
}

func (r *renewing) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cert != nil && r.cert.Leaf.NotAfter.Sub(r.ca.now()) > ServerLife/3 {
		return r.cert, nil
	}
	template, err := r.ca.serverTemplate(r.hosts, ServerLife)
	if err != nil {
		return nil, err
	}
	der, err := r.ca.sign(template, &r.key.PublicKey)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	r.cert = &tls.Certificate{Certificate: [][]byte{der, r.ca.cert.Raw}, PrivateKey: r.key, Leaf: leaf}
	return r.cert, nil
}

// Client gives the TLS settings of a caller that trusts the authority in dir
// and shows the admin's certificate of it. dir may be a controller's directory
// too, which has its authority in ca/.
func Client(dir string) (*tls.Config, error) {
	if below := filepath.Join(dir, "ca"); isDir(below) {
		dir = below
	}
	return LoadClient(filepath.Join(dir, CACertFile), filepath.Join(dir, AdminCertFile), filepath.Join(dir, AdminKeyFile))
}

func withLoopback(hosts []string) []string {
	all := append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	slices.Sort(all)
	return slices.Compact(all)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
