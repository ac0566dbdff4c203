package charm

import (
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// Meta is metadata.yaml, or its part of charmcraft.yaml.
type Meta struct {
	Name           string               `yaml:"name" json:"name"`
	Summary        string               `yaml:"summary" json:"summary,omitempty"`
	Description    string               `yaml:"description" json:"description,omitempty"`
	DisplayName    string               `yaml:"display-name" json:"display-name,omitempty"`
	Maintainer     string               `yaml:"maintainer" json:"maintainer,omitempty"`
	Maintainers    []string             `yaml:"maintainers" json:"maintainers,omitempty" short:"true"`
	Docs           string               `yaml:"docs" json:"docs,omitempty"`
	Issues         []string             `yaml:"issues" json:"issues,omitempty" short:"true"`
	Source         []string             `yaml:"source" json:"source,omitempty" short:"true"`
	Website        []string             `yaml:"website" json:"website,omitempty" short:"true"`
	Links          map[string]any       `yaml:"links" json:"links,omitempty"`
	Categories     []string             `yaml:"categories" json:"categories,omitempty"`
	Tags           []string             `yaml:"tags" json:"tags,omitempty"`
	Terms          []string             `yaml:"terms" json:"terms,omitempty"`
	Series         []string             `yaml:"series" json:"series,omitempty"`
	Subordinate    bool                 `yaml:"subordinate" json:"subordinate,omitempty"`
	Provides       map[string]Relation  `yaml:"provides" json:"provides,omitempty"`
	Requires       map[string]Relation  `yaml:"requires" json:"requires,omitempty"`
	Peers          map[string]Relation  `yaml:"peers" json:"peers,omitempty"`
	ExtraBindings  map[string]any       `yaml:"extra-bindings" json:"extra-bindings,omitempty"`
	Storage        map[string]Storage   `yaml:"storage" json:"storage,omitempty"`
	Devices        map[string]Device    `yaml:"devices" json:"devices,omitempty"`
	Deployment     *Deployment          `yaml:"deployment" json:"deployment,omitempty"`
	Payloads       map[string]Payload   `yaml:"payloads" json:"payloads,omitempty"`
	Resources      map[string]Resource  `yaml:"resources" json:"resources,omitempty"`
	Containers     map[string]Container `yaml:"containers" json:"containers,omitempty"`
	MinJujuVersion string               `yaml:"min-juju-version" json:"min-juju-version,omitempty"`
	Assumes        []any                `yaml:"assumes" json:"assumes,omitempty"`
	// Permissions are what the charm does outside of its own units; nil = nothing.
	Permissions *grant.Permissions `yaml:"permissions" json:"permissions,omitempty"`
	// CharmUser is root, sudoer or non-root; root when not given.
	CharmUser string `yaml:"charm-user" json:"charm-user,omitempty"`
}

// Role is the side of a relation an endpoint takes.
type Role string

// The roles.
const (
	Provider Role = "provider"
	Requirer Role = "requirer"
	Peer     Role = "peer"
)

// Scope says which units of a relation see each other.
type Scope string

// The scopes.
const (
	// ScopeGlobal: all units see all units of the other side.
	ScopeGlobal Scope = "global"
	// ScopeContainer: a unit sees only the counterpart placed with it.
	ScopeContainer Scope = "container"
)

// Relation is one endpoint. A scalar in its place is the interface.
type Relation struct {
	Interface   string `yaml:"interface" json:"interface" short:"true"`
	Description string `yaml:"description" json:"description,omitempty"`
	// Limit is the number of relations allowed, 0 for any.
	Limit int `yaml:"limit" json:"limit,omitempty"`
	// Optional informs people; nothing depends on it.
	Optional bool `yaml:"optional" json:"optional,omitempty"`
	// Scope is global when not given.
	Scope Scope `yaml:"scope" json:"scope,omitempty"`
}

// Endpoint is a Relation with what its place in the metadata says.
type Endpoint struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Relation
}

// ImplicitEndpoint is provided by every charm without being declared.
const ImplicitEndpoint = "juju-info"

// Endpoints returns every endpoint sorted by name, with the implicit juju-info
// and with the scope filled in.
func (m *Meta) Endpoints() []Endpoint {
	out := []Endpoint{{Name: ImplicitEndpoint, Role: Provider,
		Relation: Relation{Interface: ImplicitEndpoint, Scope: ScopeGlobal}}}
	add := func(role Role, relations map[string]Relation) {
		for name, r := range relations {
			if r.Scope == "" {
				r.Scope = ScopeGlobal
			}
			if name == ImplicitEndpoint {
				out = out[1:] // the charm's own takes its place
			}
			out = append(out, Endpoint{Name: name, Role: role, Relation: r})
		}
	}
	add(Provider, m.Provides)
	add(Requirer, m.Requires)
	add(Peer, m.Peers)
	slices.SortFunc(out, func(a, b Endpoint) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Endpoint returns the endpoint of that name.
func (m *Meta) Endpoint(name string) (Endpoint, bool) {
	for _, e := range m.Endpoints() {
		if e.Name == name {
			return e, true
		}
	}
	return Endpoint{}, false
}

// Storage is a store the charm asks for.
type Storage struct {
	// Type is filesystem or block.
	Type        string   `yaml:"type" json:"type"`
	Description string   `yaml:"description" json:"description,omitempty"`
	Shared      bool     `yaml:"shared" json:"shared,omitempty"`
	ReadOnly    bool     `yaml:"read-only" json:"read-only,omitempty"`
	Multiple    Multiple `yaml:"multiple" json:"multiple,omitzero"`
	// MinimumSize is a number with a unit, e.g. "10G"; see Bytes.
	MinimumSize string   `yaml:"minimum-size" json:"minimum-size,omitempty"`
	Location    string   `yaml:"location" json:"location,omitempty"`
	Properties  []string `yaml:"properties" json:"properties,omitempty"`
}

// Multiple says how many instances a store may have.
type Multiple struct {
	// Range is N, N-, N+ or N-M; see Counts.
	Range string `yaml:"range" json:"range,omitempty"`
}

// Device is a kind of device the charm asks for.
type Device struct {
	Description string `yaml:"description" json:"description,omitempty"`
	Type        string `yaml:"type" json:"type"`
	CountMin    int    `yaml:"countmin" json:"countmin,omitempty"`
	CountMax    int    `yaml:"countmax" json:"countmax,omitempty"`
}

// Deployment is how charms older than containers asked for a workload shape.
type Deployment struct {
	Type       string `yaml:"type" json:"type,omitempty"`
	Mode       string `yaml:"mode" json:"mode,omitempty"`
	Service    string `yaml:"service" json:"service,omitempty"`
	MinVersion string `yaml:"min-version" json:"min-version,omitempty"`
}

// Payload is a declared payload; kept so that existing charms load.
type Payload struct {
	Type string `yaml:"type" json:"type,omitempty"`
}

// Resource is a file or image that is delivered beside the charm.
type Resource struct {
	// Type is file or oci-image.
	Type string `yaml:"type" json:"type"`
	// Filename is the name a file resource gets, without "/".
	Filename       string `yaml:"filename" json:"filename,omitempty"`
	Description    string `yaml:"description" json:"description,omitempty"`
	UpstreamSource string `yaml:"upstream-source" json:"upstream-source,omitempty"`
}

// Container is a workload container beside the charm.
type Container struct {
	// Resource names the oci-image resource of the file system.
	Resource string  `yaml:"resource" json:"resource,omitempty"`
	Bases    []Base  `yaml:"bases" json:"bases,omitempty"`
	Mounts   []Mount `yaml:"mounts" json:"mounts,omitempty"`
	UID      *int    `yaml:"uid" json:"uid,omitempty"`
	GID      *int    `yaml:"gid" json:"gid,omitempty"`
}

// Mount puts a store into a container; one store may have several locations.
type Mount struct {
	Storage  string `yaml:"storage" json:"storage"`
	Location string `yaml:"location" json:"location,omitempty"`
}

// Base is an operating system a charm or container runs on.
type Base struct {
	Name          string   `yaml:"name" json:"name"`
	Channel       string   `yaml:"channel" json:"channel,omitempty"`
	Architectures []string `yaml:"architectures" json:"architectures,omitempty"`
}

// Manifest is manifest.yaml, written when a charm is packed.
type Manifest struct {
	Bases []Base `yaml:"bases" json:"bases,omitempty"`
}
