package outside

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

const (
	maxRedirects   = 5
	maxHeaders     = 100
	maxHeaderBytes = 64 << 10
	maxAnswered    = 256 << 10 // bytes of an answer's headers
)

// httpRequest holds a request against the grants and its form.
func (o *Outside) httpRequest(in *abi.HTTPRequest) (grant.Target, error) {
	if !slices.Contains([]string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, in.Method) {
		return grant.Target{}, errs.E(errs.Invalid, "cannot request %s: method %q; allowed: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", in.URL, in.Method)
	}
	if len(in.Bytes()) > maxBody {
		return grant.Target{}, errs.E(errs.Exhausted, "cannot request %s: the body has %d bytes, allowed are %d", in.URL, len(in.Bytes()), maxBody)
	}
	if err := checkHeaders(in.Headers); err != nil {
		return grant.Target{}, errs.E(errs.Invalid, "cannot request %s: %w", in.URL, err)
	}
	return o.cfg.Grants.URL(in.URL)
}

// reserved are headers that say where a message goes and where it ends; the host writes them.
func reserved(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer", "Expect":
		return true
	}
	return strings.HasPrefix(strings.ToLower(name), "proxy-")
}

func checkHeaders(headers map[string]string) error {
	size := 0
	for name, value := range headers {
		size += len(name) + len(value)
		if name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
		}) {
			return errs.E(errs.Invalid, "%q is not the name of a header", name)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return errs.E(errs.Invalid, "the value of header %s has control characters", name)
		}
		if reserved(name) {
			return errs.E(errs.Invalid, "header %s is the host's to write", name)
		}
	}
	if len(headers) > maxHeaders || size > maxHeaderBytes {
		return errs.E(errs.Invalid, "there are %d headers of %d bytes; allowed are %d of %d", len(headers), size, maxHeaders, maxHeaderBytes)
	}
	return nil
}

// HTTP makes one request. Of what reads it follows redirects, each held against the grants; other origins are not told the
// request's headers.
func (o *Outside) HTTP(ctx context.Context, in *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	target, err := o.httpRequest(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := o.within(ctx, in.TimeoutMS)
	defer cancel()
	method, headers := in.Method, in.Headers
	if method == "" {
		method = http.MethodGet
	}
	for range maxRedirects + 1 {
		out, next, err := o.once(ctx, method, target, headers, in.Bytes())
		if err != nil {
			return nil, failed(ctx, "request "+target.URL.Redacted(), err)
		}
		if next == "" || method != http.MethodGet && method != http.MethodHead {
			return out, nil
		}
		to, err := o.redirected(target.URL, next)
		if err != nil {
			return nil, errs.E(errs.Class(err), "cannot follow the redirect of %s: %w", target.URL.Redacted(), err)
		}
		if to.Origin != target.Origin {
			headers = nil
		}
		target = to
	}
	return nil, errs.E(errs.Exhausted, "cannot request %s: more than %d redirects", in.URL, maxRedirects)
}

// redirected is where an answer sends the request, if that is granted.
func (o *Outside) redirected(from *url.URL, location string) (grant.Target, error) {
	u, err := from.Parse(location)
	if err != nil {
		return grant.Target{}, errs.E(errs.Invalid, "%q is no URL", location)
	}
	u.Fragment, u.RawFragment = "", ""
	return o.cfg.Grants.URL(u.String())
}

// once makes one request, without redirects; next is where the answer points.
func (o *Outside) once(ctx context.Context, method string, to grant.Target, headers map[string]string, body []byte) (out *abi.HTTPResponse, next string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, to.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, "", errs.E(errs.Invalid, "%w", err)
	}
	req.Header.Set("User-Agent", "bangle-charm")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := client(o.dialer(to), nil).Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	data, err := limited(resp.Body)
	if err != nil {
		return nil, "", err
	}
	out = &abi.HTTPResponse{Status: resp.StatusCode, Headers: map[string]string{}}
	for name, values := range resp.Header {
		out.Headers[name] = strings.ToValidUTF8(strings.Join(values, ", "), "\ufffd")
	}
	if utf8.Valid(data) {
		out.Body = string(data)
	} else {
		out.BodyBase64 = data
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		next = resp.Header.Get("Location")
	}
	return out, next, nil
}

type dial func(ctx context.Context, network, address string) (net.Conn, error)

// client makes one request of its own: no connection is kept, no proxy asked, nothing unpacked, no redirect followed.
func client(d dial, trust *tls.Config) *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: d, TLSClientConfig: trust, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxAnswered},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

func limited(body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxBody {
		return nil, errs.E(errs.Exhausted, "the answer has more than %d bytes", maxBody)
	}
	return data, nil
}

// dialer connects to the addresses that were judged, and not to what a second look at the name would find.
func (o *Outside) dialer(to grant.Target) dial {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		addresses, err := o.addresses(ctx, to)
		if err != nil {
			return nil, err
		}
		var conn net.Conn
		for _, a := range addresses {
			var d net.Dialer
			if conn, err = d.DialContext(ctx, network, net.JoinHostPort(a.String(), to.Port)); err == nil {
				return conn, nil
			}
		}
		return nil, err
	}
}

// addresses are those that a granted host may lead to: this machine, its links and a cloud's metadata only when the grant
// names them.
func (o *Outside) addresses(ctx context.Context, to grant.Target) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(to.Host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := o.cfg.Resolve(ctx, to.Host)
	if err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", to.Host, err)
	}
	var list []netip.Addr
	for _, a := range found {
		if to.Literal && a.Unmap().IsLoopback() || !to.Literal && grant.Public(a) { // localhost is the one literal that is a name
			list = append(list, a.Unmap())
		}
	}
	if len(list) == 0 {
		return nil, errs.E(errs.Denied, "%s leads to %v, and a name may not lead there; grant the address itself if it is meant", to.Host, found)
	}
	return list, nil
}
