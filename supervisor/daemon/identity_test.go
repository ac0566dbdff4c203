package daemon_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bangle-dev/bangle/supervisor/daemon"
	"github.com/bangle-dev/bangle/supervisor/identity"
)

// The password is "Hello world!".
const passwordHash = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"

func basic(level identity.Level) *identity.Identity {
	return &identity.Identity{Access: level, Basic: &identity.Basic{Password: passwordHash}}
}

// ask sends one request and returns status and body.
func ask(t *testing.T, c *http.Client, method, url, user, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		name, password, _ := strings.Cut(user, ":")
		req.SetBasicAuth(name, password)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func socketClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}}}
}

func TestAccessByPassword(t *testing.T) {
	r := start(t, nil, func(c *daemon.Config) {
		c.HTTP = "127.0.0.1:0"
		c.Identities = map[string]*identity.Identity{
			"m": basic(identity.Metrics), "r": basic(identity.Read), "a": basic(identity.Admin), "u": basic(identity.Untrusted),
		}
	})
	info, err := r.SystemInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tcp := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	const good, bad = ":Hello world!", ":wrong"
	tests := []struct {
		user, path string
		tcp, unix  int
	}{
		{"", "/v1/metrics", 401, 200},
		{"m" + good, "/v1/metrics", 200, 200},
		{"m" + bad, "/v1/metrics", 401, 200}, // over the socket the uid decides then
		{"m" + good, "/v1/services", 401, 401},
		{"r" + good, "/v1/metrics", 401, 200},
		{"r" + good, "/v1/services", 401, 200},
		{"r" + good, "/v1/plan?format=yaml", 401, 401},
		{"a" + good, "/v1/metrics", 401, 200},
		{"a" + good, "/v1/plan?format=yaml", 401, 200},
		{"u" + good, "/v1/services", 401, 401},
		{"u" + good, "/v1/health", 200, 200},
		{"a" + good, "/v1/notices", 401, 403}, // notices are for callers with a uid
		{"", "/v1/identities", 401, 200},
	}
	unix := socketClient(r.cfg.Socket)
	for _, tt := range tests {
		if got, body := ask(t, tcp, "GET", "http://"+info.HTTPAddress+tt.path, tt.user, ""); got != tt.tcp {
			t.Errorf("%s as %q over TCP: %d, want %d: %s", tt.path, tt.user, got, tt.tcp, body)
		}
		if got, body := ask(t, unix, "GET", "http://x"+tt.path, tt.user, ""); got != tt.unix {
			t.Errorf("%s as %q over the socket: %d, want %d: %s", tt.path, tt.user, got, tt.unix, body)
		}
	}
}

func TestIdentitiesOverTheAPI(t *testing.T) {
	r := start(t, nil, nil)
	c := socketClient(r.cfg.Socket)
	const url = "http://x/v1/identities"
	add := `{"action":"add","identities":{"bob":{"access":"read","local":{"user-id":4242}},"m":{"access":"metrics","basic":{"password":"` + passwordHash + `"}}}}`
	if code, body := ask(t, c, "POST", url, "", add); code != 200 || strings.Contains(body, "result") {
		t.Errorf("add: %d %s", code, body)
	}
	if code, body := ask(t, c, "POST", url, "", add); code != 400 || !strings.Contains(body, "already exist: bob, m") {
		t.Errorf("add again: %d %s", code, body)
	}
	r.stop()
	r = launch(t, r.dir, r.cfg)
	want := `"result":{"bob":{"access":"read","local":{"user-id":4242}},"m":{"access":"metrics","basic":{"password":"*****"}}}`
	if code, body := ask(t, c, "GET", url, "", ""); code != 200 || !strings.Contains(body, want) {
		t.Errorf("after a restart: %d %s", code, body)
	}
	// The administrator may lock itself out: an identity says more than the uid.
	uid := uint32(os.Getuid())
	r.stop()
	r.cfg.Identities = map[string]*identity.Identity{"me": {Access: identity.Read, Local: &identity.Local{UserID: &uid}}, "m": nil}
	launch(t, r.dir, r.cfg)
	if code, body := ask(t, c, "GET", "http://x/v1/plan?format=yaml", "", ""); code != 401 || !strings.Contains(body, "login-required") {
		t.Errorf("plan as a reader: %d %s", code, body)
	}
	if code, _ := ask(t, c, "GET", "http://x/v1/services", "", ""); code != 200 {
		t.Errorf("services as a reader: %d", code)
	}
	if _, body := ask(t, c, "GET", url, "", ""); strings.Contains(body, `"m"`) {
		t.Errorf("--identities with null did not remove: %s", body)
	}
}

func clientCert(t *testing.T) (tls.Certificate, string) {
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
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, string(text)
}

func TestHTTPS(t *testing.T) {
	known, text := clientCert(t)
	unknown, _ := clientCert(t)
	r := start(t, nil, func(c *daemon.Config) {
		c.HTTPS = "127.0.0.1:0"
		c.Identities = map[string]*identity.Identity{
			"op": {Access: identity.Admin, Cert: &identity.Cert{PEM: text}}, "a": basic(identity.Admin),
		}
	})
	info, err := r.SystemInfo(t.Context())
	if err != nil || info.HTTPSAddress == "" {
		t.Fatal(info, err)
	}
	var first *x509.Certificate
	with := func(certs ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, Certificates: certs,
			VerifyConnection: func(s tls.ConnectionState) error {
				own := s.PeerCertificates[1]
				if first == nil {
					first = own
				}
				if s.Version != tls.VersionTLS13 || !own.Equal(first) || s.PeerCertificates[0].CheckSignatureFrom(own) != nil {
					t.Error("the server does not show a leaf below its lasting identity, over TLS 1.3")
				}
				return nil
			},
		}}}
	}
	url := "https://" + info.HTTPSAddress
	for _, tt := range []struct {
		name, path, user string
		cert             tls.Certificate
		want             int
	}{
		{"admin", "/v1/plan?format=yaml", "", known, 200},
		{"anybody's certificate", "/v1/health", "", unknown, 200},
		{"anybody's certificate", "/v1/services", "", unknown, 401},
		{"passwords do not count", "/v1/services", "a:Hello world!", unknown, 401},
		{"no notices without uid", "/v1/notices", "", known, 403},
	} {
		if got, body := ask(t, with(tt.cert), "GET", url+tt.path, tt.user, ""); got != tt.want {
			t.Errorf("%s, %s: %d, want %d: %s", tt.name, tt.path, got, tt.want, body)
		}
	}
	if got, _ := ask(t, with(known), "POST", url+"/v1/pairing", "", `{"action":"pair"}`); got != 401 {
		t.Errorf("pairing: %d", got)
	}
	if _, err := with().Get(url + "/v1/health"); err == nil {
		t.Error("a client without certificate got an answer")
	}
	r.stop()
	again := launch(t, r.dir, r.cfg)
	if info, err = again.SystemInfo(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := ask(t, with(known), "GET", "https://"+info.HTTPSAddress+"/v1/services", "", ""); got != 200 {
		t.Errorf("after a restart: %d", got)
	}
}

// Whatever happens to the clock, and however long it runs, the server shows a certificate that is valid now and for a while.
func TestLeafFollowsTheClock(t *testing.T) {
	leaf, err := daemon.Leaf(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var serial *big.Int
	for _, tt := range []struct {
		name  string
		at    time.Duration
		fresh bool
	}{
		{"first", 0, true},
		{"soon after", 10 * time.Minute, false},
		{"past half its life", 31 * time.Minute, true},
		{"the clock was behind by ten years", 87600 * time.Hour, true},
		{"and is set back", 0, true},
		{"by a little more than clients forgive", -6 * time.Minute, true},
	} {
		now := start.Add(tt.at)
		cert, err := leaf(now)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if now.Before(cert.NotBefore) || now.Add(29*time.Minute).After(cert.NotAfter) {
			t.Errorf("%s: at %v it shows one for %v to %v", tt.name, now, cert.NotBefore, cert.NotAfter)
		}
		if fresh := serial == nil || serial.Cmp(cert.SerialNumber) != 0; fresh != tt.fresh {
			t.Errorf("%s: fresh is %v", tt.name, fresh)
		}
		serial = cert.SerialNumber
	}
}

func TestHTTPSNeedsAKeptKey(t *testing.T) {
	_, err := daemon.Run(t.Context(), daemon.Config{Dir: t.TempDir(), HTTPS: "127.0.0.1:0", MemoryOnly: true, Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "PEBBLE_PERSIST") {
		t.Error(err)
	}
}
