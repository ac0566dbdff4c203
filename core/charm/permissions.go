package charm

import (
	"slices"

	"github.com/bangle-dev/bangle/sdk/wasm/abi"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// Granted is what the charm's runtime is told that it may do, with what the user granted. A charm that cannot be held to it
// gets nothing said.
func (c *Charm) Granted(grants []string) []string {
	if c.Runtime != Wasm {
		return nil
	}
	return grant.Load(abi.Modules(), grant.Opens(grants), grants)
}

// Declared is the same when everything that the charm asks for was granted: what it calls beyond is its mistake.
func (c *Charm) Declared() []string {
	if c.Runtime != Wasm {
		return nil
	}
	declared, err := c.Meta.Permissions.Grants()
	if err != nil {
		declared = nil // said where the charm was read
	}
	return grant.Load(abi.Modules(), c.Meta.Permissions.Uses(), declared)
}

// Reaches says whether the charm may reach one of its containers.
func (c *Charm) Reaches(container string) bool {
	p := c.Meta.Permissions
	return c.Runtime != Wasm || p == nil || p.Supervisor == nil || slices.Contains(p.Supervisor, container)
}

// Relates says whether the charm sees the relations of one of its endpoints.
func (c *Charm) Relates(endpoint string) bool {
	return c.RelatesToAll() || slices.Contains(c.Meta.Permissions.Relations, endpoint)
}

// RelatesToAll says that the charm names no endpoints to be narrowed to, as most do not.
func (c *Charm) RelatesToAll() bool {
	p := c.Meta.Permissions
	return c.Runtime != Wasm || p == nil || p.Relations == nil
}

// Outside are the capabilities that grants open to the charm.
func (c *Charm) Outside(grants []string) []string {
	if c.Runtime != Wasm {
		return nil
	}
	return grant.Opens(grants)
}
