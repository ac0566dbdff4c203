package identity_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/identity"
)

// Hashes made by two other implementations of the scheme.
const hello = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

func TestPasswords(t *testing.T) {
	tests := []struct{ hash, password string }{
		{"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!"},
		{"$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.", "Hello world!"},
		{"$6$ab$pWR1UD3a0xtawrhzK7aur8QQZL8ZBygJ39zGZlWYnxHrKXcb.5/71jgiq9.sKiypHLphRR4.cdIV8Hw.AJziB/", strings.Repeat("x", 70)},
		{"$6$ab$xnh5Qsr2NdbFw1PgdZie7nLON3gv.S.23iQDBqAzkdoXPtDnVSpludXkM5UWybQO3OI7hBj9wHg9Ow6sUWD60/", ""},
	}
	for _, tt := range tests {
		s := identity.New(identity.Config{})
		if _, err := s.Do("add", map[string]*identity.Identity{"m": basic(tt.hash)}); err != nil {
			t.Fatal(err)
		}
		if level, ok := s.ByPassword("m", tt.password); !ok || level != identity.Metrics {
			t.Errorf("%q does not match %s", tt.password, tt.hash)
		}
		for name, password := range map[string]string{"m": tt.password + "!", "n": tt.password} {
			if _, ok := s.ByPassword(name, password); ok {
				t.Errorf("%s with %q matches %s", name, password, tt.hash)
			}
		}
	}
}

func basic(hash string) *identity.Identity {
	return &identity.Identity{Access: identity.Metrics, Basic: &identity.Basic{Password: hash}}
}

func local(uid uint32, level identity.Level) *identity.Identity {
	return &identity.Identity{Access: level, Local: &identity.Local{UserID: &uid}}
}

func selfSigned(t *testing.T) (string, *x509.Certificate) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "c"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), cert
}

func TestRequests(t *testing.T) {
	text, cert := selfSigned(t)
	type set = map[string]*identity.Identity
	start := set{"bob": local(1000, identity.Admin)}
	tests := []struct {
		name, action string
		asked        set
		fails        string // part of the error, "" for success
		names        string
	}{
		{"add", "add", set{"eve": local(7, identity.Read)}, "", "bob eve"},
		{"add of one that is there", "add", set{"bob": local(7, identity.Read)}, "already exist: bob", "bob"},
		{"add nothing", "add", set{}, "", "bob"},
		{"add null", "add", set{"eve": nil}, "must not be null", "bob"},
		{"update", "update", set{"bob": local(7, identity.Read)}, "", "bob"},
		{"update of one that is not there", "update", set{"eve": local(7, identity.Read)}, "do not exist: eve", "bob"},
		{"replace adds and deletes", "replace", set{"bob": nil, "eve": local(7, identity.Read)}, "", "eve"},
		{"replace deletes what is not there", "replace", set{"eve": nil}, "", "bob"},
		{"remove", "remove", set{"bob": nil}, "", ""},
		{"remove with a value", "remove", set{"bob": local(7, identity.Read)}, "must be null", "bob"},
		{"remove of one that is not there", "remove", set{"eve": nil}, "do not exist: eve", "bob"},
		{"unknown action", "drop", set{"bob": nil}, "invalid action", "bob"},
		{"uid twice", "add", set{"eve": local(1000, identity.Read)}, "user ID 1000", "bob"},
		{"bad name", "add", set{"1eve": local(7, identity.Read)}, "must start with a letter", "bob"},
		{"no access", "add", set{"eve": local(7, "")}, "access value must be specified", "bob"},
		{"bad access", "add", set{"eve": local(7, "root")}, "invalid access value", "bob"},
		{"no kind", "add", set{"eve": {Access: identity.Read}}, "at least one type", "bob"},
		{"no uid", "add", set{"eve": {Access: identity.Read, Local: &identity.Local{}}}, "user-id", "bob"},
		{"plain password", "add", set{"eve": basic("secret")}, "sha512-crypt", "bob"},
		{"short hash", "add", set{"eve": basic(hello[:40])}, "86 characters", "bob"},
		{"certificate", "add", set{"eve": {Access: identity.Admin, Cert: &identity.Cert{PEM: text}}}, "", "bob eve"},
		{"two certificates", "add", set{"eve": {Access: identity.Admin, Cert: &identity.Cert{PEM: text + text}}}, "nothing after it", "bob"},
		{"no certificate", "add", set{"eve": {Access: identity.Admin, Cert: &identity.Cert{PEM: "x"}}}, "PEM-encoded", "bob"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := identity.New(identity.Config{})
			if _, err := s.Do("add", start); err != nil {
				t.Fatal(err)
			}
			_, err := s.Do(tt.action, tt.asked)
			if (err == nil) != (tt.fails == "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if got := strings.Join(slices.Sorted(maps.Keys(s.List())), " "); got != tt.names {
				t.Errorf("left are %q, want %q", got, tt.names)
			}
			if name, _, ok := s.ByCert(cert); ok != (tt.name == "certificate") || ok && name != "eve" {
				t.Errorf("the certificate is %q, %v", name, ok)
			}
		})
	}
}

func TestSecretsAreHidden(t *testing.T) {
	text, _ := selfSigned(t)
	s := identity.New(identity.Config{Kept: map[string]identity.Identity{
		"m": *basic(hello), "c": {Access: identity.Admin, Cert: &identity.Cert{PEM: text}},
	}})
	b, err := json.Marshal(s.List())
	if want := `{"c":{"access":"admin","cert":{"pem":"*****"}},"m":{"access":"metrics","basic":{"password":"*****"}}}`; err != nil || string(b) != want {
		t.Errorf("%s %v", b, err)
	}
}

func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	s := identity.New(identity.Config{Saved: func(map[string]identity.Identity) error { return errors.New("disk is full") }})
	if _, err := s.Do("add", map[string]*identity.Identity{"eve": local(7, identity.Read)}); err == nil {
		t.Error("no error")
	}
	if _, _, ok := s.ByUser(7); ok {
		t.Error("an identity that was refused is believed")
	}
}

// FuzzRequest: no body makes the store panic, keep something invalid, or hand out a secret.
func FuzzRequest(f *testing.F) {
	f.Add("add", `{"bob":{"access":"admin","local":{"user-id":1}}}`, "pw")
	f.Add("replace", `{"m":{"access":"metrics","basic":{"password":"`+hello+`"}},"x":null}`, "Hello world!")
	f.Add("add", `{"c":{"access":"read","cert":{"pem":"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"}}}`, "")
	f.Fuzz(func(t *testing.T, action, body, password string) {
		var asked map[string]*identity.Identity
		if json.Unmarshal([]byte(body), &asked) != nil {
			return
		}
		s := identity.New(identity.Config{})
		if _, err := s.Do(action, asked); err != nil {
			if len(s.List()) > 0 {
				t.Error("a refused request left something behind")
			}
			return
		}
		for n, i := range s.List() {
			if i.Access == "" || i.Basic != nil && i.Basic.Password != "*****" || i.Cert != nil && i.Cert.PEM != "*****" {
				t.Errorf("%s: %+v", n, i)
			}
			if asked[n].Basic != nil && !strings.Contains(asked[n].Basic.Password, "rounds") {
				s.ByPassword(n, password)
			}
		}
	})
}

// A client reads all identities, changes one and writes them back: the hidden passwords must stay what they were.
func TestHiddenSecretsComeBackUnharmed(t *testing.T) {
	const hash = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1"
	s := identity.New(identity.Config{})
	if _, err := s.Do("add", map[string]*identity.Identity{"web": {Access: identity.Read, Basic: &identity.Basic{Password: hash}}}); err != nil {
		t.Fatal(err)
	}
	web := s.List()["web"]
	web.Access = identity.Admin
	if _, err := s.Do("replace", map[string]*identity.Identity{"web": &web}); err != nil {
		t.Fatal(err)
	}
	if level, ok := s.ByPassword("web", "secret"); !ok || level != identity.Admin {
		t.Errorf("%q %v", level, ok)
	}
	if _, err := s.Do("add", map[string]*identity.Identity{"new": {Access: identity.Read, Basic: &identity.Basic{Password: "*****"}}}); err == nil {
		t.Error("a hidden password of nobody is accepted")
	}
}
