package grant

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/errs"
)

// Set is what a charm was granted, ready to be asked. The zero set has nothing.
type Set struct {
	list  []string
	http  map[string]bool
	rules []Rule
}

// NewSet reads what a runtime is given: grants, among them names of capabilities, which are skipped. Errors are of class Invalid.
func NewSet(list []string) (Set, error) {
	s := Set{http: map[string]bool{}}
	for _, text := range list {
		if strings.HasPrefix(text, "charm/") {
			continue
		}
		one, err := Parse(text)
		if err != nil {
			return Set{}, err
		}
		s.list = append(s.list, one)
		_, value, _ := strings.Cut(one, "=")
		switch Kind(one) {
		case httpKind:
			s.http[value] = true
		case kubernetesKind:
			var r Rule
			if err := json.Unmarshal([]byte(value), &r); err != nil {
				return Set{}, errs.E(errs.Invalid, "cannot grant %q: %w", one, err)
			}
			s.rules = append(s.rules, r)
		}
	}
	return s, nil
}

// of lists the values of one kind.
func (s Set) of(kind string) []string {
	var out []string
	for _, text := range s.list {
		if value, ok := strings.CutPrefix(text, kind+"="); ok {
			out = append(out, value)
		}
	}
	return out
}

// Package says whether a package may be looked at and changed. Errors are of class Invalid or Denied.
func (s Set) Package(name string) error {
	if err := checkPackage(name); err != nil {
		return errs.E(errs.Invalid, "cannot use package: %w", err)
	}
	if list := s.of(packageKind); !slices.Contains(list, name) {
		return errs.E(errs.Denied, "cannot use package %s: it was not granted; granted are [%s]", name, strings.Join(list, " "))
	}
	return nil
}

// Service gives a service's whole name, if it may be controlled. Errors are of class Invalid or Denied.
func (s Set) Service(name string) (string, error) {
	whole, err := unit(name)
	if err != nil {
		return "", errs.E(errs.Invalid, "cannot use service: %w", err)
	}
	if list := s.of(serviceKind); !slices.Contains(list, whole) {
		return "", errs.E(errs.Denied, "cannot use service %s: it was not granted; granted are [%s]", whole, strings.Join(list, " "))
	}
	return whole, nil
}

// Access is one request to the Kubernetes API as rules see it.
type Access struct {
	Group, Resource, Verb, Name, Namespace string // Resource is pods or pods/log
	Own                                    bool   // the namespace is the unit's
}

// Kubernetes says whether a request falls under one of the rules. The error is of class Denied.
func (s Set) Kubernetes(a Access) error {
	for _, r := range s.rules {
		if r.allows(a) {
			return nil
		}
	}
	what := a.Verb + " of " + a.Resource
	if a.Group != "" {
		what += " in " + a.Group
	}
	if a.Name != "" {
		what += " named " + a.Name
	}
	if a.Namespace != "" {
		what += " in namespace " + a.Namespace
	}
	return errs.E(errs.Denied, "cannot ask Kubernetes for %s: no rule that was granted allows it; granted are [%s]", what, strings.Join(s.of(kubernetesKind), " "))
}

func (r Rule) allows(a Access) bool {
	has := func(list []string, word string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, word)
	}
	switch {
	case !has(r.APIGroups, a.Group), !has(r.Resources, a.Resource), !has(r.Verbs, a.Verb):
		return false
	case len(r.Names) > 0 && !slices.Contains(r.Names, a.Name):
		return false
	case len(r.Namespaces) > 0:
		return has(r.Namespaces, a.Namespace)
	}
	return a.Own || a.Namespace == "" && !namespaced(a)
}

// Rules are the Kubernetes rules among grants. One that cannot be read is left out: it allows nothing.
func Rules(granted []string) []Rule {
	var out []Rule
	for _, text := range granted {
		value, ok := strings.CutPrefix(text, kubernetesKind+"=")
		var r Rule
		if ok && json.Unmarshal([]byte(value), &r) == nil {
			out = append(out, r)
		}
	}
	return out
}

// Cluster says that a rule is about all namespaces, or names what is in none. "*" of resources does not: it is taken to mean
// those of the namespace.
func (r Rule) Cluster() bool {
	if slices.Contains(r.Namespaces, "*") {
		return true
	}
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			if group != "*" && resource != "*" && !namespaced(Access{Group: group, Resource: resource}) {
				return true
			}
		}
	}
	return false
}

// namespaced says whether a request without a namespace would reach into all of them. Which resources have namespaces only the
// cluster knows, so rules name those without one: everything else is taken to have one.
func namespaced(a Access) bool {
	resource, _, _ := strings.Cut(a.Resource, "/")
	switch a.Group {
	case "":
		return !slices.Contains([]string{"nodes", "persistentvolumes", "namespaces", "componentstatuses"}, resource)
	case "rbac.authorization.k8s.io":
		return resource != "clusterroles" && resource != "clusterrolebindings"
	case "apiextensions.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "node.k8s.io", "admissionregistration.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io":
		return a.Group == "storage.k8s.io" && resource == "csistoragecapacities"
	}
	return true
}
