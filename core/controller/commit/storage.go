package commit

import (
	"context"
	"path"
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	"github.com/bangle-dev/bangle/sdk/errs"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// counter is a number to be given out next, as it is in the store.
type counter struct {
	key  string
	next int
	mod  int64
}

// numbers reads which number the model's next storage instance gets. Counters are no records of the model, so the
// mirror does not have them.
func (c *Committer) numbers(ctx context.Context, d *draft) error {
	n := &counter{key: d.full(key.Named(key.Next, "storage"))}
	found, err := c.cfg.Store.Range(ctx, n.key, store.RangeOptions{})
	if err == nil && len(found.KVs) > 0 {
		n.mod = found.KVs[0].Mod
		n.next, err = model.ReadCounter(found.KVs[0].Value)
	}
	if err != nil {
		return errs.E(errs.Unavailable, "cannot number storage: %w", err)
	}
	d.numbers, d.parse = n, c.cfg.ParseCharm
	return nil
}

// storageAdd drafts the instances that a hook asked for.
func (d *draft) storageAdd(adds []*hookv1.StorageAdd) *controllerv1.Refusal {
	if len(adds) == 0 {
		return nil
	}
	app := value[*controllerv1.Application](d.read(key.OfApp(key.App, key.AppOf(d.guard.Unit))))
	rec := d.charm(app.GetCharmDigest())
	if rec == nil || d.numbers == nil || d.parse == nil {
		return refuse(Conflict, "", "the charm of unit %s is not known", d.guard.Unit)
	}
	ch, err := d.parse(rec)
	if err != nil {
		return refuse(Invalid, "", "%v", err)
	}
	have := map[string]int{}
	for _, e := range d.g.OfUnit(d.guard.Unit) {
		if st, ok := e.Value.(*controllerv1.StorageInstance); ok {
			have[st.Name]++
		}
	}
	n := d.numbers.next
	for _, add := range adds {
		name := add.GetName()
		more := model.StorageDirective(app.GetStorage()[name], ch.Meta.Storage[name])
		more.Count = max(add.GetCount(), 1)
		if more.Count > maxStorageAdd {
			return refuse(Invalid, "", "cannot add %d of storage %q: at most %d at once", more.Count, name, maxStorageAdd)
		}
		if err := model.MoreStorage(ch, name, have[name], more); err != nil {
			return refuse(Invalid, "", "cannot add storage %q: %v", name, err)
		}
		have[name] += int(more.Count)
		for range more.Count {
			st := model.NewStorage(name, n, d.guard.Unit, ch.Meta.Storage[name], more, d.stamp())
			d.storage(st)
			n++
		}
	}
	d.checks = append(d.checks, store.ModIs(d.numbers.key, d.numbers.mod))
	d.extra = append(d.extra, store.Put(d.numbers.key, []byte(strconv.Itoa(n))))
	return nil
}

// maxStorageAdd is how many instances one line of a hook may ask for.
const maxStorageAdd = 100

// storage drafts a storage's record. Units have no right to write these: what is written follows from the model alone.
func (d *draft) storage(st *controllerv1.StorageInstance) {
	k := key.Named(key.Storage, st.GetId())
	d.derived[k.String()] = true
	d.put(k, st)
}

// ownStorage is the record of a storage that is the unit's, to be changed; nil if it is not.
func (d *draft) ownStorage(id string) *controllerv1.StorageInstance {
	k := key.Named(key.Storage, id)
	if st := value[*controllerv1.StorageInstance](d.entry(k)); st == nil || st.Owner != d.guard.Unit {
		return nil
	}
	st := merge[*controllerv1.StorageInstance](d, k)
	if st.Owner != d.guard.Unit {
		return nil
	}
	return st
}

// storageAttached drafts what storage-attached means: the unit has it, whether its place told that yet or not.
func (d *draft) storageAttached(id string) {
	if st := d.ownStorage(id); st != nil && (st.Status == model.StoragePending || st.Status == "") {
		st.Status, st.Attached, st.Since, st.Message = model.StorageAttached, d.guard.Unit, d.stamp(), ""
		d.storage(st)
	}
}

// storageDetached drafts what storage-detaching means: the charm has let go of it.
func (d *draft) storageDetached(id string) {
	if st := d.ownStorage(id); st != nil {
		model.ReleaseStorage(st, d.stamp())
		d.storage(st)
	}
}

// SetStorage writes what became of a storage instance at its unit's place. What is there already is not written again.
func (c *Committer) SetStorage(ctx context.Context, agent string, req *controllerv1.SetStorageRequest) error {
	g := &controllerv1.Guard{Model: req.GetModel(), Unit: req.GetUnit(), Incarnation: req.GetIncarnation()}
	if err := c.speaks(ctx, agent, g.Model, g.Unit); err != nil {
		return err
	}
	switch status := req.GetStatus(); {
	case status != model.StorageAttached && status != model.StorageDetached && status != model.StorageFailed:
		return errs.E(errs.Invalid, "cannot set storage %q to %q: allowed are attached, detached and failed", req.GetStorage(), status)
	case status == model.StorageAttached && !path.IsAbs(req.GetLocation()):
		return errs.E(errs.Invalid, "cannot set storage %q to attached: its location %q is no absolute path", req.GetStorage(), req.GetLocation())
	case len(req.GetLocation())+len(req.GetProviderId())+len(req.GetMessage()) > maxStorageText:
		return errs.E(errs.Invalid, "cannot set storage %q: location, provider id and message have more than %d bytes", req.GetStorage(), maxStorageText)
	}
	return c.merge(ctx, g, func(d *draft) error { return d.setStorage(req) })
}

const maxStorageText = 16 << 10

func (d *draft) setStorage(req *controllerv1.SetStorageRequest) error {
	unit := d.guard.Unit
	inc := value[*controllerv1.Incarnation](d.read(key.OfUnit(key.Incarnation, unit)))
	if inc.GetId() != d.guard.Incarnation {
		return errs.E(errs.Conflict, "cannot set storage of unit %s: incarnation %q speaks for it, not %q", unit, inc.GetId(), d.guard.Incarnation)
	}
	st := d.ownStorage(req.GetStorage())
	if st == nil {
		return errs.E(errs.Denied, "cannot set storage %q: it is not unit %s's", req.GetStorage(), unit)
	}
	going := st.Status == model.StorageDetaching || st.Life != controllerv1.Life_LIFE_ALIVE
	switch status := req.GetStatus(); {
	case status == model.StorageDetached && going:
		model.ReleaseStorage(st, d.stamp())
	case status == model.StorageDetached:
		st.Status, st.Attached = model.StoragePending, "" // its place lost it, and is to have it again
	case going:
		return nil
	default:
		if st.Status != status {
			st.Since = d.stamp()
		}
		st.Status, st.Message, st.Attached = status, req.GetMessage(), ""
		if status == model.StorageAttached {
			st.Attached, st.Location, st.ProviderId = unit, req.GetLocation(), req.GetProviderId()
		}
	}
	d.storage(st)
	return nil
}

// loose is the storage of a unit that is gone: nobody's. What was to be destroyed with the unit, and what it never had,
// is marked to be removed.
func loose(st *controllerv1.StorageInstance, destroy bool, since string) *controllerv1.StorageInstance {
	next := proto.CloneOf(st)
	if destroy || st.Status == model.StoragePending {
		next.Life, next.Destroy = controllerv1.Life_LIFE_DYING, true
	}
	model.ReleaseStorage(next, since)
	return next
}
