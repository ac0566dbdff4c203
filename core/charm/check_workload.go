package charm

import (
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/bangle-dev/bangle/core/charm/diag"
)

// Ids kept for the accounts of people and of the charm itself.
const (
	firstReservedID = 1000
	lastReservedID  = 9999
)

func (c metaCheck) storage() {
	for _, name := range slices.Sorted(maps.Keys(c.meta.Storage)) {
		s, at := c.meta.Storage[name], []string{"storage", name}
		if !endpointPattern.MatchString(name) {
			c.Errorf(at, "storage name %q is not valid; allowed: %s", name, endpointRule)
		}
		if s.Type == "" {
			c.Errorf(at, "storage %q has no type; allowed: filesystem, block", name)
		}
		c.oneOf(append(at, "type"), fmt.Sprintf("type of storage %q", name), s.Type, "filesystem", "block")
		if _, _, err := s.Counts(); err != nil {
			c.Errorf(append(at, "multiple", "range"), "storage %q: %s", name, err)
		}
		if _, err := s.Bytes(); err != nil {
			c.Errorf(append(at, "minimum-size"), "storage %q: minimum-size: %s", name, err)
		}
		if s.Location != "" && !path.IsAbs(s.Location) {
			c.Errorf(append(at, "location"), "location %q of storage %q is not valid; allowed: an absolute path", s.Location, name)
		}
		for _, p := range s.Properties {
			c.oneOf(append(at, "properties"), fmt.Sprintf("property of storage %q", name), p, "transient")
		}
	}
}

func (c metaCheck) containers() {
	for _, name := range slices.Sorted(maps.Keys(c.meta.Containers)) {
		ct, at := c.meta.Containers[name], []string{"containers", name}
		if len(name) > 63 || !containerPattern.MatchString(name) {
			c.Errorf(at, "container name %q is not valid; allowed: %s", name, containerRule)
		}
		if ct.Resource != "" && len(ct.Bases) > 0 {
			c.Errorf(at, "container %q has both resource and bases; allowed: one of them", name)
		}
		if ct.Resource != "" {
			c.image(append(at, "resource"), name, ct.Resource)
		}
		for i, b := range ct.Bases {
			if b.Name == "" || b.Channel == "" {
				c.Errorf(append(at, "bases"), "base %d of container %q needs both name and channel", i+1, name)
			}
		}
		c.mounts(append(at, "mounts"), name, ct.Mounts)
		c.id(append(at, "uid"), name, "uid", ct.UID)
		c.id(append(at, "gid"), name, "gid", ct.GID)
	}
}

func (c metaCheck) image(at []string, container, resource string) {
	r, ok := c.meta.Resources[resource]
	switch {
	case !ok:
		c.Errorf(at, "container %q names unknown resource %q; allowed: %s", container, resource, diag.Names(c.meta.Resources))
	case r.Type != "oci-image":
		c.Errorf(at, "container %q names resource %q of type %q; allowed: a resource of type oci-image", container, resource, r.Type)
	}
}

func (c metaCheck) mounts(at []string, container string, mounts []Mount) {
	locations := map[string]bool{}
	for _, m := range mounts {
		s, known := c.meta.Storage[m.Storage]
		switch {
		case m.Storage == "":
			c.Errorf(at, "a mount of container %q has no storage; add a key \"storage\"", container)
		case !known:
			c.Errorf(at, "container %q mounts unknown storage %q; allowed: %s", container, m.Storage, diag.Names(c.meta.Storage))
		case s.Type == "block" && m.Location != "":
			c.Warnf(at, "container %q mounts block storage %q at a location; a block device has none", container, m.Storage)
		}
		if m.Location == "" {
			continue
		}
		if !path.IsAbs(m.Location) {
			c.Errorf(at, "container %q mounts storage %q at %q; allowed: an absolute path", container, m.Storage, m.Location)
		}
		if clean := path.Clean(m.Location); locations[clean] {
			c.Errorf(at, "container %q has two mounts at %q; a location takes one", container, clean)
		} else {
			locations[clean] = true
		}
	}
}

func (c metaCheck) id(at []string, container, what string, id *int) {
	switch {
	case id == nil:
	case *id < 0:
		c.Errorf(at, "%s of container %q is %d; allowed: 0 or more", what, container, *id)
	case *id >= firstReservedID && *id <= lastReservedID:
		c.Errorf(at, "%s of container %q is %d, and %d to %d are reserved; allowed: 0 to %d, or %d and more",
			what, container, *id, firstReservedID, lastReservedID, firstReservedID-1, lastReservedID+1)
	}
}

func (c metaCheck) devices() {
	for _, name := range slices.Sorted(maps.Keys(c.meta.Devices)) {
		d, at := c.meta.Devices[name], []string{"devices", name}
		if d.Type == "" {
			c.Errorf(at, "device %q has no type; allowed: gpu, nvidia.com/gpu, amd.com/gpu", name)
		}
		c.oneOf(append(at, "type"), fmt.Sprintf("type of device %q", name), d.Type, "gpu", "nvidia.com/gpu", "amd.com/gpu")
		if d.CountMin < 0 || d.CountMax < 0 || (d.CountMax > 0 && d.CountMax < d.CountMin) {
			c.Errorf(at, "device %q has countmin %d and countmax %d; allowed: 0 or more, countmax not below countmin", name, d.CountMin, d.CountMax)
		}
	}
}

func (c metaCheck) deployment() {
	d := c.meta.Deployment
	if d == nil {
		return
	}
	c.oneOf([]string{"deployment", "type"}, "deployment type", d.Type, "stateless", "stateful", "daemon")
	c.oneOf([]string{"deployment", "mode"}, "deployment mode", d.Mode, "operator", "workload", "embedded")
	c.oneOf([]string{"deployment", "service"}, "deployment service", d.Service, "cluster", "loadbalancer", "external", "omit")
}
