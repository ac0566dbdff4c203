package outside_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
	"github.com/bangle-dev/bangle/sdk/wasm/outside"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func granted(t testing.TB, list ...string) grant.Set {
	t.Helper()
	s, err := grant.NewSet(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func served(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// TestHTTP: a granted origin is asked, with what the charm says, and every status is an answer.
func TestHTTP(t *testing.T) {
	s := served(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusTeapot)
		body := make([]byte, r.ContentLength)
		_, _ = r.Body.Read(body)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.URL, r.Header.Get("X-Key"), body, r.Host)
	})
	o := outside.New(outside.Config{Grants: granted(t, "http="+s.URL)})
	got, err := o.HTTP(t.Context(), &abi.HTTPRequest{Method: "POST", URL: s.URL + "/a?b=c", Headers: map[string]string{"X-Key": "k"}, Body: "hello"})
	if err != nil || got.Status != http.StatusTeapot || got.Headers["X-Two"] != "a, b" || got.Body != "POST /a?b=c k hello "+strings.TrimPrefix(s.URL, "http://") {
		t.Errorf("%+v %v", got, err)
	}
	binary := served(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff}) })
	o = outside.New(outside.Config{Grants: granted(t, "http="+binary.URL)})
	if got, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: binary.URL}); err != nil || got.Body != "" || string(got.BodyBase64) != "\xff" {
		t.Errorf("%+v %v", got, err)
	}
}

// TestHostileRequests: nothing that is not granted is reached, and no request becomes another.
func TestHostileRequests(t *testing.T) {
	reached := 0
	other := served(t, func(http.ResponseWriter, *http.Request) { reached++ })
	s := served(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		case "/user":
			http.Redirect(w, r, "http://x@"+r.Host+"/", http.StatusFound)
		case "/huge":
			for range 17 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 300<<10))
		}
	})
	host := strings.TrimPrefix(s.URL, "http://")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	o := outside.New(outside.Config{Grants: granted(t, "http="+s.URL)})
	for name, c := range map[string]struct {
		in   abi.HTTPRequest
		want errs.Kind
	}{
		"other origin":       {abi.HTTPRequest{URL: other.URL}, errs.Denied},
		"other scheme":       {abi.HTTPRequest{URL: "https://" + host}, errs.Denied},
		"user":               {abi.HTTPRequest{URL: "http://" + host + "@" + strings.TrimPrefix(other.URL, "http://")}, errs.Invalid},
		"backslash":          {abi.HTTPRequest{URL: "http://" + host + `\@evil`}, errs.Invalid},
		"decimal":            {abi.HTTPRequest{URL: "http://2130706433:" + port}, errs.Invalid},
		"octal":              {abi.HTTPRequest{URL: "http://0177.0.0.1:" + port}, errs.Invalid},
		"hexadecimal":        {abi.HTTPRequest{URL: "http://0x7f000001:" + port}, errs.Invalid},
		"short":              {abi.HTTPRequest{URL: "http://127.1:" + port}, errs.Invalid},
		"another loopback":   {abi.HTTPRequest{URL: "http://127.0.0.2:" + port}, errs.Denied},
		"IPv6":               {abi.HTTPRequest{URL: "http://[::1]:" + port}, errs.Denied},
		"IPv4 within IPv6":   {abi.HTTPRequest{URL: "http://[::ffff:127.0.0.1]:" + port}, errs.Denied},
		"metadata":           {abi.HTTPRequest{URL: "http://169.254.169.254/latest"}, errs.Denied},
		"file":               {abi.HTTPRequest{URL: "file:///etc/passwd"}, errs.Invalid},
		"line in URL":        {abi.HTTPRequest{URL: s.URL + "/\r\nX: y"}, errs.Invalid},
		"line in method":     {abi.HTTPRequest{URL: s.URL, Method: "GET / HTTP/1.1\r\nX: y"}, errs.Invalid},
		"CONNECT":            {abi.HTTPRequest{URL: s.URL, Method: "CONNECT"}, errs.Invalid},
		"line in value":      {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"X": "a\r\nY: b"}}, errs.Invalid},
		"line in name":       {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"X\r\nY": "a"}}, errs.Invalid},
		"colon in name":      {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"X:": "a"}}, errs.Invalid},
		"no name":            {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"": "a"}}, errs.Invalid},
		"host":               {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"hOST": "internal"}}, errs.Invalid},
		"length":             {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"Content-Length": "1"}}, errs.Invalid},
		"chunks":             {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"transfer-encoding": "chunked"}}, errs.Invalid},
		"huge header":        {abi.HTTPRequest{URL: s.URL, Headers: map[string]string{"X": strings.Repeat("x", 65<<10)}}, errs.Invalid},
		"huge body":          {abi.HTTPRequest{URL: s.URL, Method: "POST", BodyBase64: make([]byte, 16<<20+1)}, errs.Exhausted},
		"huge answer":        {abi.HTTPRequest{URL: s.URL + "/huge"}, errs.Exhausted},
		"huge answer's head": {abi.HTTPRequest{URL: s.URL + "/headers"}, errs.Unavailable},
		"sent away":          {abi.HTTPRequest{URL: s.URL + "/away"}, errs.Denied},
		"sent to a file":     {abi.HTTPRequest{URL: s.URL + "/file"}, errs.Invalid},
		"sent to a user":     {abi.HTTPRequest{URL: s.URL + "/user"}, errs.Invalid},
		"sent in circles":    {abi.HTTPRequest{URL: s.URL + "/loop"}, errs.Exhausted},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := o.HTTP(t.Context(), &c.in); errs.Class(err) != c.want {
				t.Errorf("%+v %v, want class %s", got, err, c.want)
			}
		})
	}
	if got, err := o.HTTP(t.Context(), &abi.HTTPRequest{Method: "POST", URL: s.URL + "/away"}); err != nil || got.Status != http.StatusFound {
		t.Errorf("what writes is not sent on: %+v %v", got, err)
	}
	if reached > 0 {
		t.Errorf("what was not granted was reached %d times", reached)
	}
}

// TestRedirects: what reads follows to what is granted, and tells other origins nothing that was for the first.
func TestRedirects(t *testing.T) {
	second := served(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "second %q", r.Header.Get("Authorization"))
	})
	first := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/own" {
			fmt.Fprintf(w, "own %q", r.Header.Get("Authorization"))
			return
		}
		http.Redirect(w, r, map[string]string{"/": second.URL, "/here": "/own#part"}[r.URL.Path], http.StatusTemporaryRedirect)
	})
	o := outside.New(outside.Config{Grants: granted(t, "http="+first.URL, "http="+second.URL)})
	for path, want := range map[string]string{"/": `second ""`, "/here": `own "secret"`} {
		got, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: first.URL + path, Headers: map[string]string{"Authorization": "secret"}})
		if err != nil || got.Body != want {
			t.Errorf("%s: %+v %v, want %s", path, got, err, want)
		}
	}
}

// TestRebinding: a name that leads to this machine or a cloud's metadata leads nowhere, also when it did not at first, and what
// was judged is what is connected to.
func TestRebinding(t *testing.T) {
	reached := 0
	s := served(t, func(http.ResponseWriter, *http.Request) { reached++ })
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for name, answers := range map[string][][]string{
		"loopback":      {{"127.0.0.1"}},
		"mapped":        {{"::ffff:127.0.0.1"}},
		"unspecified":   {{"0.0.0.0"}},
		"metadata":      {{"169.254.169.254"}, {"127.0.0.1"}},
		"several":       {{"::1", "127.0.0.1", "fe80::1"}},
		"second answer": {{}, {"127.0.0.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			o := outside.New(outside.Config{Grants: granted(t, "http=http://rebind.example:"+port), Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
				if host != "rebind.example" {
					t.Errorf("asked for %s", host)
				}
				var list []netip.Addr
				for _, a := range answers[min(asked, len(answers)-1)] {
					list = append(list, netip.MustParseAddr(a))
				}
				asked++
				return list, nil
			}})
			if _, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: "http://rebind.example:" + port}); !errs.Is(err, errs.Denied) || asked != 1 {
				t.Errorf("%v after %d questions", err, asked)
			}
		})
	}
	o := outside.New(outside.Config{Grants: granted(t, "http=http://localhost:"+port), Resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("127.0.0.1")}, nil
	}})
	if _, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: "http://localhost:" + port}); err != nil || reached != 1 {
		t.Errorf("localhost by its name: %v, reached %d", err, reached)
	}
}

// TestHTTPEnds: an answer that does not come ends with the time that was given.
func TestHTTPEnds(t *testing.T) {
	gone := make(chan struct{})
	s := served(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		close(gone)
	})
	o := outside.New(outside.Config{Grants: granted(t, "http="+s.URL)})
	_, err := o.HTTP(t.Context(), &abi.HTTPRequest{URL: s.URL, TimeoutMS: 50})
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "it did not answer within 50ms") {
		t.Error(err)
	}
	<-gone
}
