package clients

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"connectrpc.com/connect"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/charm/config"
	"github.com/bangle-dev/bangle/core/controller/charms"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/placement"
	"github.com/bangle-dev/bangle/core/controller/snapshot"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/api"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// maxUnits is how many units one request makes: more do not fit one
// transaction.
const maxUnits = 1000

// Deploy makes an application with its units and peer relations in one
// transaction, after everything that could be wrong was looked at.
func (s *Service) Deploy(ctx context.Context, req *connect.Request[clientv1.DeployRequest]) (*connect.Response[clientv1.DeployResponse], error) {
	in := req.Msg
	ch, err := s.charm(charms.Digest(in.GetCharmDigest()), in.GetRuntime())
	if err != nil {
		return nil, fmt.Errorf("cannot deploy: %w", err)
	}
	app, diags, err := s.newApplication(ctx, in, ch)
	if err != nil {
		return nil, err
	}
	resp := &clientv1.DeployResponse{Application: app, Diagnostics: diags}
	build := func(e *edit, m *snapshot.Model) error {
		resp.Units = nil
		app.Created = e.stamp()
		if _, ok := m.Applications[app.GetName()]; ok {
			return errs.E(errs.AlreadyExists, "cannot deploy %q: an application of that name exists in model %q; give another name", app.GetName(), m.Record.Value.GetName())
		}
		if err := s.usePools(e, m, app.GetStorage()); err != nil {
			return err
		}
		e.app(m, app)
		e.saw(store.CharmKey(app.GetCharmDigest()), s.charmMod(e, app.GetCharmDigest()))
		if err := e.peers(m, app.GetName(), ch); err != nil {
			return err
		}
		units, err := s.newUnits(e, m, app, ch, newUnits{count: int(in.GetUnits()), attach: in.GetAttachStorage()})
		resp.Units = units
		return err
	}
	m, err := s.model(in.GetModel())
	if err != nil {
		return nil, err
	}
	if resp.Diagnostics, err = s.validatePlace(ctx, m, app, ch, int(in.GetUnits()), diags); err != nil {
		return nil, err
	}
	if in.GetDryRun() {
		e := s.newEdit(ctx)
		if err := e.model(m); err != nil {
			return nil, err
		}
		return connect.NewResponse(resp), build(e, m)
	}
	if _, err := s.writeModel(ctx, in.GetModel(), build); err != nil {
		return nil, err
	}
	return connect.NewResponse(resp), nil
}

// charmMod is the revision of a charm's record, so that a deploy cannot race
// with the charm's removal.
func (s *Service) charmMod(e *edit, digest string) int64 {
	found, err := e.store.Range(e.ctx, store.CharmKey(digest), store.RangeOptions{})
	if err != nil {
		e.err = fmt.Errorf("cannot read charm: %w", err)
		return 0
	}
	if len(found.KVs) == 0 {
		e.err = errs.E(errs.NotFound, "cannot find charm %.12s: it was removed; upload it again", digest)
		return 0
	}
	return found.KVs[0].Mod
}

// newApplication checks all that a deploy says and makes the record. Everything
// that is wrong is in the one error.
func (s *Service) newApplication(ctx context.Context, in *clientv1.DeployRequest, ch *charm.Charm) (*controllerv1.Application, []*clientv1.Diagnostic, error) {
	name := in.GetApplication()
	if name == "" {
		name = ch.Meta.Name
	}
	var bad problems
	if err := model.CheckAppName(name); err != nil {
		bad.add(err)
	}
	if in.GetUnits() > 0 && ch.Meta.Subordinate {
		bad.addf("cannot use --num-units or --to with subordinate application %q: its units come with those of the application that it is integrated with", name)
	}
	if in.GetUnits() > maxUnits {
		bad.addf("cannot deploy %d units of %q at once; at most %d, then add more with add-unit", in.GetUnits(), name, maxUnits)
	}
	values, err := givenConfig(ch.Config, name, in.GetConfig(), in.GetConfigYaml(), "config")
	bad.add(err)
	_, err = placement.ParseConstraints(in.GetConstraints())
	bad.add(err)
	bad.add(checkResources(&ch.Meta, in.GetResources()))
	bad.add(checkStorage(&ch.Meta, in.GetStorage()))
	bad.add(checkBindings(&ch.Meta, in.GetBindings()))
	diags, err := s.checkAssumes(&ch.Meta, "deploy", name, in.GetForce())
	bad.add(err)
	if in.GetHookTimeoutMs() < -1 {
		bad.addf("cannot deploy %q: the hook timeout is negative; -1 is none, 0 the runtime's default", name)
	}
	if err := bad.err(); err != nil {
		return nil, nil, err
	}
	app := &controllerv1.Application{
		Name: name, Life: controllerv1.Life_LIFE_ALIVE, CharmDigest: charms.Digest(in.GetCharmDigest()), CharmName: ch.Meta.Name,
		CharmUrl: fmt.Sprintf("local:%s-%d", ch.Meta.Name, ch.Revision), CharmRevision: int32(ch.Revision), CharmPath: in.GetCharmPath(),
		Runtime: string(ch.Runtime), Config: toValues(values), ConfigRevision: 1, Subordinate: ch.Meta.Subordinate,
		HookTimeoutMs: in.GetHookTimeoutMs(), Constraints: in.GetConstraints(), Storage: in.GetStorage(),
		EndpointBindings: in.GetBindings(), SpecRevision: 1,
	}
	if err := grantAtDeploy(app, ch, in); err != nil {
		return nil, nil, err
	}
	return app, diags, s.giveResources(s.newEdit(ctx), app, &ch.Meta, in.GetResources(), in.GetUploads())
}

// givenConfig reads values given as text and as a file; text wins.
func givenConfig(options config.Options, app string, texts map[string]string, yamlText, file string) (config.Values, error) {
	values := config.Values{}
	var bad problems
	if yamlText != "" {
		fromFile, err := options.ParseYAML(file, app, []byte(yamlText))
		bad.add(err)
		maps.Copy(values, fromFile)
	}
	parsed, err := options.ParseAll(texts)
	bad.add(err)
	maps.Copy(values, parsed)
	return values, bad.err()
}

func checkResources(meta *charm.Meta, given map[string]string) error {
	var bad problems
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch _, ok := meta.Resources[name]; {
		case !ok:
			bad.addf("cannot use resource %q: charm %q has %s", name, meta.Name, names(meta.Resources, "no resources"))
		case given[name] == "":
			bad.addf("cannot use resource %q: it has no value; give a path or an image", name)
		}
	}
	return bad.err()
}

func checkStorage(meta *charm.Meta, given map[string]*controllerv1.StorageDirective) error {
	var bad problems
	for _, name := range slices.Sorted(maps.Keys(given)) {
		s, ok := meta.Storage[name]
		if !ok {
			bad.addf("cannot use storage %q: charm %q has %s", name, meta.Name, names(meta.Storage, "no storage"))
			continue
		}
		d := given[name]
		least, most, err := s.Counts()
		bad.add(err)
		if n := int(d.GetCount()); err == nil && n != 0 && (n < least || most != charm.Unbounded && n > most) {
			bad.addf("cannot use storage %s=%d: charm %q allows %s", name, n, meta.Name, model.CountRange(least, most))
		}
		if size, err := s.LeastBytes(); err == nil && d.GetSizeBytes() != 0 && d.GetSizeBytes() < size {
			bad.addf("cannot use storage %s of %d bytes: charm %q needs at least %d", name, d.GetSizeBytes(), meta.Name, size)
		}
	}
	return bad.err()
}

// checkAssumes holds what the charm assumes, min-juju-version included, against
// what is here; verb is deploy or refresh. Where only the Kubernetes API is
// missing the user is warned: most charms that assume it only mean that they
// have containers.
func (s *Service) checkAssumes(meta *charm.Meta, verb, app string, force bool) ([]*clientv1.Diagnostic, error) {
	features := map[string]string{"juju": api.JujuVersion}
	if s.cfg.Info().GetSubstrate() == "kubernetes" {
		features["k8s-api"] = ""
	}
	unmet := meta.Unmet(features)
	features["k8s-api"] = ""
	var bad problems
	for _, a := range meta.Unmet(features) {
		if !force {
			bad.addf("cannot %s %q: charm requires feature %q, which is not here; use --force to try anyway", verb, app, a)
		}
	}
	var diags []*clientv1.Diagnostic
	for _, a := range unmet {
		diags = append(diags, &clientv1.Diagnostic{Severity: "warning", File: "metadata.yaml", Key: "assumes",
			Message: fmt.Sprintf("charm %q assumes %s, which is not here", meta.Name, a)})
	}
	return diags, bad.err()
}

// peers makes the peer relations of a new application.
func (e *edit) peers(m *snapshot.Model, app string, ch *charm.Charm) error {
	wanted := model.Peers(charms.Endpoints(app, ch))
	if len(wanted) == 0 {
		return nil
	}
	first, err := e.next(m, "relation", 1, len(wanted))
	if err != nil {
		return err
	}
	for i, r := range wanted {
		r.Id, r.Created = int32(first+i), e.stamp()
		e.relation(m, r)
	}
	return nil
}

// newUnits names and makes units of an application, with their storage and the
// principals that subordinate ones live beside, nil for others.
func (s *Service) newUnits(e *edit, m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, want newUnits) ([]string, error) {
	count := want.count
	if len(want.attach) > 0 && count != 1 {
		return nil, errs.E(errs.Invalid, "cannot attach storage to %d units of %q: --attach-storage goes with one unit; add the others later", count, app.GetName())
	}
	if count == 0 {
		return nil, nil
	}
	first, err := e.next(m, "unit/"+app.GetName(), 0, count)
	if err != nil {
		return nil, err
	}
	var made []string
	for i := range count {
		u := &controllerv1.Unit{Name: api.UnitName(app.GetName(), first+i), Life: controllerv1.Life_LIFE_ALIVE, Created: e.stamp()}
		if want.principals != nil {
			u.Principal = want.principals[i]
		}
		if agent, incarnation, ok := s.cfg.Places.Shared(m.Record.Value.GetSubstrate()); ok {
			u.Agent = agent
			e.put(store.In(m.UUID, key.OfUnit(key.Incarnation, u.GetName())), 0, &controllerv1.Incarnation{Id: incarnation, Agent: agent})
		}
		e.unit(m, u)
		made = append(made, u.GetName())
	}
	had, err := e.attachNew(m, ch, made[0], want.attach)
	if err != nil {
		return nil, err
	}
	return made, e.storageOf(m, app, ch, made, had)
}

// newUnits is what is wanted of new units: how many, beside which principals (one each), and what storage the only one
// finds.
type newUnits struct {
	count      int
	principals []string
	attach     []string
}

// storageWanted is a storage instance that is to be made.
type storageWanted struct {
	unit, name string
	directive  *controllerv1.StorageDirective
}

// storageOf makes the storage instances of new units. had is what they have of
// each store already.
func (e *edit) storageOf(m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, units []string, had map[string]uint32) error {
	var list []storageWanted
	for _, unit := range units {
		for _, name := range slices.Sorted(maps.Keys(ch.Meta.Storage)) {
			d := model.StorageDirective(app.GetStorage()[name], ch.Meta.Storage[name])
			for range d.GetCount() - min(had[name], d.GetCount()) {
				list = append(list, storageWanted{unit, name, d})
			}
		}
	}
	return e.makeStorage(m, ch, list)
}

// makeStorage makes storage instances. Numbers are the model's, as charms
// expect: data/0, logs/1.
func (e *edit) makeStorage(m *snapshot.Model, ch *charm.Charm, list []storageWanted) error {
	if len(list) == 0 {
		return nil
	}
	first, err := e.next(m, "storage", 0, len(list))
	if err != nil {
		return err
	}
	for i, w := range list {
		st := model.NewStorage(w.name, first+i, w.unit, ch.Meta.Storage[w.name], w.directive, e.stamp())
		e.put(store.In(m.UUID, key.Named(key.Storage, st.GetId())), 0, st)
	}
	return nil
}

// validatePlace asks the substrate about the application before it is stored.
func (s *Service) validatePlace(ctx context.Context, m *snapshot.Model, app *controllerv1.Application, ch *charm.Charm, units int, diags []*clientv1.Diagnostic) ([]*clientv1.Diagnostic, error) {
	if err := s.checkPools(ctx, m, app.GetStorage()); err != nil {
		return nil, err
	}
	credentials, err := s.images.Credentials(app)
	if err != nil {
		return nil, err
	}
	in := placement.SpecInput{Model: m.Record.Value, Application: app, Charm: ch, Credentials: credentials, Pools: m.PoolRecords()}
	for i := range units {
		in.Units = append(in.Units, placement.UnitInput{Unit: &controllerv1.Unit{Name: api.UnitName(app.GetName(), i), Life: controllerv1.Life_LIFE_ALIVE}})
	}
	found, err := s.cfg.Places.Validate(ctx, m.Record.Value.GetSubstrate(), placement.Spec(in))
	if err != nil {
		return nil, fmt.Errorf("cannot ask substrate %q about %q: %w", m.Record.Value.GetSubstrate(), app.GetName(), err)
	}
	var bad problems
	for _, d := range found {
		if d.GetSeverity() == "error" {
			bad.addf("cannot deploy %q on substrate %q: %s", app.GetName(), m.Record.Value.GetSubstrate(), strings.TrimSuffix(d.GetMessage()+"; "+d.GetHint(), "; "))
		}
		diags = append(diags, &clientv1.Diagnostic{Severity: d.GetSeverity(), File: d.GetFile(), Key: d.GetKey(), Message: d.GetMessage(), Hint: d.GetHint()})
	}
	return diags, bad.err()
}
