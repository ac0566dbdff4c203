package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bangle-dev/bangle/core/agent/identity"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// authority signs as the controller does.
type authority struct {
	controllerv1.AgentsClient
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	asks []*controllerv1.JoinRequest
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour)}
	return &authority{key: key, cert: cert}
}

func (a *authority) Join(_ context.Context, req *controllerv1.JoinRequest, _ ...grpc.CallOption) (*controllerv1.JoinResponse, error) {
	a.asks = append(a.asks, req)
	csr, err := x509.ParseCertificateRequest(req.Csr)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: req.Agent}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, csr.PublicKey, a.key)
	return &controllerv1.JoinResponse{Certificate: der}, err
}

func open(t *testing.T, dir string) *identity.Identity {
	t.Helper()
	id, err := identity.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestKeyAndIncarnationComeFirstAndStay: a join that is repeated after a crash shows the same key and incarnation.
func TestKeyAndIncarnationComeFirstAndStay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "agent")
	a := newAuthority(t)
	first := open(t, dir)
	if first.Joined(time.Now()) {
		t.Fatal("joined without having asked")
	}
	if err := first.Join(t.Context(), a, "local-0", "token", "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "agent.crt")); err != nil { // killed before the answer was stored
		t.Fatal(err)
	}
	second := open(t, dir)
	if second.Joined(time.Now()) || second.Incarnation() != first.Incarnation() {
		t.Fatalf("after a restart: joined %v, incarnation %s, was %s", second.Joined(time.Now()), second.Incarnation(), first.Incarnation())
	}
	if err := second.Join(t.Context(), a, "local-0", "token", "1"); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 0, 2)
	for _, ask := range a.asks {
		csr, err := x509.ParseCertificateRequest(ask.Csr)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(csr.RawSubjectPublicKeyInfo))
	}
	if keys[0] != keys[1] {
		t.Error("the second join has another key")
	}
	if third := open(t, dir); !third.Joined(time.Now()) || third.Joined(time.Now().Add(365*24*time.Hour)) {
		t.Error("the stored certificate is not used, or used for ever")
	}
	for _, name := range []string{"agent.key", "agent.crt", "incarnation"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// TestCertificateOfAnotherKeyIsRefused.
func TestCertificateOfAnotherKeyIsRefused(t *testing.T) {
	one, two := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	open(t, two)
	if err := open(t, one).Join(t.Context(), newAuthority(t), "x", "t", "1"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(one, "agent.crt"), filepath.Join(two, "agent.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Open(two); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("got %v", err)
	}
}
