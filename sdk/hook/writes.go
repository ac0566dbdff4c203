package hook

import (
	"maps"

	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// writes is the buffer of one hook: what it wrote and nobody else has seen yet.
type writes struct {
	unitStatus *hookv1.Status
	appStatus  *hookv1.Status
	version    *string
	bags       map[int32]*bagWrites
	ports      portWrites
	stateSet   map[string]string
	stateGone  map[string]bool
	leader     map[string]string
	storage    []*hookv1.StorageAdd
	action     *hookv1.ActionResult
	reboot     hookv1.Reboot

	secrets     []*hookv1.SecretWrite
	secretGone  []*hookv1.SecretRemove
	grants      []*hookv1.SecretGrant
	tracks      []*hookv1.SecretTrack
	secretCount int // made so far
	payloads    []*hookv1.PayloadWrite
}

// bagWrites are one relation's: the unit's own bag and the application's.
type bagWrites struct{ unit, app map[string]string }

func (w *writes) init() {
	w.bags = map[int32]*bagWrites{}
	w.stateSet = map[string]string{}
	w.stateGone = map[string]bool{}
	w.leader = map[string]string{}
}

func (w *writes) bag(relation int32, app bool) map[string]string {
	b := w.bags[relation]
	if b == nil {
		return nil
	}
	if app {
		return b.app
	}
	return b.unit
}

func (w *writes) setBag(relation int32, app bool, set map[string]string) {
	b := w.bags[relation]
	if b == nil {
		b = &bagWrites{unit: map[string]string{}, app: map[string]string{}}
		w.bags[relation] = b
	}
	if app {
		maps.Copy(b.app, set)
	} else {
		maps.Copy(b.unit, set)
	}
}

// Changeset is everything that was written, normalized against the view. It may be taken once the hook has ended
// well; a hook that failed has none.
func (c *Context) Changeset() *hookv1.Changeset {
	w := &c.writes
	cs := &hookv1.Changeset{
		EventId:         c.event.GetId(),
		UnitStatus:      w.unitStatus,
		AppStatus:       w.appStatus,
		WorkloadVersion: w.version,
		OpenPorts:       w.ports.opened,
		ClosePorts:      w.ports.closed,
		LeaderSettings:  maps.Clone(w.leader),
		StateSet:        maps.Clone(w.stateSet),
		StorageAdd:      w.storage,
		Action:          w.action,
		Reboot:          w.reboot,
		Secrets:         w.secrets,
		SecretRemove:    w.secretGone,
		SecretGrants:    w.grants,
		SecretTracks:    w.tracks,
		Payloads:        w.payloads,
	}
	for key := range w.stateGone {
		cs.StateDelete = append(cs.StateDelete, key)
	}
	for id, b := range w.bags {
		if len(b.unit) > 0 {
			cs.Bags = append(cs.Bags, &hookv1.BagWrite{RelationId: id, Set: maps.Clone(b.unit)})
		}
		if len(b.app) > 0 {
			cs.Bags = append(cs.Bags, &hookv1.BagWrite{RelationId: id, App: true, Set: maps.Clone(b.app)})
		}
	}
	return Normalize(cs, c.view)
}
