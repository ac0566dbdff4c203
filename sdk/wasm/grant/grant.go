// Package grant is what a charm may do beyond its own unit: what it declares in charmcraft.yaml, what the user granted of
// it, and whether a request falls under that. Everything is one text, "http=https://api.example.com:443",
// "package=curl", "service=nginx", "kubernetes={…}", "credential", as it stands on the command line and in the model.
package grant

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Permissions is the key permissions of charmcraft.yaml or metadata.yaml.
type Permissions struct {
	// HTTP lists [SCHEME://]HOST[:PORT]; without a scheme it is https.
	HTTP []string `yaml:"http" json:"http,omitempty"`
	// Packages and Services are names: of Debian packages, of systemd units.
	Packages   []string `yaml:"packages" json:"packages,omitempty"`
	Services   []string `yaml:"services" json:"services,omitempty"`
	Kubernetes []Rule   `yaml:"kubernetes" json:"kubernetes,omitempty"`
	Credential bool     `yaml:"credential" json:"credential,omitempty"`
	// Supervisor narrows the charm's containers to those that it calls; it needs nobody's word.
	Supervisor []string `yaml:"supervisor" json:"supervisor,omitzero"`
	// Relations narrows its relations to those of the endpoints that it names, in the same way.
	Relations []string `yaml:"relations" json:"relations,omitzero"`
}

// Rule is a rule of the Kubernetes API, as in a Role. "*" is everything; of names that is none, and no namespaces are the
// unit's own.
type Rule struct {
	APIGroups  []string `yaml:"apiGroups" json:"apiGroups"`
	Resources  []string `yaml:"resources" json:"resources"`
	Verbs      []string `yaml:"verbs" json:"verbs"`
	Names      []string `yaml:"resourceNames" json:"resourceNames,omitempty"`
	Namespaces []string `yaml:"namespaces" json:"namespaces,omitempty"`
}

// The kinds of grants.
const (
	httpKind       = "http"
	packageKind    = "package"
	serviceKind    = "service"
	kubernetesKind = "kubernetes"
	credentialKind = "credential"
)

// module is the capability that a kind of grant opens.
func module(kind string) string {
	if kind == kubernetesKind {
		return "charm/kube@1"
	}
	return "charm/" + kind + "@1"
}

// Outside lists the capabilities that need the user's word, in order.
func Outside() []string {
	return []string{"charm/credential@1", "charm/http@1", "charm/kube@1", "charm/package@1", "charm/service@1"}
}

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	serviceName = regexp.MustCompile(`^[A-Za-z0-9:_][A-Za-z0-9:_.@-]*$`)
	unitSuffix  = regexp.MustCompile(`\.(service|socket|timer|path|target)$`)
	kubeWord    = regexp.MustCompile(`^(\*|[a-z0-9]([a-z0-9./-]*[a-z0-9])?)$`)
)

const (
	maxName    = 200 // bytes of a package's or a service's name
	maxGrants  = 1000
	maxRule    = 64 << 10
	packageIs  = "a Debian package: lower-case letters, digits, + - and ., at least two"
	serviceIs  = "a systemd unit such as nginx or backup.timer"
	grantForms = "http=[SCHEME://]HOST[:PORT], package=NAME, service=NAME, kubernetes={JSON of a rule}, credential"
)

// Parse reads one grant and gives it in its one form: "http=API.example.com" is "http=https://api.example.com:443".
func Parse(text string) (string, error) {
	kind, value, _ := strings.Cut(text, "=")
	var err error
	switch kind {
	case httpKind:
		value, err = origin(value)
	case packageKind:
		err = checkPackage(value)
	case serviceKind:
		value, err = unit(value)
	case kubernetesKind:
		value, err = rule(value)
	case credentialKind:
		if text != credentialKind {
			err = errs.E(errs.Invalid, "it takes no value")
		}
		return credentialKind, wrapped(text, err)
	default:
		return "", errs.E(errs.Invalid, "cannot grant %q: there is no such permission; allowed: %s", text, grantForms)
	}
	return kind + "=" + value, wrapped(text, err)
}

func wrapped(text string, err error) error {
	if err == nil {
		return nil
	}
	return errs.E(errs.Invalid, "cannot grant %q: %w", text, err)
}

func checkPackage(name string) error {
	if len(name) > maxName || !packageName.MatchString(name) {
		return errs.E(errs.Invalid, "%q is not %s", name, packageIs)
	}
	return nil
}

// unit is a systemd unit's whole name.
func unit(name string) (string, error) {
	if len(name) > maxName || !serviceName.MatchString(name) {
		return "", errs.E(errs.Invalid, "%q is not %s", name, serviceIs)
	}
	if !unitSuffix.MatchString(name) {
		name += ".service"
	}
	return name, nil
}

func rule(text string) (string, error) {
	var r Rule
	if len(text) > maxRule {
		return "", errs.E(errs.Invalid, "the rule has more than %d bytes", maxRule)
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || d.More() {
		return "", errs.E(errs.Invalid, `a rule is JSON such as {"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}`)
	}
	if err := r.check(); err != nil {
		return "", err
	}
	return r.text(), nil
}

// check says what is wrong with a rule.
func (r Rule) check() error {
	for _, part := range []struct {
		name  string
		list  []string
		least int
	}{{"apiGroups", r.APIGroups, 1}, {"resources", r.Resources, 1}, {"verbs", r.Verbs, 1}, {"resourceNames", r.Names, 0}, {"namespaces", r.Namespaces, 0}} {
		if len(part.list) < part.least {
			return errs.E(errs.Invalid, "the rule has no %s", part.name)
		}
		for _, word := range part.list {
			star := word == "*" && part.name == "resourceNames"
			if word == "" && part.name == "apiGroups" {
				continue
			}
			if !kubeWord.MatchString(word) || star {
				return errs.E(errs.Invalid, "%q is not one of a rule's %s", word, part.name)
			}
		}
	}
	return nil
}

func (r Rule) text() string {
	for _, list := range []*[]string{&r.APIGroups, &r.Resources, &r.Verbs, &r.Names, &r.Namespaces} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	out, err := json.Marshal(r)
	if err != nil { // lists of texts always marshal
		panic(err)
	}
	return string(out)
}

// Grants are the permissions that need the user's word, each in its one form and in order. What is not valid is an error that
// names the first such; nil permissions are none.
func (p *Permissions) Grants() ([]string, error) {
	if p == nil {
		return nil, nil
	}
	var list []string
	add := func(kind string, values ...string) {
		for _, v := range values {
			list = append(list, kind+"="+v)
		}
	}
	add(httpKind, p.HTTP...)
	add(packageKind, p.Packages...)
	add(serviceKind, p.Services...)
	for _, r := range p.Kubernetes {
		if err := r.check(); err != nil {
			return nil, err
		}
		add(kubernetesKind, r.text())
	}
	if p.Credential {
		list = append(list, credentialKind)
	}
	return ParseAll(list)
}

// ParseAll parses grants, and gives them in order and without doubles.
func ParseAll(list []string) ([]string, error) {
	if len(list) > maxGrants {
		return nil, errs.E(errs.Invalid, "cannot grant %d permissions: the most is %d", len(list), maxGrants)
	}
	var out []string
	for _, text := range list {
		one, err := Parse(text)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return slices.Compact(slices.Sorted(slices.Values(out))), nil
}

// Missing are those of the declared that were not granted.
func Missing(declared, granted []string) []string {
	var out []string
	for _, text := range declared {
		if !slices.Contains(granted, text) {
			out = append(out, text)
		}
	}
	return out
}

// Kind is what a grant is of: http, package, service, kubernetes, credential.
func Kind(text string) string {
	kind, _, _ := strings.Cut(text, "=")
	return kind
}

// Opens are the capabilities that grants open, in order.
func Opens(granted []string) []string {
	var out []string
	for _, text := range granted {
		out = append(out, module(Kind(text)))
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

// Words is a grant as a person reads it.
func Words(text string) string {
	kind, value, _ := strings.Cut(text, "=")
	switch kind {
	case httpKind:
		return "HTTP requests to " + value
	case packageKind:
		return "install and remove the package " + value
	case serviceKind:
		return "control the service " + value
	case credentialKind:
		return "read the credential of the cloud"
	}
	var r Rule
	if json.Unmarshal([]byte(value), &r) != nil {
		return text
	}
	out := fmt.Sprintf("Kubernetes: %s of %s", strings.Join(r.Verbs, ", "), strings.Join(r.Resources, ", "))
	if !slices.Equal(r.APIGroups, []string{""}) {
		groups := slices.Clone(r.APIGroups)
		for i, g := range groups {
			groups[i] = cmp.Or(g, "core")
		}
		out += " in " + strings.Join(groups, ", ")
	}
	if len(r.Names) > 0 {
		out += " named " + strings.Join(r.Names, ", ")
	}
	if len(r.Namespaces) > 0 {
		out += " in the namespaces " + strings.Join(r.Namespaces, ", ")
	}
	return out
}

// Uses are the capabilities outside of its unit that a charm needs to be granted something of, in order: those whose key is
// there, though its list may be empty for the user to say.
func (p *Permissions) Uses() []string {
	if p == nil {
		return nil
	}
	var kinds []string
	for kind, there := range map[string]bool{httpKind: p.HTTP != nil, packageKind: p.Packages != nil, serviceKind: p.Services != nil,
		kubernetesKind: p.Kubernetes != nil, credentialKind: p.Credential} {
		if there {
			kinds = append(kinds, kind)
		}
	}
	return Opens(kinds)
}
