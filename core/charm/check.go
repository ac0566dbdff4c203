package charm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm/diag"
)

var (
	appNamePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$`)
	endpointPattern  = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)
	containerPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
)

const (
	appNameRule   = "lower-case letters, digits and \"-\", starting with a letter, no part between \"-\" only digits"
	endpointRule  = "lower-case letters and digits with single \"-\" or \"_\" between them, starting with a letter"
	containerRule = "at most 63 lower-case letters, digits and \"-\", starting and ending with a letter or digit"
)

// ValidAppName reports whether name can be a charm or an application.
func ValidAppName(name string) bool { return appNamePattern.MatchString(name) }

// AppNameRule says, for messages, what ValidAppName allows.
const AppNameRule = appNameRule

// metaCheck finds what is wrong with metadata beyond its YAML.
type metaCheck struct {
	diag.Reporter
	meta *Meta
	// v2 says that the package has the format that knows containers and assumes.
	v2 bool
}

func (c metaCheck) all() {
	m := c.meta
	switch {
	case m.Name == "":
		c.Errorf(nil, "has no name; add a key \"name\"")
	case !ValidAppName(m.Name):
		c.Errorf([]string{"name"}, "charm name %q is not valid; allowed: %s", m.Name, appNameRule)
	}
	c.oneOf([]string{"charm-user"}, "charm-user", m.CharmUser, "root", "sudoer", "non-root")
	if m.MinJujuVersion != "" && !versionPattern.MatchString(m.MinJujuVersion) {
		c.Errorf([]string{"min-juju-version"}, "min-juju-version %q is not a version; allowed: numbers such as \"3.6.0\"", m.MinJujuVersion)
	}
	_, problems := parseAssumes(m.Assumes)
	for _, i := range slices.Sorted(maps.Keys(problems)) {
		c.Errorf([]string{"assumes"}, "%s", problems[i])
	}
	if len(m.Series) > 0 && !c.v2 {
		for _, key := range []string{"containers", "assumes"} {
			if c.Doc.Has(key) {
				c.Errorf([]string{key}, "%s is not allowed beside series; replace series by bases in manifest.yaml or charmcraft.yaml", key)
			}
		}
	}
	c.relations()
	c.bindings()
	c.storage()
	c.resources()
	c.containers()
	c.devices()
	c.deployment()
	c.permissions()
}

// permissions must be grants that a user could give.
func (c metaCheck) permissions() {
	p := c.meta.Permissions
	if _, err := p.Grants(); err != nil {
		c.Errorf([]string{"permissions"}, "%s", err)
	}
	if p == nil {
		return
	}
	for _, name := range p.Supervisor {
		if _, ok := c.meta.Containers[name]; !ok {
			c.Errorf([]string{"permissions", "supervisor"}, "container %q does not exist; the charm's containers are [%s]", name,
				strings.Join(slices.Sorted(maps.Keys(c.meta.Containers)), " "))
		}
	}
	for _, name := range p.Relations {
		if _, ok := c.meta.Endpoint(name); !ok {
			var known []string
			for _, e := range c.meta.Endpoints() {
				known = append(known, e.Name)
			}
			c.Errorf([]string{"permissions", "relations"}, "endpoint %q does not exist; the charm's endpoints are [%s]", name, strings.Join(known, " "))
		}
	}
}

// oneOf reports a value that is neither empty nor allowed.
func (c metaCheck) oneOf(path []string, what, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.Errorf(path, "%s is %q; allowed: %s", what, value, strings.Join(allowed, ", "))
	}
}

func reserved(name string) bool { return name == "juju" || strings.HasPrefix(name, "juju-") }

func (c metaCheck) relations() {
	seen := map[string]string{}
	tethered := false
	for _, section := range []string{"provides", "requires", "peers"} {
		relations := map[string]map[string]Relation{"provides": c.meta.Provides, "requires": c.meta.Requires, "peers": c.meta.Peers}[section]
		for _, name := range slices.Sorted(maps.Keys(relations)) {
			r := relations[name]
			if first, ok := seen[name]; ok {
				c.Errorf([]string{section, name}, "relation name %q is in both %s and %s; relation names are unique in a charm", name, first, section)
			}
			seen[name] = section
			c.relation(section, name, r)
			tethered = tethered || section == "requires" && r.Scope == ScopeContainer
		}
	}
	if c.meta.Subordinate && !tethered {
		c.Errorf([]string{"subordinate"}, "a subordinate charm needs a relation under requires with \"scope: container\"")
	}
}

func (c metaCheck) relation(section, name string, r Relation) {
	path := []string{section, name}
	if !endpointPattern.MatchString(name) {
		c.Errorf(path, "relation name %q in %s is not valid; allowed: %s", name, section, endpointRule)
	}
	// A subordinate may bind itself to its principal through juju-info.
	tether := c.meta.Subordinate && section == "requires" && r.Scope == ScopeContainer
	if reserved(name) && !tether {
		c.Errorf(path, "relation name %q in %s is reserved; allowed: names that do not start with \"juju-\"", name, section)
	}
	switch {
	case r.Interface == "":
		c.Errorf(path, "relation %q in %s has no interface; add a key \"interface\"", name, section)
	case section != "requires" && reserved(r.Interface):
		c.Errorf(append(path, "interface"), "interface %q of relation %q in %s is reserved; allowed: names that do not start with \"juju-\"", r.Interface, name, section)
	}
	if r.Limit < 0 {
		c.Errorf(append(path, "limit"), "limit of relation %q in %s is %d; allowed: 0 for any number, or more", name, section, r.Limit)
	}
	c.oneOf(append(path, "scope"), fmt.Sprintf("scope of relation %q in %s", name, section), string(r.Scope), string(ScopeGlobal), string(ScopeContainer))
}

func (c metaCheck) bindings() {
	for _, name := range slices.Sorted(maps.Keys(c.meta.ExtraBindings)) {
		path := []string{"extra-bindings", name}
		if !endpointPattern.MatchString(name) {
			c.Errorf(path, "extra binding %q is not valid; allowed: %s", name, endpointRule)
		}
		if _, ok := c.meta.Endpoint(name); ok && name != ImplicitEndpoint {
			c.Errorf(path, "extra binding %q is a relation too; a relation has a binding of its own, remove one of them", name)
		}
		if c.meta.ExtraBindings[name] != nil {
			c.Errorf(path, "extra binding %q has a value; allowed: the name alone, as in \"%s:\"", name, name)
		}
	}
}

func (c metaCheck) resources() {
	for _, name := range slices.Sorted(maps.Keys(c.meta.Resources)) {
		r, path := c.meta.Resources[name], []string{"resources", name}
		if name == "" || strings.ContainsAny(name, "/ \t\n") {
			c.Errorf(path, "resource name %q is not valid; allowed: text without \"/\" and spaces", name)
		}
		if r.Type == "" {
			c.Errorf(path, "resource %q has no type; allowed: file, oci-image", name)
		}
		c.oneOf(append(path, "type"), fmt.Sprintf("type of resource %q", name), r.Type, "file", "oci-image")
		if r.Type == "file" && r.Filename == "" {
			c.Errorf(path, "resource %q has type file and no filename; add a key \"filename\"", name)
		}
		if strings.Contains(r.Filename, "/") || r.Filename == "." || r.Filename == ".." {
			c.Errorf(append(path, "filename"), "filename %q of resource %q is not valid; allowed: a name without \"/\"", r.Filename, name)
		}
	}
}
