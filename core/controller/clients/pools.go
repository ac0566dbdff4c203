package clients

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxAttributes is how long a pool's attributes may be together, in bytes.
const maxAttributes = 64 << 10

func poolKey(m *snapshot.Model, name string) string {
	return store.In(m.UUID, key.Named(key.Pool, name))
}

// providersOf are the providers of storage of a model's substrate, which are pools too; none if it does not say.
func (s *Service) providersOf(ctx context.Context, m *snapshot.Model) ([]string, error) {
	providers, err := s.cfg.Places.StorageProviders(ctx, m.Record.Value.GetSubstrate())
	if err != nil {
		return nil, fmt.Errorf("cannot ask substrate %q about storage pools: %w", m.Record.Value.GetSubstrate(), err)
	}
	return providers, nil
}

// CreatePool gives a provider with attributes a name in the model.
func (s *Service) CreatePool(ctx context.Context, req *connect.Request[clientv1.CreatePoolRequest]) (*connect.Response[clientv1.CreatePoolResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		providers, err := s.providersOf(ctx, m)
		if err != nil {
			return err
		}
		if _, had := m.Pools[in.GetName()]; had || slices.Contains(providers, in.GetName()) {
			return errs.E(errs.AlreadyExists, "cannot create storage pool %q: there is one of that name; give another name, or change it with update-storage-pool", in.GetName())
		}
		if err := checkPool("create", in.GetName(), in.GetProvider(), in.GetAttributes(), providers); err != nil {
			return err
		}
		e.put(poolKey(m, in.GetName()), 0, &controllerv1.StoragePool{Name: in.GetName(), Provider: in.GetProvider(), Attributes: in.GetAttributes(), Created: e.stamp()})
		return nil
	})
	return connect.NewResponse(&clientv1.CreatePoolResponse{}), err
}

// checkPool finds everything that is wrong with a pool; verb is create or update.
func checkPool(verb, name, provider string, attributes map[string]string, providers []string) error {
	var bad problems
	if !regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9._-]{0,199}$`).MatchString(name) {
		bad.addf("cannot %s storage pool %q: a name begins with a letter and has letters, digits, dots, dashes and underscores", verb, name)
	}
	if provider == "" || len(providers) > 0 && !slices.Contains(providers, provider) {
		bad.addf("cannot %s storage pool %q: there is no storage provider %q here; allowed: %s", verb, name, provider, strings.Join(providers, ", "))
	}
	size := 0
	for k, v := range attributes {
		if size += len(k) + len(v); k == "" {
			bad.addf("cannot %s storage pool %q: an attribute has no name", verb, name)
		}
	}
	if size > maxAttributes {
		bad.addf("cannot %s storage pool %q: its attributes are %d bytes long; at most %d", verb, name, size, maxAttributes)
	}
	return bad.err()
}

// ListPools lists the model's pools and the substrate's own.
func (s *Service) ListPools(ctx context.Context, req *connect.Request[clientv1.ListPoolsRequest]) (*connect.Response[clientv1.ListPoolsResponse], error) {
	in := req.Msg
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	providers, err := s.providersOf(ctx, m)
	if err != nil {
		return nil, err
	}
	pools := m.PoolRecords()
	for _, name := range providers {
		pools[name] = &controllerv1.StoragePool{Name: name, Provider: name}
	}
	var bad problems
	for _, name := range in.GetNames() {
		if pools[name] == nil {
			bad.add(noPool(name, m, providers))
		}
	}
	for _, name := range in.GetProviders() {
		if len(providers) > 0 && !slices.Contains(providers, name) {
			bad.add(errs.E(errs.NotFound, "cannot find storage provider %q: there is %s", name, strings.Join(providers, ", ")))
		}
	}
	resp := &clientv1.ListPoolsResponse{}
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		if p := pools[name]; wanted(in.GetNames(), name) && wanted(in.GetProviders(), p.GetProvider()) {
			resp.Pools = append(resp.Pools, p)
		}
	}
	return connect.NewResponse(resp), bad.err()
}

// wanted says whether a filter lets a name through; none lets all.
func wanted(filter []string, name string) bool {
	return len(filter) == 0 || slices.Contains(filter, name)
}

// UpdatePool replaces a pool's attributes, and its provider where one is given.
func (s *Service) UpdatePool(ctx context.Context, req *connect.Request[clientv1.UpdatePoolRequest]) (*connect.Response[clientv1.UpdatePoolResponse], error) {
	in := req.Msg
	_, err := s.writeModel(ctx, in.GetModel(), func(e *edit, m *snapshot.Model) error {
		had, providers, err := s.ownPool(ctx, m, "update", in.GetName())
		if err != nil {
			return err
		}
		next := proto.CloneOf(had.Value)
		next.Attributes = in.GetAttributes()
		if in.GetProvider() != "" {
			next.Provider = in.GetProvider()
		}
		if err := checkPool("update", next.GetName(), next.GetProvider(), next.GetAttributes(), providers); err != nil {
			return err
		}
		if proto.Equal(next, had.Value) {
			return nil
		}
		if users := poolUsers(m, next.GetName()); next.GetProvider() != had.Value.GetProvider() && len(users) > 0 {
			return errs.E(errs.Conflict, "cannot update storage pool %q: %s use storage of provider %q; only attributes can change", next.GetName(), strings.Join(users, ", "), had.Value.GetProvider())
		}
		e.put(poolKey(m, next.GetName()), had.Mod, next)
		return nil
	})
	return connect.NewResponse(&clientv1.UpdatePoolResponse{}), err
}

// RemovePool removes a pool that nothing uses.
func (s *Service) RemovePool(ctx context.Context, req *connect.Request[clientv1.RemovePoolRequest]) (*connect.Response[clientv1.RemovePoolResponse], error) {
	name := req.Msg.GetName()
	_, err := s.writeModel(ctx, req.Msg.GetModel(), func(e *edit, m *snapshot.Model) error {
		had, _, err := s.ownPool(ctx, m, "remove", name)
		if err != nil {
			return err
		}
		if users := poolUsers(m, name); len(users) > 0 {
			return errs.E(errs.Conflict, "cannot remove storage pool %q: it is in use by %s", name, strings.Join(users, ", "))
		}
		e.saw(poolKey(m, name), had.Mod) // whoever begins to use it writes it
		e.remove(poolKey(m, name))
		return nil
	})
	return connect.NewResponse(&clientv1.RemovePoolResponse{}), err
}

// ownPool finds a pool that the user made.
func (s *Service) ownPool(ctx context.Context, m *snapshot.Model, verb, name string) (snapshot.Rec[*controllerv1.StoragePool], []string, error) {
	providers, err := s.providersOf(ctx, m)
	rec, ok := m.Pools[name]
	switch {
	case err != nil:
		return rec, nil, err
	case !ok && slices.Contains(providers, name):
		return rec, nil, errs.E(errs.Invalid, "cannot %s storage pool %q: it is the substrate's own; create-storage-pool makes one that can be changed", verb, name)
	case !ok:
		return rec, nil, noPool(name, m, providers)
	}
	return rec, providers, nil
}

// noPool says that there is no such pool, and which there are.
func noPool(name string, m *snapshot.Model, providers []string) error {
	all := slices.Sorted(maps.Keys(m.Pools))
	all = append(all, providers...)
	slices.Sort(all)
	return errs.E(errs.NotFound, "cannot find storage pool %q in model %q: there is %s; make one with create-storage-pool", name, m.Record.Value.GetName(), strings.Join(all, ", "))
}

// poolUsers names applications and storage that a pool is used by, in order.
func poolUsers(m *snapshot.Model, name string) []string {
	var users []string
	for _, app := range slices.Sorted(maps.Keys(m.Applications)) {
		for _, d := range m.Applications[app].Value.GetStorage() {
			if d.GetPool() == name {
				users = append(users, "application "+app)
				break
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.Storage)) {
		if m.Storage[id].Value.GetPool() == name {
			users = append(users, "storage "+id)
		}
	}
	return users
}

// checkPools refuses directives that name a pool which is not there.
func (s *Service) checkPools(ctx context.Context, m *snapshot.Model, given map[string]*controllerv1.StorageDirective) error {
	var bad problems
	for _, name := range slices.Sorted(maps.Keys(given)) {
		pool := given[name].GetPool()
		if _, own := m.Pools[pool]; own || pool == "" {
			continue
		}
		providers, err := s.providersOf(ctx, m)
		if err != nil {
			return err
		}
		if len(providers) > 0 && !slices.Contains(providers, pool) {
			bad.addf("cannot use storage %q: %w", name, noPool(pool, m, providers))
		}
	}
	return bad.err()
}

// usePools is checkPools, and notes in each pool of the user's that it is used, so that it cannot be removed at the same
// moment.
func (s *Service) usePools(e *edit, m *snapshot.Model, given map[string]*controllerv1.StorageDirective) error {
	if err := s.checkPools(e.ctx, m, given); err != nil {
		return err
	}
	for _, d := range given {
		if rec, own := m.Pools[d.GetPool()]; own {
			next := proto.CloneOf(rec.Value)
			next.Uses++
			e.put(poolKey(m, next.GetName()), rec.Mod, next)
		}
	}
	return nil
}
