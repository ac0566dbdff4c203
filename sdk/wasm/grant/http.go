package grant

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

var (
	hostLabel = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$`)
	// numeric is a last label that some resolvers take for a number, and the whole name so for an address.
	numeric = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
)

const maxHost = 253

// origin gives [SCHEME://]HOST[:PORT] in its one form, SCHEME://HOST:PORT.
func origin(text string) (string, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "https", text
	}
	scheme = strings.ToLower(scheme)
	port := map[string]string{"https": "443", "http": "80"}[scheme]
	if port == "" {
		return "", errs.E(errs.Invalid, "the scheme of %q is neither https nor http", text)
	}
	host, given, err := hostPort(rest)
	if err != nil {
		return "", errs.E(errs.Invalid, "%q is not [SCHEME://]HOST[:PORT]: %w", text, err)
	}
	if given != "" {
		port = given
	}
	return scheme + "://" + host + ":" + port, nil
}

// hostPort reads a host, in one form, and a port, which may be absent.
func hostPort(text string) (host, port string, err error) {
	host = text
	if rest, ok := strings.CutPrefix(text, "["); ok {
		inner, after, closed := strings.Cut(rest, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || addr.Zone() != "" || after != "" && after[0] != ':' {
			return "", "", errs.E(errs.Invalid, "%q is not an address of IPv6 in brackets", text)
		}
		host, port = "["+addr.String()+"]", strings.TrimPrefix(after, ":")
		if after == ":" {
			return "", "", errs.E(errs.Invalid, "%q has no port after its colon", text)
		}
		return checkPort(host, port)
	}
	if before, after, found := strings.Cut(text, ":"); found {
		if host, port = before, after; port == "" {
			return "", "", errs.E(errs.Invalid, "%q has no port after its colon", text)
		}
	}
	host = strings.ToLower(host)
	if err := checkHost(host); err != nil {
		return "", "", err
	}
	return checkPort(host, port)
}

func checkPort(host, port string) (string, string, error) {
	if port == "" {
		return host, "", nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return "", "", errs.E(errs.Invalid, "%q is not a port", port)
	}
	return host, port, nil
}

// checkHost allows names and addresses of IPv4 in their usual form, and nothing that could be taken for either.
func checkHost(host string) error {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return nil
	}
	labels := strings.Split(host, ".")
	if len(host) > maxHost || numeric.MatchString(labels[len(labels)-1]) {
		return errs.E(errs.Invalid, "%q is not a host name; an address is written as 192.0.2.1 or [2001:db8::1]", host)
	}
	for _, label := range labels {
		if len(label) > 63 || !hostLabel.MatchString(label) {
			return errs.E(errs.Invalid, "%q is not a host name", host)
		}
	}
	return nil
}

// Target is a URL that was found to be granted.
type Target struct {
	URL    *url.URL
	Origin string // https://api.example.com:443
	Host   string // without port and brackets
	Port   string
	// Literal: the grant names this very address, or localhost, so that it may be one that names must not lead to.
	Literal bool
}

// URL reads a URL and says whether it is granted. Errors are of class Invalid or Denied.
func (s Set) URL(text string) (Target, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(text, "\\ \t\r\n\x00") {
		return Target{}, errs.E(errs.Invalid, "cannot request %q: want https://HOST[:PORT]/PATH without user, password or fragment", text)
	}
	at, err := origin(u.Scheme + "://" + u.Host)
	if err != nil {
		return Target{}, errs.E(errs.Invalid, "cannot request %q: %w", text, err)
	}
	if !s.http[at] {
		return Target{}, errs.E(errs.Denied, "cannot request %s: %s was not granted; granted are [%s]", text, at, strings.Join(s.of(httpKind), " "))
	}
	_, where, _ := strings.Cut(at, "://")
	n := strings.LastIndexByte(where, ':')
	t := Target{URL: u, Origin: at, Host: strings.Trim(where[:n], "[]"), Port: where[n+1:]}
	_, err = netip.ParseAddr(t.Host)
	t.Literal = err == nil || t.Host == "localhost"
	return t, nil
}

// Public says whether an address is one that a name may lead to: not this machine, not its links, no service of the cloud
// that hands out secrets.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if embedded, ok := embedded(a); ok {
		return Public(embedded)
	}
	for _, p := range [...]string{"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32", "224.0.0.0/3",
		"::/127", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::/32"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return a.IsValid()
}

// embedded is the address of IPv4 within one that is translated: NAT64, 6to4, IPv4-compatible.
func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() {
		return netip.Addr{}, false
	}
	b := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a) && !netip.MustParsePrefix("::/127").Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
