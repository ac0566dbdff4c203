package commit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/core/controller/authz"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// The limits of one transaction, far below what the store takes.
const (
	MaxKeys  = 4000
	MaxBytes = 8 << 20
)

// draft is a transaction in the making. It reads the mirror's graph, and above it what the store answered last.
type draft struct {
	guard  *controllerv1.Guard
	id     string
	leader bool
	now    time.Time
	newer  map[string]*model.Entry // read from the store after a lost race; nil = deleted

	g       *model.Graph
	charm   func(digest string) *controllerv1.Charm
	parse   func(*controllerv1.Charm) (*charm.Charm, error)
	numbers *counter        // of storage, when the hook asked for some
	extra   []store.Op      // beside the records
	derived map[string]bool // keys whose writes follow from the model; no right of the unit's is asked for
	writes  []write
	touched map[string]int  // key → index in writes
	merged  map[string]bool // keys whose revision is compared because they were read to be written
	checks  []store.Compare // revisions of merged keys
	guards  []store.Compare
	asking  []key.Key
}

// write is one record to put, or to delete if the value is nil.
type write struct {
	key    key.Key
	value  proto.Message
	create int64 // of the record replaced
	untold bool  // the unit has no right to see it
}

// refuse makes a refusal.
func refuse(kind, k, format string, args ...any) *controllerv1.Refusal {
	return &controllerv1.Refusal{Kind: kind, Key: k, Message: fmt.Sprintf(format, args...)}
}

// make fills the draft from the state; the mirror's lock is held.
func (d *draft) make(s *model.State, fill func(*draft) *controllerv1.Refusal) *controllerv1.Refusal {
	d.g, d.charm = s.Model(d.guard.Model), s.Charm
	if d.g == nil {
		return refuse(Conflict, "", "model %s is gone", d.guard.Model)
	}
	if refusal := d.fence(); refusal != nil {
		return refusal
	}
	if refusal := fill(d); refusal != nil {
		return refusal
	}
	for i, w := range d.writes {
		if !d.derived[w.key.String()] && !d.mayWrite(w.key) {
			return refuse(Denied, w.key.String(), "unit %s may not write %s", d.guard.Unit, w.key)
		}
		d.writes[i].untold = !d.mayBeTold(w)
	}
	return nil
}

// mayBeTold says whether the unit may see what it caused: others' records of its own secret it may not, nor another's secret
// of which it reads a newer revision now.
func (d *draft) mayBeTold(w write) bool {
	unit := d.guard.Unit
	switch w.key.Kind {
	case key.SecretReader:
		return w.key.Unit == unit
	case key.Secret:
		s, _ := w.value.(*controllerv1.Secret)
		if s == nil {
			s = value[*controllerv1.Secret](d.entry(w.key))
		}
		leader, _ := d.g.Leader(key.AppOf(unit))
		return model.OwnsSecret(s, unit) && (s.GetOwnerKind() == model.OwnerUnit || d.leader || leader == unit)
	}
	return true
}

// mayWrite asks for the right. A leader's was decided by fence, which knows more than the mirror.
func (d *draft) mayWrite(k key.Key) bool {
	if d.leader && k.App == key.AppOf(d.guard.Unit) && k.Unit == "" {
		switch k.Kind {
		case key.AppStatus, key.LeaderSettings, key.PodSpec:
			return true
		case key.Bag:
			return d.g.InRelation(k.Relation, k.App)
		}
	}
	return authz.MayWrite(d.g, d.guard.Unit, k)
}

// fence compares what guards the write: the epoch, the cursor, the incarnation, and the leadership where a leader writes.
func (d *draft) fence() *controllerv1.Refusal {
	unit := d.guard.Unit
	state := key.OfUnit(key.State, unit)
	d.guards = append(d.guards, store.ValueIs(store.EpochKey, []byte(d.guard.Epoch)), store.ModIs(d.full(state), d.guard.StateRevision))
	d.asking = append(d.asking, state)
	inc := d.read(key.OfUnit(key.Incarnation, unit))
	if id := value[*controllerv1.Incarnation](inc).GetId(); inc == nil || id != d.guard.Incarnation {
		return refuse(Conflict, key.OfUnit(key.Incarnation, unit).String(), "unit %s is spoken for by incarnation %q, not %q", unit, id, d.guard.Incarnation)
	}
	if !d.leader {
		return nil
	}
	lead := d.entry(key.OfApp(key.Lead, key.AppOf(unit)))
	if lead == nil || lead.Create != d.guard.LeaderTerm || value[*controllerv1.Lead](lead).GetUnit() != unit {
		return refuse(Denied, key.OfApp(key.Lead, key.AppOf(unit)).String(), "unit %s is not the leader of %s any more", unit, key.AppOf(unit))
	}
	k := lead.Key
	bytes, err := model.Encode(lead.Value)
	if err != nil {
		return refuse(Invalid, k.String(), "%v", err)
	}
	d.guards = append(d.guards, store.CreateIs(d.full(k), d.guard.LeaderTerm), store.ValueIs(d.full(k), bytes))
	d.asking = append(d.asking, k)
	return nil
}

// value is the entry's message; the zero T if there is none.
func value[T proto.Message](e *model.Entry) (v T) {
	if e != nil {
		v, _ = e.Value.(T)
	}
	return v
}

func (d *draft) full(k key.Key) string { return store.In(d.guard.Model, k) }

// entry finds a record as it is best known, without comparing it.
func (d *draft) entry(k key.Key) *model.Entry {
	if e, ok := d.newer[k.String()]; ok {
		return e
	}
	return d.g.Entry(k.String())
}

// read finds a record and compares its revision: what is written depends on it.
func (d *draft) read(k key.Key) *model.Entry {
	e := d.entry(k)
	if name := k.String(); !d.merged[name] {
		d.merged[name] = true
		revision := int64(0)
		if e != nil {
			revision = e.Mod
		}
		d.checks = append(d.checks, store.ModIs(d.full(k), revision))
		d.asking = append(d.asking, k)
	}
	return e
}

// merge gives a copy of a record to change and write, an empty one if there is none; a second merge of the same key sees
// the first.
func merge[T proto.Message](d *draft, k key.Key) T {
	if i, ok := d.touched[k.String()]; ok && d.writes[i].value != nil {
		return d.writes[i].value.(T)
	}
	if e := d.read(k); e != nil {
		if v, ok := e.Value.(T); ok {
			return proto.CloneOf(v)
		}
	}
	return model.New(k.Kind).(T)
}

// put writes a record, unless it is what is there already.
func (d *draft) put(k key.Key, v proto.Message) {
	w := write{key: k, value: v}
	if e := d.entry(k); e != nil {
		w.create = e.Create
		if k.Kind != key.State && d.merged[k.String()] && proto.Equal(e.Value, v) {
			d.forget(k)
			return
		}
	}
	d.set(w)
}

// delete removes a record if there is one.
func (d *draft) delete(k key.Key) {
	if d.entry(k) != nil {
		d.set(write{key: k})
	}
}

func (d *draft) set(w write) {
	name := w.key.String()
	if i, ok := d.touched[name]; ok {
		d.writes[i] = w
		return
	}
	d.touched[name] = len(d.writes)
	d.writes = append(d.writes, w)
}

// forget takes a write back.
func (d *draft) forget(k key.Key) {
	i, ok := d.touched[k.String()]
	if !ok {
		return
	}
	d.writes = slices.Delete(d.writes, i, i+1)
	d.touched = map[string]int{}
	for i, w := range d.writes {
		d.touched[w.key.String()] = i
	}
}

func (d *draft) compares() []store.Compare { return slices.Concat(d.guards, d.checks) }

// asks reads what was compared.
func (d *draft) asks() []store.Op {
	ops := []store.Op{store.Get(store.EpochKey)}
	for _, k := range d.asking {
		ops = append(ops, store.Get(d.full(k)))
	}
	return ops
}

// ops encodes the writes and holds them against the limits.
func (d *draft) ops() ([]store.Op, error) {
	ops := slices.Clone(d.extra)
	total := 0
	parts := map[string]int{}
	for _, w := range d.writes {
		op := store.Delete(d.full(w.key))
		if w.value != nil {
			bytes, err := model.Encode(w.value)
			if err != nil {
				return nil, fmt.Errorf("cannot write %s: %w", w.key, err)
			}
			op = store.Put(d.full(w.key), bytes)
		}
		ops = append(ops, op)
		total += op.Size()
		parts[w.key.String()] = op.Size()
	}
	if len(ops) > MaxKeys || len(d.checks)+len(d.guards) > 2*MaxKeys {
		return nil, fmt.Errorf("cannot commit: the hook wrote %d records, allowed are %d; most are %s", len(ops), MaxKeys, d.commonest())
	}
	if total > MaxBytes {
		return nil, fmt.Errorf("cannot commit: the hook wrote %d bytes, allowed are %d; the largest parts are %s", total, MaxBytes, largest(parts))
	}
	return ops, nil
}

// largest names the three largest parts.
func largest(parts map[string]int) string {
	names := slices.SortedFunc(maps.Keys(parts), func(a, b string) int {
		if parts[a] != parts[b] {
			return parts[b] - parts[a]
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, name := range names[:min(3, len(names))] {
		out = append(out, fmt.Sprintf("%s (%d bytes)", name, parts[name]))
	}
	return strings.Join(out, ", ")
}

// commonest names the kind of record that there is most of.
func (d *draft) commonest() string {
	counts := map[string]int{}
	for _, w := range d.writes {
		counts[string(w.key.Kind)]++
	}
	best := ""
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		if counts[kind] > counts[best] {
			best = kind
		}
	}
	return fmt.Sprintf("%s (%d)", best, counts[best])
}

// answer tells the agent its records as they were written.
func (d *draft) answer(revision int64) *controllerv1.CommitResponse {
	r := &controllerv1.CommitResponse{Revision: revision}
	for _, w := range d.writes {
		if model.New(w.key.Kind) == nil || w.untold {
			continue // told to nobody, or not to this one
		}
		if w.value == nil {
			r.Objects = append(r.Objects, &controllerv1.Object{Model: d.guard.Model, Key: w.key.String(), ModRevision: revision, Deleted: true})
			continue
		}
		e := model.Entry{Key: w.key, Name: w.key.String(), Value: w.value, Mod: revision, Create: w.create}
		if e.Create == 0 {
			e.Create = revision
		}
		r.Objects = append(r.Objects, e.Object(d.guard.Model))
	}
	return r
}
