package placement

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/model"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// SpecInput is all that an application's spec is made of.
type SpecInput struct {
	Model        *controllerv1.Model
	Application  *controllerv1.Application
	Charm        *charm.Charm
	Units        []UnitInput // in any order
	AgentVersion string
	Join         *substratev1.JoinMaterial
	// Pools are the model's own, by name.
	Pools map[string]*controllerv1.StoragePool
	// Credentials are what the application's images need to be pulled, by resource.
	Credentials map[string]map[string]string
}

// UnitInput is one unit and what belongs to it.
type UnitInput struct {
	Unit        *controllerv1.Unit
	Incarnation string
	Ports       *controllerv1.Ports
	Storage     []*controllerv1.StorageInstance
}

// Spec says what places an application wants. It is pure and its lists are
// sorted, so that equal models give equal specs. Dead units have no place.
func Spec(in SpecInput) *substratev1.ApplicationSpec {
	app, meta := in.Application, &in.Charm.Meta
	limits, err := ParseConstraints(app.GetConstraints())
	if err != nil {
		limits = Constraints{} // refused before it was stored; a newer controller may have known it
	}
	spec := &substratev1.ApplicationSpec{
		ModelUuid: in.Model.GetUuid(), ModelName: in.Model.GetName(), Application: app.GetName(),
		CharmDigest: app.GetCharmDigest(), Runtime: app.GetRuntime(), AgentVersion: in.AgentVersion,
		Containers: containers(in, limits), Storage: storage(in), Constraints: app.GetConstraints(),
		Exposed: app.GetExposed(), Trust: app.GetTrust(), CharmUser: meta.CharmUser, CharmModifiedVersion: app.GetModifiedVersion(),
		Labels: map[string]string{"charm": meta.Name}, Join: in.Join, Permissions: permissions(app),
	}
	if bases := in.Charm.Manifest.Bases; len(bases) > 0 {
		spec.CharmBase = bases[0].Name + "@" + bases[0].Channel
	}
	if meta.Deployment != nil && meta.Deployment.Mode == "operator" {
		spec.DeploymentMode = "operator"
	}
	for _, d := range meta.Devices {
		if spec.Devices == nil {
			spec.Devices = &substratev1.Devices{Counts: map[string]uint32{}}
		}
		spec.Devices.Counts[d.Type] += uint32(max(d.CountMin, 0))
	}
	units(spec, in)
	return spec
}

// permissions are the rules of the Kubernetes API that the user granted; what the charm merely declares is not among them.
func permissions(app *controllerv1.Application) []*substratev1.Permission {
	var list []*substratev1.Permission
	for _, r := range grant.Rules(app.GetGrants()) {
		list = append(list, &substratev1.Permission{ApiGroups: r.APIGroups, Resources: r.Resources, Verbs: r.Verbs, Names: r.Names,
			Namespaces: r.Namespaces, Cluster: r.Cluster()})
	}
	return list
}

// units adds the units that have a place, and the ports that they opened if
// the application is exposed.
func units(spec *substratev1.ApplicationSpec, in SpecInput) {
	for _, u := range in.Units {
		if u.Unit.GetLife() == controllerv1.Life_LIFE_DEAD {
			continue
		}
		us := &substratev1.UnitSpec{Name: u.Unit.GetName(), Draining: u.Unit.GetLife() == controllerv1.Life_LIFE_DYING, Incarnation: u.Incarnation, Principal: u.Unit.GetPrincipal()}
		for _, s := range u.Storage {
			us.Storage = append(us.Storage, attachment(s, in.Charm.Meta.Storage[s.GetName()], in.Pools[s.GetPool()], us.Draining))
		}
		slices.SortFunc(us.Storage, func(a, b *substratev1.StorageAttachment) int { return cmp.Compare(a.GetId(), b.GetId()) })
		spec.Units = append(spec.Units, us)
		for _, r := range u.Ports.GetRanges() {
			if spec.Exposed && r.GetProtocol() != "icmp" {
				spec.Ports = append(spec.Ports, &substratev1.Port{Protocol: r.GetProtocol(), From: r.GetFrom(), To: r.GetTo()})
			}
		}
	}
	slices.SortFunc(spec.Units, func(a, b *substratev1.UnitSpec) int { return model.CompareUnits(a.GetName(), b.GetName()) })
	byPort := func(a, b *substratev1.Port) int {
		return cmp.Or(cmp.Compare(a.GetProtocol(), b.GetProtocol()), cmp.Compare(a.GetFrom(), b.GetFrom()), cmp.Compare(a.GetTo(), b.GetTo()))
	}
	slices.SortFunc(spec.Ports, byPort)
	spec.Ports = slices.CompactFunc(spec.Ports, func(a, b *substratev1.Port) bool { return byPort(a, b) == 0 })
}

// attachment is one storage of a unit. It stays while the unit has not run its
// storage-detaching.
func attachment(s *controllerv1.StorageInstance, declared charm.Storage, pool *controllerv1.StoragePool, draining bool) *substratev1.StorageAttachment {
	return &substratev1.StorageAttachment{Id: s.GetId(), Name: s.GetName(), Kind: s.GetKind(), SizeBytes: s.GetSizeBytes(), Pool: s.GetPool(),
		Location: model.StorageLocation(s.GetId(), declared), Shared: s.GetShared(), ReadOnly: s.GetReadOnly(),
		PoolProvider: pool.GetProvider(), PoolAttributes: pool.GetAttributes(),
		Detaching: draining || s.GetStatus() == model.StorageDetaching || s.GetLife() != controllerv1.Life_LIFE_ALIVE}
}

// containers are the charm's workload containers, each with the image or
// directory that its resource names.
func containers(in SpecInput, limits Constraints) []*substratev1.Container {
	app, meta := in.Application, &in.Charm.Meta
	var list []*substratev1.Container
	for _, name := range slices.Sorted(maps.Keys(meta.Containers)) {
		c := meta.Containers[name]
		out := &substratev1.Container{Name: name, MemoryBytes: limits.MemoryBytes, CpuMillis: limits.CPUMillis, Uid: id(c.UID), Gid: id(c.GID)}
		given := app.GetResources()[c.Resource]
		switch {
		case strings.HasPrefix(given, "/"):
			out.Root = given
		case given != "":
			out.Image = given
		default:
			out.Image = meta.Resources[c.Resource].UpstreamSource
		}
		if given != "" {
			out.ImageCredentials = in.Credentials[c.Resource]
		}
		for _, m := range c.Mounts {
			out.Mounts = append(out.Mounts, &substratev1.Mount{Storage: m.Storage, Location: m.Location})
		}
		list = append(list, out)
	}
	return list
}

func id(n *int) *uint32 {
	if n == nil || *n < 0 {
		return nil
	}
	v := uint32(*n)
	return &v
}

// storage is what each unit gets of every store: the user's directive, else
// the least that the charm declares.
func storage(in SpecInput) []*substratev1.Storage {
	app, meta := in.Application, &in.Charm.Meta
	var list []*substratev1.Storage
	for _, name := range slices.Sorted(maps.Keys(meta.Storage)) {
		s := meta.Storage[name]
		d := model.StorageDirective(app.GetStorage()[name], s)
		_, most, err := s.Counts()
		pool := in.Pools[d.GetPool()]
		list = append(list, &substratev1.Storage{
			Name: name, Kind: s.Type, Count: d.GetCount(), SizeBytes: d.GetSizeBytes(), Pool: d.GetPool(),
			Location: s.Location, Shared: s.Shared, ReadOnly: s.ReadOnly, Multiple: err == nil && most != 1,
			PoolProvider: pool.GetProvider(), PoolAttributes: pool.GetAttributes(),
		})
	}
	return list
}
