package local

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"

	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
)

// wanted is the record of a unit as the spec has it; processes and roots are
// not known yet.
func (l *layout) wanted(spec *substratev1.ApplicationSpec, unit *substratev1.UnitSpec, revision uint64) *record {
	model := spec.GetModelUuid()
	r := &record{
		Schema: schema, ModelUUID: model, Application: spec.GetApplication(), Unit: unit.GetName(), Principal: unit.GetPrincipal(),
		Incarnation: unit.GetIncarnation(), ProviderID: model8(model) + "/" + unit.GetName(), Token: rand.Text(), Revision: revision,
	}
	for _, a := range unit.GetStorage() {
		r.Storage = append(r.Storage, storage{ID: a.GetId(), Name: a.GetName(), Kind: a.GetKind(), Location: l.storageDir(model, a.GetId())})
	}
	for _, c := range spec.GetContainers() {
		r.Containers = append(r.Containers, container{
			Name: c.GetName(), Source: ownRoot(c), Socket: l.socket(model, unit.GetName(), c.GetName()), Mounts: mounts(c, spec, r.Storage),
		})
	}
	return r
}

// mounts says where a container finds the unit's storage. Of a storage that a
// unit may have several of, each lies in a directory of its number.
func mounts(c *substratev1.Container, spec *substratev1.ApplicationSpec, attached []storage) []mount {
	several := map[string]bool{}
	for _, s := range spec.GetStorage() {
		several[s.GetName()] = s.GetMultiple() || s.GetCount() > 1
	}
	var list []mount
	for _, m := range c.GetMounts() {
		for _, s := range attached {
			if s.Name != m.GetStorage() {
				continue
			}
			location := m.GetLocation()
			if several[s.Name] {
				_, number, _ := strings.Cut(s.ID, "/")
				location = filepath.Join(location, number)
			}
			list = append(list, mount{Storage: s.Name, Location: location, Source: s.Location})
		}
	}
	return list
}

// variables tell a supervisor, and through it every workload, where storage
// lies: without a root of its own a container cannot have it at the location
// that the charm declares.
func (c container) variables() []string {
	var env []string
	for _, m := range c.Mounts {
		path := m.Source
		if c.Root != "" {
			path = m.Location
		}
		env = append(env, fmt.Sprintf("BANGLE_STORAGE_%s=%s", variable(m.Storage), path))
	}
	return env
}

func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z' || r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// ownRoot is the root that a container was given, "" for the machine's own: a
// container that is told to live in "/" needs no file system made for it, and
// nothing is to be made in the machine's.
func ownRoot(c *substratev1.Container) string {
	if c.GetRoot() == "" || filepath.Clean(c.GetRoot()) == "/" {
		return ""
	}
	return c.GetRoot()
}
