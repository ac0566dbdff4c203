package resolver

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/event"
	"github.com/bangle-dev/bangle/sdk/api"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Outcome is how an event ended.
type Outcome struct {
	Failed   bool // it is tried again, or resolved
	ExitCode int32
	Message  string
	Unplaced string // the charm that could not be put in place for it
	Reboot   bool   // the charm asked for a reboot once this is committed
}

// Begun is the cursor with the event recorded, to be written before the charm runs.
func Begun(in Input, ev *hookv1.Event) *controllerv1.Cursor {
	c := in.begin()
	if event.Task(ev.Kind) {
		c.Suspended = c.Pending
	}
	c.Pending = &controllerv1.Pending{Event: proto.CloneOf(ev), Step: stepBegun, Attempt: ev.Attempt}
	if takes(ev) {
		takeCharm(in, c)
	}
	return c
}

// takeCharm notes which charm the unit's files are of, and where.
func takeCharm(in Input, c *controllerv1.Cursor) {
	c.StartOwed = c.StartOwed || in.replaced() && c.Installed
	c.Incarnation = in.Incarnation
	c.CharmDigest, c.ModifiedVersion = in.Model.Application.CharmDigest, in.Model.Application.ModifiedVersion
}

// Advance is the cursor after the event ended, acknowledging what the snapshot said when it ran.
func Advance(in Input, d Decision, out Outcome) *controllerv1.Cursor {
	c := in.begin()
	ev := d.Event
	if out.Failed {
		c.Pending = failedAt(in, ev, out)
		return c
	}
	c.Sequence++
	if c.Pending.GetEvent().GetId() == ev.Id {
		c.Pending, c.Suspended = c.Suspended, nil
	}
	if due := in.dueStatus(); c.LastUpdateStatus == 0 || !in.Now.Before(due) {
		c.LastUpdateStatus = in.Now.Unix()
	}
	c.RebootOwed, c.RebootBootId = false, ""
	if out.Reboot && in.Seen != nil && in.Seen.BootID != "" { // without it nobody would know that the machine was down
		c.RebootOwed, c.RebootBootId = true, in.Seen.BootID
	}
	told(in, d, c)
	in.settle(c)
	in.settleSecrets(c)
	return c
}

// begin is a copy of the cursor in this reader's form. Fields of a newer one travel along.
func (in Input) begin() *controllerv1.Cursor {
	c := copied(in.Cursor)
	c.Schema, c.MinReader = max(c.Schema, Reader), max(c.MinReader, 1)
	if c.Incarnation == "" {
		c.Incarnation = in.Incarnation
	}
	return c
}

// failedAt records the failure; what lies beneath a task is kept by the caller's clone.
func failedAt(in Input, ev *hookv1.Event, out Outcome) *controllerv1.Pending {
	p := &controllerv1.Pending{Event: proto.CloneOf(ev), Step: stepFailed, Attempt: ev.Attempt + 1,
		ExitCode: out.ExitCode, Message: out.Message, CharmDigest: out.Unplaced}
	p.Event.Attempt = 0
	if in.Model.Model.GetConfig()[retryConfig] != "false" {
		p.NextTryUnixNano = Retry(in.Now, ev.Id, p.Attempt).UnixNano()
	}
	return p
}

// told notes in the cursor what the charm has heard with the event.
func told(in Input, d Decision, c *controllerv1.Cursor) {
	ev := d.Event
	switch {
	case api.IsRelation(ev.Kind):
		toldRelation(in, ev, c)
		return
	case api.IsWorkload(ev.Kind):
		toldContainer(in, ev, c)
		return
	}
	switch ev.Kind {
	case api.EventSecretExpired, api.EventSecretRotate, api.EventSecretChanged, api.EventSecretRemove:
		toldSecret(in, ev, c)
	case api.EventInstall:
		c.Installed, c.Incarnation = true, in.Incarnation
	case api.EventUpgradeCharm:
		if p := c.Pending; p.GetStep() == stepFailed { // forced: the failed event runs with the new files
			takeCharm(in, c)
			p.NextTryUnixNano = in.Now.UnixNano()
		} else {
			// It may have been recorded at another place than it ran.
			c.ConfigOwed, c.StartOwed, c.Incarnation = true, c.StartOwed || in.replaced(), in.Incarnation
		}
	case api.EventConfigChanged:
		c.ConfigSeen, c.ConfigOwed = true, false
		c.ConfigRevision, c.Trust = in.Model.Application.ConfigRevision, in.Model.Application.Trust
		c.AddressHash = in.Model.Addresses.GetHash()
	case api.EventStart:
		c.Started, c.StartOwed = true, false
		c.MachineBootId, c.AgentBoot = in.Seen.BootID, in.Seen.AgentStart
	case api.EventUpdateStatus:
		c.LastUpdateStatus = in.Now.Unix()
	case api.EventLeaderElected:
		c.Leader, c.LeaderTerm = true, in.Model.LeadTerm
	case api.EventLeaderSettingsChanged:
		c.LeaderSettingsVersion = in.settingsVersion()
	case api.EventStorageAttached, api.EventStorageDetaching:
		if c.Storage == nil {
			c.Storage = map[string]*controllerv1.StorageCursor{}
		}
		c.Storage[ev.StorageId] = &controllerv1.StorageCursor{Attached: true, Detached: ev.Kind == api.EventStorageDetaching}
	case api.EventStop:
		c.Stopped = true
	case api.EventRemove:
		c.Removed, c.Pending, c.Suspended = true, nil, nil
	}
}

// settle drops from the cursor what the model no longer has, and notes what needs no event.
func (in Input) settle(c *controllerv1.Cursor) {
	if !in.Model.Leads() {
		c.Leader = false // what it set itself it is told as a follower, as in Juju
	}
	for id, known := range c.Relations {
		rel := in.Model.Relation(id)
		switch {
		case rel == nil && (known.Broken || known.Peer && len(known.Members) == 0 && known.OwedChanged == ""):
			delete(c.Relations, id)
		case rel != nil && known.Peer && c.Leader && known.AppVersion != rel.Bags[known.RemoteApp].GetVersion():
			known = proto.CloneOf(known)
			known.AppVersion = rel.Bags[known.RemoteApp].GetVersion()
			c.Relations[id] = known
		}
	}
	for id, s := range c.Storage {
		if s.Detached && !stays(in.Model.Storage, id) {
			delete(c.Storage, id)
		}
	}
}

func toldRelation(in Input, ev *hookv1.Event, c *controllerv1.Cursor) {
	if c.Relations == nil {
		c.Relations = map[int32]*controllerv1.RelationCursor{}
	}
	known, rel := c.Relations[ev.RelationId], in.Model.Relation(ev.RelationId)
	if known == nil || ev.Kind == api.EventRelationCreated {
		known = &controllerv1.RelationCursor{Created: true, Endpoint: ev.Endpoint, RemoteApp: ev.RemoteApp,
			Peer: rel != nil && rel.Peer(), Implicit: rel != nil && rel.Implicit()}
	} else {
		known = proto.CloneOf(known)
	}
	c.Relations[ev.RelationId] = known
	if known.Members == nil {
		known.Members = map[string]uint64{}
	}
	version := func(owner string) uint64 {
		if rel == nil {
			return 0
		}
		return rel.Bags[owner].GetVersion()
	}
	switch ev.Kind {
	case api.EventRelationJoined:
		known.Members[ev.RemoteUnit], known.OwedChanged = version(ev.RemoteUnit), ev.RemoteUnit
	case api.EventRelationChanged:
		if ev.RemoteUnit == "" {
			known.AppVersion = version(known.RemoteApp)
			break
		}
		known.Members[ev.RemoteUnit] = version(ev.RemoteUnit)
		if known.OwedChanged == ev.RemoteUnit {
			known.OwedChanged = ""
		}
	case api.EventRelationDeparted:
		delete(known.Members, ev.RemoteUnit)
	case api.EventRelationBroken:
		known.Broken, known.Members = true, nil
	}
}

func toldContainer(in Input, ev *hookv1.Event, c *controllerv1.Cursor) {
	if c.Containers == nil {
		c.Containers = map[string]*controllerv1.ContainerCursor{}
	}
	known := c.Containers[ev.Container]
	if known == nil {
		known = &controllerv1.ContainerCursor{}
		c.Containers[ev.Container] = known
	}
	seen := in.Seen.Containers[ev.Container]
	switch ev.Kind {
	case api.EventPebbleReady:
		if seen != nil && seen.BootID != "" {
			known.ReadyBootId = seen.BootID
		}
	case api.EventPebbleCustomNotice:
		if seen == nil {
			break
		}
		for _, n := range seen.Notices {
			if n.ID == ev.NoticeId {
				known.LastNotice = n.LastRepeated.UTC().Format(time.RFC3339Nano)
			}
		}
	case api.EventPebbleCheckFailed, api.EventPebbleCheckRecovered:
		if known.ChecksDown == nil {
			known.ChecksDown = map[string]bool{}
		}
		if ev.Kind == api.EventPebbleCheckFailed {
			known.ChecksDown[ev.CheckName] = true
		} else {
			delete(known.ChecksDown, ev.CheckName)
		}
	}
}
