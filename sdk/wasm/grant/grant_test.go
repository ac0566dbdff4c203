package grant_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// TestParse: every way to write one grant has one form, and what could be taken for something else is refused.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"http=API.Example.com":       "http=https://api.example.com:443",
		"http=http://127.0.0.1:8080": "http=http://127.0.0.1:8080",
		"http=https://[2001:DB8::1]": "http=https://[2001:db8::1]:443",
		"http=localhost:1":           "http=https://localhost:1",
		"package=libssl3":            "package=libssl3",
		"package=g++":                "package=g++",
		"service=nginx":              "service=nginx.service",
		"service=backup.timer":       "service=backup.timer",
		"service=getty@tty1":         "service=getty@tty1.service",
		"credential":                 "credential",
		`kubernetes={"verbs":["list","get"],"resources":["pods"],"apiGroups":[""]}`: `kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}`,
	} {
		if got, err := grant.Parse(text); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", text, got, err, want)
		}
		if again, err := grant.Parse(want); err != nil || again != want {
			t.Errorf("%s is not its own form: %q %v", want, again, err)
		}
	}
	for _, text := range []string{"", "http", "http=", "http=ftp://a", "http=https://a/path", "http=https://u@a", "http=a:0", "http=a:99999", "http=a:080", "http=a:", "http=2130706433",
		"http=0x7f000001", "http=127.1", "http=0177.0.0.1", "http=[::1", "http=[fe80::1%eth0]", "http=::1", "http=a b", "http=a.", "http=*.example.com", "http=exämple.com", "http=https://https://a",
		"package=-y", "package=a", "package=A b", "package=a;b", "package=curl=1.0", "package=../x.deb", "service=-n", "service=a/b", "service=a b", "service=a.mount/..", "credential=x", "credential=",
		"kubernetes=", "kubernetes={}", `kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":[]}`, `kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["get"],"resourceNames":["*"]}`,
		`kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["get"],"x":1}`, "bag=x", "charm/http@1"} {
		if got, err := grant.Parse(text); !errs.Is(err, errs.Invalid) {
			t.Errorf("%q was taken as %q: %v", text, got, err)
		}
	}
}

// TestURL: only what was granted can be asked, whatever a URL looks like.
func TestURL(t *testing.T) {
	s := set(t, "http=https://api.example.com", "http=http://127.0.0.1:8080", "http=[2001:db8::1]:8443")
	for text, want := range map[string]string{"https://api.example.com/v1?x=1": "https://api.example.com:443", "HTTPS://API.example.com:443": "https://api.example.com:443",
		"http://127.0.0.1:8080/": "http://127.0.0.1:8080", "https://[2001:0db8:0::1]:8443/a": "https://[2001:db8::1]:8443"} {
		if got, err := s.URL(text); err != nil || got.Origin != want {
			t.Errorf("%s: %q %v", text, got.Origin, err)
		}
	}
	for text, class := range map[string]errs.Kind{
		"http://api.example.com/": errs.Denied, "https://api.example.com:8443/": errs.Denied, "https://example.com/": errs.Denied, "https://api.example.com.evil.org/": errs.Denied,
		"https://evil.org/https://api.example.com": errs.Denied, "https://localhost/": errs.Denied, "http://127.0.0.2:8080/": errs.Denied, "http://[::1]:8080/": errs.Denied,
		"http://[::ffff:127.0.0.1]:8080/":   errs.Denied,
		"https://api.example.com@evil.org/": errs.Invalid, "https://evil.org#@api.example.com/": errs.Invalid, `https://evil.org\@api.example.com/`: errs.Invalid, "http://2130706433:8080/": errs.Invalid,
		"http://0x7f000001:8080/": errs.Invalid, "http://0177.0.0.1:8080/": errs.Invalid, "http://127.1:8080/": errs.Invalid, "http://127.0.0.1:8080:80/": errs.Invalid, "//api.example.com/": errs.Invalid,
		"api.example.com": errs.Invalid, "file:///etc/passwd": errs.Invalid, "https:api.example.com": errs.Invalid, "https://api.example.com\r\nHost: x/": errs.Invalid, "https://api.example.com./": errs.Invalid,
		"https://api%2eexample.com/": errs.Invalid, "": errs.Invalid, "https://": errs.Invalid,
	} {
		if got, err := s.URL(text); errs.Class(err) != class {
			t.Errorf("%q: %q %v, want class %s", text, got.Origin, err, class)
		}
	}
}

// TestPublic: no name may lead to this machine, its links or a cloud's metadata, in whatever dress.
func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{"192.0.2.1": true, "10.1.2.3": true, "2001:db8::1": true, "64:ff9b::c000:201": true, "fd12::1": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "169.254.169.254": false, "100.100.100.200": false, "224.0.0.1": false, "255.255.255.255": false, "::": false, "::1": false,
		"fe80::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false,
		"2002:7f00:1::": false, "2002:a9fe:a9fe::1": false, "fd00:ec2::254": false} {
		if got := grant.Public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestKubernetes: a rule allows what it names and nothing beside.
func TestKubernetes(t *testing.T) {
	s := set(t, `kubernetes={"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","patch"],"resourceNames":["web"]}`,
		`kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["list"],"namespaces":["a"]}`, `kubernetes={"apiGroups":[""],"resources":["nodes"],"verbs":["get"]}`)
	for _, c := range []struct {
		a  grant.Access
		ok bool
	}{
		{grant.Access{Group: "apps", Resource: "deployments", Verb: "get", Name: "web", Namespace: "m", Own: true}, true},
		{grant.Access{Group: "apps", Resource: "deployments", Verb: "get", Name: "web", Namespace: "other"}, false},
		{grant.Access{Group: "apps", Resource: "deployments", Verb: "get", Name: "db", Namespace: "m", Own: true}, false},
		{grant.Access{Group: "apps", Resource: "deployments", Verb: "get", Namespace: "m", Own: true}, false},
		{grant.Access{Group: "apps", Resource: "deployments", Verb: "delete", Name: "web", Namespace: "m", Own: true}, false},
		{grant.Access{Group: "apps", Resource: "deployments/scale", Verb: "get", Name: "web", Namespace: "m", Own: true}, false},
		{grant.Access{Resource: "deployments", Verb: "get", Name: "web", Namespace: "m", Own: true}, false},
		{grant.Access{Resource: "pods", Verb: "list", Namespace: "a"}, true},
		{grant.Access{Resource: "pods", Verb: "list", Namespace: "m", Own: true}, false},
		{grant.Access{Resource: "pods", Verb: "list"}, false},
		{grant.Access{Resource: "nodes", Verb: "get", Name: "n"}, true},
		{grant.Access{Resource: "nodes", Verb: "list"}, false},
		{grant.Access{Resource: "secrets", Verb: "get", Name: "s"}, false},
	} {
		if err := s.Kubernetes(c.a); (err == nil) != c.ok || err != nil && !errs.Is(err, errs.Denied) {
			t.Errorf("%+v: %v", c.a, err)
		}
	}
	wide := set(t, `kubernetes={"apiGroups":["*"],"resources":["*"],"verbs":["*"]}`)
	if err := wide.Kubernetes(grant.Access{Resource: "secrets", Verb: "list"}); err == nil {
		t.Error("a rule for the unit's own namespace reaches into all")
	}
}

// TestLoad: what acts on the unit alone is there without a word; what acts outside comes with a grant.
func TestLoad(t *testing.T) {
	if all := abi.Modules(); !slices.Contains(all, "charm/credential@1") {
		t.Fatal(all)
	}
	bare := grant.Load(abi.Modules(), nil, nil)
	for _, m := range abi.Modules() {
		if slices.Contains(bare, m) == slices.Contains(grant.Outside(), m) {
			t.Errorf("%s: %v", m, bare)
		}
	}
	p := &grant.Permissions{HTTP: []string{"a.example"}, Credential: true, Packages: []string{}}
	list, err := p.Grants()
	if got := strings.Join(list, " "); err != nil || got != "credential http=https://a.example:443" {
		t.Errorf("%s %v", got, err)
	}
	if got := strings.Join(p.Uses(), " "); got != "charm/credential@1 charm/http@1 charm/package@1" {
		t.Error(got)
	}
	if got := grant.Load([]string{"charm/log@1", "charm/http@1"}, grant.Opens(list), list); strings.Join(got, " ") != "charm/log@1 charm/http@1 credential http=https://a.example:443" {
		t.Error(got)
	}
	var none *grant.Permissions
	if list, err := none.Grants(); err != nil || list != nil || none.Uses() != nil {
		t.Errorf("%v %v", list, err)
	}
}

func set(t testing.TB, list ...string) grant.Set {
	t.Helper()
	s, err := grant.NewSet(append(list, "charm/http@1"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzURL: a URL that is allowed leads to a host that was granted, as Go's client would read it.
func FuzzURL(f *testing.F) {
	for _, text := range []string{"https://api.example.com/", "https://API.example.com:443/x?y", "https://u@api.example.com", "http://127.0.0.1:8080/", "https://[::1]:1/", "https://api.example.com\\@evil/"} {
		f.Add(text)
	}
	s := set(f, "http=api.example.com", "http=http://127.0.0.1:8080", "http=[::1]:1")
	f.Fuzz(func(t *testing.T, text string) {
		target, err := s.URL(text)
		if err != nil {
			return
		}
		host, port := strings.ToLower(target.URL.Hostname()), target.URL.Port()
		if !slices.Contains([]string{"api.example.com", "127.0.0.1", "::1"}, netipForm(host)) || port != "" && port != target.Port || target.URL.User != nil {
			t.Fatalf("%q leads to %q %q", text, host, port)
		}
	})
}

func netipForm(host string) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String()
	}
	return host
}

// FuzzParse: what is taken has one form.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"http=a.example:1", "package=g++", "service=a@b.timer", "credential", `kubernetes={"apiGroups":[""],"resources":["*"],"verbs":["get"]}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		one, err := grant.Parse(text)
		if err != nil {
			return
		}
		again, err := grant.Parse(one)
		if err != nil || again != one || grant.Words(one) == "" {
			t.Fatalf("%q → %q → %q, %v", text, one, again, err)
		}
	})
}

// TestWordsOfRules: the core group has no name in rules, and one that people read.
func TestWordsOfRules(t *testing.T) {
	for text, want := range map[string]string{
		`kubernetes={"apiGroups":[""],"resources":["pods"],"verbs":["get"]}`:                                                                   "Kubernetes: get of pods",
		`kubernetes={"apiGroups":["","apps"],"resources":["*"],"verbs":["get"]}`:                                                               "Kubernetes: get of * in core, apps",
		`kubernetes={"apiGroups":["apps"],"resources":["deployments"],"verbs":["get","patch"],"resourceNames":["web"],"namespaces":["other"]}`: "Kubernetes: get, patch of deployments in apps named web in the namespaces other",
	} {
		if got := grant.Words(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
