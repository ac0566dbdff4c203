// Package bundle reads bundles with their overlays, checks them, and computes
// what must be added to a model so that it holds the bundle. A bundle never
// removes anything.
package bundle

import (
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/yaml"
)

// Kubernetes is the value of the key bundle for bundles of that substrate.
const Kubernetes = "kubernetes"

// Bundle is a base document with its overlays merged in.
type Bundle struct {
	// Type is Kubernetes or "".
	Type        string   `yaml:"bundle,omitempty"`
	Name        string   `yaml:"name,omitempty"`
	Description string   `yaml:"description,omitempty"`
	Docs        string   `yaml:"docs,omitempty"`
	Website     []string `yaml:"website,omitempty" short:"true"`
	Source      []string `yaml:"source,omitempty" short:"true"`
	Issues      []string `yaml:"issues,omitempty" short:"true"`
	Tags        []string `yaml:"tags,omitempty"`
	DefaultBase string   `yaml:"default-base,omitempty"`
	Series      string   `yaml:"series,omitempty"`

	Applications map[string]*Application `yaml:"applications,omitempty"`
	Machines     map[string]*Machine     `yaml:"machines,omitempty"`
	Saas         map[string]*Saas        `yaml:"saas,omitempty"`
	// Relations have no duplicates; each entry of a one-to-many list is a
	// Relation of its own.
	Relations []Relation `yaml:"-"`
}

// Application is one application of a bundle.
type Application struct {
	// Charm is a name, or the absolute path of a local directory or zip.
	Charm    string `yaml:"charm,omitempty" json:"charm,omitempty"`
	Channel  string `yaml:"channel,omitempty" json:"channel,omitempty"`
	Revision *int   `yaml:"revision,omitempty" json:"revision,omitempty"`
	Base     string `yaml:"base,omitempty" json:"base,omitempty"`
	Series   string `yaml:"series,omitempty" json:"series,omitempty"`
	// Resources maps a name to a revision (int) or a path or image (string).
	Resources map[string]any `yaml:"resources,omitempty" json:"resources,omitempty"`
	// NumUnits and Scale mean the same; one of them may be given. See Units.
	NumUnits *int `yaml:"num_units,omitempty" json:"num_units,omitempty"`
	Scale    *int `yaml:"scale,omitempty" json:"scale,omitempty"`
	// To places the units; the last entry repeats. See ParsePlacement.
	To []string `yaml:"to,omitempty" json:"to,omitempty" short:"true"`
	// Placement is a node selector, in kubernetes bundles only.
	Placement string `yaml:"placement,omitempty" json:"placement,omitempty"`
	Expose    bool   `yaml:"expose,omitempty" json:"expose,omitempty"`
	// ExposedEndpoints is allowed only in overlays.
	ExposedEndpoints map[string]ExposedEndpoint `yaml:"exposed-endpoints,omitempty" json:"exposed-endpoints,omitempty"`
	Options          map[string]any             `yaml:"options,omitempty" json:"options,omitempty"`
	Annotations      map[string]string          `yaml:"annotations,omitempty" json:"annotations,omitempty"`
	Constraints      string                     `yaml:"constraints,omitempty" json:"constraints,omitempty"`
	Storage          map[string]string          `yaml:"storage,omitempty" json:"storage,omitempty"`
	Devices          map[string]string          `yaml:"devices,omitempty" json:"devices,omitempty"`
	Bindings         map[string]string          `yaml:"bindings,omitempty" json:"bindings,omitempty"`
	// Offers is allowed only in overlays.
	Offers map[string]Offer `yaml:"offers,omitempty" json:"offers,omitempty"`
	Plan   string           `yaml:"plan,omitempty" json:"plan,omitempty"`
	Trust  bool             `yaml:"trust,omitempty" json:"trust,omitempty"`
	// Grants are permissions beside those of Trust, in the one form that sdk/wasm/grant gives them.
	Grants []string `yaml:"grants,omitempty" json:"grants,omitempty"`
}

// Units returns the number of units asked for; given is false when the bundle
// leaves it to the charm: one unit, none for a subordinate.
func (a *Application) Units() (n int, given bool) {
	switch {
	case a.NumUnits != nil:
		return *a.NumUnits, true
	case a.Scale != nil:
		return *a.Scale, true
	}
	return 0, false
}

// Local reports whether the charm is a directory or zip on this machine.
func (a *Application) Local() bool { return isLocal(a.Charm) }

// ExposedEndpoint says from where an endpoint can be reached.
type ExposedEndpoint struct {
	ExposeToSpaces []string `yaml:"expose-to-spaces,omitempty" json:"expose-to-spaces,omitempty"`
	ExposeToCIDRs  []string `yaml:"expose-to-cidrs,omitempty" json:"expose-to-cidrs,omitempty"`
}

// Offer offers endpoints to other models.
type Offer struct {
	Endpoints []string `yaml:"endpoints" json:"endpoints"`
	// ACL maps a user to admin, consume or read.
	ACL map[string]string `yaml:"acl,omitempty" json:"acl,omitempty"`
}

// Machine is a machine that units are placed on.
type Machine struct {
	Constraints string            `yaml:"constraints,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
	Base        string            `yaml:"base,omitempty"`
	Series      string            `yaml:"series,omitempty"`
}

// Saas is an offer of another model that the bundle consumes.
type Saas struct {
	URL string `yaml:"url"`
}

// Relation is a pair of "application" or "application:endpoint".
type Relation [2]string

// Same reports whether two relations join the same endpoints, in either order.
func (r Relation) Same(other Relation) bool {
	return r == other || r == Relation{other[1], other[0]}
}

// covers reports whether live, which names its endpoints, is what r asks for.
func (r Relation) covers(live Relation) bool {
	return endpointCovers(r[0], live[0]) && endpointCovers(r[1], live[1]) ||
		endpointCovers(r[0], live[1]) && endpointCovers(r[1], live[0])
}

func endpointCovers(want, have string) bool {
	if strings.Contains(want, ":") {
		return want == have
	}
	return want == appOf(have)
}

func appOf(endpoint string) string {
	app, _, _ := strings.Cut(endpoint, ":")
	return app
}

// document is a document as it is written.
type document struct {
	Bundle    `yaml:",inline"`
	Relations []any `yaml:"relations,omitempty"`
}

// Encode writes the bundle as export-bundle prints it: what only overlays may
// hold goes into a second document.
func Encode(b *Bundle) ([]byte, error) {
	base, overlay := document{Bundle: *b}, document{}
	base.Bundle.Applications = map[string]*Application{}
	for name, app := range b.Applications {
		plain := *app
		plain.ExposedEndpoints, plain.Offers = nil, nil
		base.Bundle.Applications[name] = &plain
		if len(app.ExposedEndpoints)+len(app.Offers) > 0 {
			if overlay.Bundle.Applications == nil {
				overlay.Bundle.Applications = map[string]*Application{}
			}
			overlay.Bundle.Applications[name] = &Application{ExposedEndpoints: app.ExposedEndpoints, Offers: app.Offers}
		}
	}
	for _, r := range b.Relations {
		base.Relations = append(base.Relations, []string{r[0], r[1]})
	}
	if overlay.Bundle.Applications == nil {
		return yaml.Encode(base)
	}
	return yaml.EncodeAll(base, overlay)
}

// addRelation appends r unless it is there.
func (b *Bundle) addRelation(r Relation) {
	if !slices.ContainsFunc(b.Relations, r.Same) {
		b.Relations = append(b.Relations, r)
	}
}
