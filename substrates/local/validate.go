package local

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	substratev1 "github.com/bangle-dev/bangle/sdk/proto/gen/substrate/v1"
	"github.com/bangle-dev/bangle/substrates/local/image"
)

// Validate says what cannot be had on a laptop.
func (s *Substrate) Validate(ctx context.Context, spec *substratev1.ApplicationSpec) ([]*substratev1.Diagnostic, error) {
	if _, err := s.layout(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	space := s.space
	s.mu.Unlock()
	m := machine{uid: os.Getuid(), refused: space.refused(ctx), look: image.Look}
	return append(m.check(spec), names(spec)...), nil
}

// machine is what decides about a spec.
type machine struct {
	uid     int
	refused error // why there are no namespaces
	look    func(path string) (image.Kind, error)
}

func fault(key, message, hint string) *substratev1.Diagnostic {
	return &substratev1.Diagnostic{Severity: "error", Key: key, Message: message, Hint: hint}
}

// check finds everything that is wrong.
func (m machine) check(spec *substratev1.ApplicationSpec) (found []*substratev1.Diagnostic) {
	app := spec.GetApplication()
	for _, key := range slices.Sorted(maps.Keys(spec.GetConstraints())) {
		if spec.GetConstraints()[key] == "" {
			continue
		}
		found = append(found, fault("constraints."+key,
			fmt.Sprintf("cannot place %s: substrate local knows no constraint %q: a process of this machine has what the machine has", app, key),
			"leave the constraint out"))
	}
	for _, key := range slices.Sorted(maps.Keys(spec.GetPlacement())) {
		found = append(found, fault("placement."+key, fmt.Sprintf("cannot place %s: substrate local has one machine, placement %q means nothing here", app, key),
			"leave --to out"))
	}
	found = append(found, stores(spec)...)
	for _, c := range spec.GetContainers() {
		found = append(found, m.container(app, c)...)
	}
	if len(spec.GetContainers()) > 0 && spec.GetRuntime() != "wasm" && m.refused != nil {
		found = append(found, fault("namespaces",
			fmt.Sprintf("cannot place %s: its charm is a program that finds its containers under /charm, and %s", app, m.refused), mends))
	}
	return found
}

// providers are the names of the only one that there is: directories of this machine. Juju calls it rootfs.
func providers() []string { return []string{"local", "rootfs"} }

// stores checks the storage that is wanted.
func stores(spec *substratev1.ApplicationSpec) (found []*substratev1.Diagnostic) {
	app := spec.GetApplication()
	for _, st := range spec.GetStorage() {
		key := "storage." + st.GetName()
		if st.GetKind() == "block" {
			found = append(found, fault(key, fmt.Sprintf("cannot place %s: storage %s is of type block, substrate local has filesystem only", app, st.GetName()),
				"use a substrate with block storage"))
		}
		if of := cmp.Or(st.GetPoolProvider(), st.GetPool()); of != "" && !slices.Contains(providers(), of) {
			found = append(found, fault(key, fmt.Sprintf("cannot place %s: storage %s is to come from pool %q (%s), substrate local has rootfs and local only", app, st.GetName(), st.GetPool(), of),
				"leave the pool out"))
		}
		if attributes := st.GetPoolAttributes(); len(attributes) > 0 {
			found = append(found, &substratev1.Diagnostic{Severity: "warning", Key: key,
				Message: fmt.Sprintf("pool %q has attributes (%s): substrate local uses none of them; storage is a directory of this machine", st.GetPool(), strings.Join(slices.Sorted(maps.Keys(attributes)), ", "))})
		}
	}
	return found
}

// container checks one container.
func (m machine) container(app string, c *substratev1.Container) (found []*substratev1.Diagnostic) {
	key := "containers." + c.GetName()
	switch {
	case ownRoot(c) != "":
		if _, err := m.look(c.GetRoot()); err != nil {
			found = append(found, fault(key+".resource", fmt.Sprintf("cannot place %s: the root of container %s: %s", app, c.GetName(), err),
				"give a directory, an OCI layout or a tar of either: --resource NAME=/absolute/path"))
			break
		}
		if m.refused != nil && (m.uid != 0 || len(c.GetMounts()) > 0) {
			found = append(found, fault(key+".resource", fmt.Sprintf("cannot place %s: container %s cannot have a root of its own: %s", app, c.GetName(), m.refused), mends))
		}
	case c.GetRoot() == "" && c.GetImage() != "":
		found = append(found, fault(key+".resource",
			fmt.Sprintf("cannot place %s: container %s names image %s, and substrate local has no container engine to run it", app, c.GetName(), c.GetImage()),
			"give its content instead: --resource NAME=PATH, where PATH is a directory, an OCI layout or a tar of either"))
	}
	if len(c.GetImageCredentials()) > 0 {
		found = append(found, &substratev1.Diagnostic{Severity: "warning", Key: key + ".resource",
			Message: fmt.Sprintf("the image of container %s comes with a user name or a password: substrate local pulls nothing and uses neither", c.GetName())})
	}
	for _, id := range []struct {
		key  string
		want *uint32
	}{{"uid", c.Uid}, {"gid", c.Gid}} {
		if id.want == nil || m.uid == 0 || int(*id.want) == m.uid {
			continue
		}
		found = append(found, fault(key+"."+id.key,
			fmt.Sprintf("cannot place %s: container %s wants %s %d, but its supervisor runs as user %d", app, c.GetName(), id.key, *id.want, m.uid),
			fmt.Sprintf("run bangle as root, or take %s out of the container", id.key)))
	}
	return found
}

// names are checked again although the controller did: they become paths.
func names(spec *substratev1.ApplicationSpec) (found []*substratev1.Diagnostic) {
	if err := checkNames(spec); err != nil {
		found = append(found, fault("", err.Error(), "use names of letters, digits and dashes"))
	}
	return found
}

// checkNames refuses what could not be part of a path.
func checkNames(spec *substratev1.ApplicationSpec) error {
	app := spec.GetApplication()
	if spec.GetModelUuid() == "" || !api.ValidApplication(app) {
		return errs.E(errs.Invalid, "cannot place application %q of model %q: not valid names", app, spec.GetModelUuid())
	}
	for _, u := range spec.GetUnits() {
		if of, _, err := api.SplitUnit(u.GetName()); err != nil || of != app {
			return errs.E(errs.Invalid, "cannot place unit %q: not a unit of %s", u.GetName(), app)
		}
		for _, a := range u.GetStorage() {
			if name, number, ok := strings.Cut(a.GetId(), "/"); !ok || !element(name) || !element(number) {
				return errs.E(errs.Invalid, "cannot place unit %s: storage id %q is not NAME/NUMBER", u.GetName(), a.GetId())
			}
		}
	}
	for _, c := range spec.GetContainers() {
		if !element(c.GetName()) {
			return errs.E(errs.Invalid, "cannot place %s: container %q is not a valid name", app, c.GetName())
		}
		for _, m := range c.GetMounts() {
			if !filepath.IsAbs(m.GetLocation()) {
				return errs.E(errs.Invalid, "cannot place %s: container %s mounts %s at %q, which is not an absolute path", app, c.GetName(), m.GetStorage(), m.GetLocation())
			}
		}
	}
	return nil
}

// element says whether a name can be one element of a path.
func element(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\x00") && len(name) < 200
}
