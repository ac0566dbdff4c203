package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/core/controller/pki"
	"github.com/bangle-dev/bangle/sdk/errs"
)

func create(t *testing.T, now func() time.Time) (*pki.CA, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	ca, err := pki.Create(dir, "test", now)
	if err != nil {
		t.Fatal(err)
	}
	return ca, dir
}

func request(t *testing.T) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "somebody else"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return csr, key
}

// agentConfig is the client side of an agent that has joined.
func agentConfig(t *testing.T, ca *pki.CA, id, incarnation string) *tls.Config {
	t.Helper()
	csr, key := request(t)
	der, err := ca.Agent(csr, id, incarnation)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := x509.ParseCertificates(der)
	if err != nil || len(chain) != 2 {
		t.Fatalf("chain of %d, %v", len(chain), err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: ca.Pool(), ServerName: "localhost",
		Certificates: []tls.Certificate{{Certificate: [][]byte{chain[0].Raw}, PrivateKey: key}},
	}
}

// handshake runs TLS between the two and returns what the server saw.
func handshake(t *testing.T, server, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		c := tls.Client(b, client)
		err := c.Handshake()
		if err == nil {
			_, err = c.Read(make([]byte, 1)) // TLS 1.3 tells a refused certificate here
		}
		done <- err
	}()
	s := tls.Server(a, server)
	err := s.Handshake()
	state := s.ConnectionState()
	if err == nil {
		_, err = s.Write([]byte("x"))
	}
	a.Close()
	<-done
	return state, err
}

func TestAuthorityIsPrivateAndReopens(t *testing.T) {
	ca, dir := create(t, time.Now)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.Open(dir, time.Now)
	if err != nil || string(again.DER()) != string(ca.DER()) {
		t.Fatalf("reopened another authority, %v", err)
	}
	if _, err := pki.Create(dir, "test", time.Now); !errs.Is(err, errs.AlreadyExists) {
		t.Fatalf("second create: %v", err)
	}
	if err := os.Chmod(filepath.Join(dir, pki.CAKeyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Open(dir, time.Now); !errs.Is(err, errs.Denied) {
		t.Fatalf("open with a key that all may read: %v", err)
	}
	if _, err := pki.Open(t.TempDir(), time.Now); !errs.Is(err, errs.NotFound) {
		t.Fatalf("open of nothing: %v", err)
	}
}

func TestWhoMayConnect(t *testing.T) {
	ca, dir := create(t, time.Now)
	other, otherDir := create(t, time.Now)
	server, err := ca.Server([]string{"bangle.example", "10.1.2.3"}, true, "h2")
	if err != nil {
		t.Fatal(err)
	}
	admin := client(t, dir)
	stranger := client(t, otherDir)
	stranger.RootCAs = ca.Pool()
	fooled := client(t, dir)
	fooled.RootCAs = other.Pool()
	byName := client(t, dir)
	byName.ServerName = "bangle.example"
	wrongName := client(t, dir)
	wrongName.ServerName = "elsewhere.example"
	old := client(t, dir)
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	nobody := client(t, dir)
	nobody.Certificates = nil
	for name, c := range map[string]struct {
		client *tls.Config
		role   pki.Role
	}{
		"admin":                    {admin, pki.RoleAdmin},
		"admin by name":            {byName, pki.RoleAdmin},
		"agent":                    {agentConfig(t, ca, "local-0", "i1"), pki.RoleAgent},
		"other authority's client": {stranger, ""},
		"server of another":        {fooled, ""},
		"wrong host":               {wrongName, ""},
		"TLS 1.2":                  {old, ""},
		"no certificate":           {nobody, ""},
	} {
		state, err := handshake(t, server, c.client)
		if c.role == "" {
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		id, err := pki.IdentityOf(state.PeerCertificates[0])
		if err != nil || id.Role != c.role {
			t.Errorf("%s: identity %+v, %v", name, id, err)
		}
	}
}

func client(t *testing.T, dir string) *tls.Config {
	t.Helper()
	cfg, err := pki.Client(dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ServerName = "localhost"
	return cfg
}

func TestJoinListenerLetsStrangersKnock(t *testing.T) {
	ca, dir := create(t, time.Now)
	server, err := ca.Server(nil, false, "h2")
	if err != nil {
		t.Fatal(err)
	}
	nobody := client(t, dir)
	nobody.Certificates = nil
	if state, err := handshake(t, server, nobody); err != nil || len(state.PeerCertificates) != 0 {
		t.Fatalf("no certificate: %v", err)
	}
}

func TestAgentCertificate(t *testing.T) {
	ca, _ := create(t, time.Now)
	csr, _ := request(t)
	der, err := ca.Agent(csr, "local-0", "a b&c=d")
	if err != nil {
		t.Fatal(err)
	}
	chain, err := x509.ParseCertificates(der)
	if err != nil {
		t.Fatal(err)
	}
	id, err := pki.IdentityOf(chain[0])
	if want := (pki.Identity{Role: pki.RoleAgent, Name: "local-0", Incarnation: "a b&c=d"}); err != nil || id != want {
		t.Fatalf("identity %+v, %v, want %+v", id, err, want)
	}
	if life := time.Until(chain[0].NotAfter); life > pki.AgentLife || chain[0].IsCA {
		t.Fatalf("life %v, CA %v", life, chain[0].IsCA)
	}
	if _, err := pki.IdentityOf(chain[1]); !errs.Is(err, errs.Denied) {
		t.Fatalf("identity of the authority: %v", err)
	}
	csr[len(csr)-1] ^= 1
	if _, err := ca.Agent(csr, "local-0", "i"); err == nil {
		t.Fatal("a broken signature was accepted")
	}
	good, _ := request(t)
	for _, bad := range []string{"", "../x", "a/b", strings.Repeat("a", 129)} {
		if _, err := ca.Agent(good, bad, "i"); !errs.Is(err, errs.Invalid) {
			t.Errorf("agent %q: %v", bad, err)
		}
	}
}

func TestServerCertificateRenewsItself(t *testing.T) {
	now := time.Now()
	ca, _ := create(t, func() time.Time { return now })
	cfg, err := ca.Server(nil, true)
	if err != nil {
		t.Fatal(err)
	}
	first, err := cfg.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(pki.ServerLife / 2)
	if same, err := cfg.GetCertificate(nil); err != nil || same != first {
		t.Fatalf("renewed at half its life, %v", err)
	}
	now = now.Add(pki.ServerLife / 4)
	next, err := cfg.GetCertificate(nil)
	if err != nil || next == first || !next.Leaf.NotAfter.After(now.Add(pki.ServerLife-time.Hour)) {
		t.Fatalf("not renewed at three quarters of its life, %v", err)
	}
}

func TestPeerServesAndCalls(t *testing.T) {
	ca, _ := create(t, time.Now)
	cert, key, authority, err := ca.Peer()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := pki.LoadClient(authority, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ServerName = "127.0.0.1"
	server := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: cfg.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()}
	if _, err := handshake(t, server, cfg); err != nil {
		t.Fatal(err)
	}
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		token, hash, err := pki.NewToken()
		if err != nil || len(token) != 64 || pki.HashToken(token) != hash || token == hash || seen[token] {
			t.Fatalf("token %q, hash %q, seen %v, %v", token, hash, seen[token], err)
		}
		seen[token] = true
	}
}
