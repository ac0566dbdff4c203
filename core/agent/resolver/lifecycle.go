package resolver

import (
	"fmt"

	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"

	"github.com/bangle-dev/bangle/sdk/api"
)

// over: a unit that is dead, or whose remove is committed, does nothing more.
func over(in Input) (Decision, bool) {
	if in.Cursor.Removed || in.Model.Unit.GetLife() == controllerv1.Life_LIFE_DEAD {
		return Decision{Do: Stop, Reason: "the unit is removed"}, true
	}
	return none()
}

// reader: an agent that does not understand the cursor waits; to start afresh would tell the charm everything again.
func reader(in Input) (Decision, bool) {
	if in.Cursor.MinReader > Reader {
		return wait(in.never(), fmt.Sprintf("the unit's state was written by a newer agent (form %d, this one reads up to %d): upgrade the agent",
			in.Cursor.MinReader, Reader))
	}
	return none()
}

// taken: another process speaks for the unit, or none yet.
func taken(in Input) (Decision, bool) {
	switch id := in.Model.Incarnation.GetId(); {
	case id == "":
		return wait(in.never(), "the unit is not placed yet")
	case id != in.Incarnation:
		return wait(in.never(), "another agent took the unit over")
	case in.Model.Application == nil:
		return wait(in.never(), "the application is not known yet")
	}
	return none()
}

// abandoned: a unit that dies before it was installed is not installed any more. If install was begun the charm may
// have done half of it, and gets remove; else it never hears of the unit.
func abandoned(in Input) (Decision, bool) {
	c := in.Cursor
	if c.Installed || !in.dying() || c.Pending != nil && c.Pending.Event.GetKind() != api.EventInstall {
		return none()
	}
	if in.placed() {
		if d, ok := detaching(in); ok {
			return d, true
		}
	}
	if d, waits := in.alone(); waits {
		return d, true
	}
	d, _ := in.run(plain(api.EventRemove))
	if c.Pending == nil || c.CharmDigest == "" { // it was never there to be run
		d.Do = Skip
		return d, true
	}
	if !in.placed() {
		return none()
	}
	return d, true
}

// placed says whether the unit's place is there.
func (in Input) placed() bool { return in.Seen != nil && in.Seen.Environment != nil }

// placeless: without a place nothing can run. Before install the unit's addresses are written first, so that the
// first config-changed knows them and is the only one.
func placeless(in Input) (Decision, bool) {
	if !in.placed() {
		return wait(in.never(), "waiting for the unit's place")
	}
	if !in.Cursor.Installed && len(in.Seen.Environment.Addresses) > 0 && in.Model.Addresses == nil {
		return wait(in.never(), "waiting for the unit's addresses to be known")
	}
	return none()
}

// down: a hook that is committed asked for a reboot, or one was ended for it, and the machine is still up.
func down(in Input) (Decision, bool) {
	owed := in.Cursor.RebootOwed && in.Cursor.RebootBootId == in.Seen.BootID && !in.NoReboot
	if !owed && !in.RebootNow {
		return none()
	}
	return Decision{Do: Reboot, Reason: "rebooting"}, true
}

// moved: the unit found itself at a new place where nothing is as the charm left it. It is told by an upgrade before
// anything else, then by config-changed and start.
func moved(in Input) (Decision, bool) {
	if !in.Cursor.Installed || in.dying() || !in.replaced() {
		return none()
	}
	return in.run(plain(api.EventUpgradeCharm))
}

// reboot: a machine that was restarted runs start once more, and so does every start of an agent that is the unit's.
func reboot(in Input) (Decision, bool) {
	c := in.Cursor
	if !c.Started || c.Stopped || in.queued() != "" || in.dying() {
		return none()
	}
	rebooted := in.Seen.BootID != "" && c.MachineBootId != "" && in.Seen.BootID != c.MachineBootId
	restarted := in.Seen.AgentStart != "" && c.AgentBoot != "" && in.Seen.AgentStart != c.AgentBoot
	if rebooted || restarted {
		return in.run(plain(api.EventStart))
	}
	return none()
}

// leadership: who leads is told once for each term; the others are told what the leader set.
func leadership(in Input) (Decision, bool) {
	c := in.Cursor
	if !c.Installed || in.dying() || in.queued() != "" {
		return none()
	}
	switch {
	case in.Model.Lead == nil && !c.ConfigSeen:
		return wait(in.never(), "waiting for the application to have a leader")
	case in.Model.Lead == nil:
		return none()
	case in.Model.Leads() && (!c.Leader || c.LeaderTerm != in.Model.LeadTerm):
		return in.run(plain(api.EventLeaderElected))
	case !in.Model.Leads() && c.LeaderSettingsVersion != in.settingsVersion():
		return in.run(plain(api.EventLeaderSettingsChanged))
	}
	return none()
}

// settingsVersion is the leader's settings' version plus one: 0 in the cursor means never told.
func (in Input) settingsVersion() uint64 { return in.Model.LeaderSettings.GetVersion() + 1 }

func install(in Input) (Decision, bool) {
	if in.Cursor.Installed || in.dying() {
		return none()
	}
	if !in.besidePrincipal() {
		return wait(in.never(), "waiting for its principal "+in.Model.Unit.GetPrincipal()+" to enter the relation")
	}
	if in.Seen.Machine() {
		for _, s := range in.Model.Storage {
			if wanted(s) && in.Seen.Storage[s.Id] == nil {
				return wait(in.never(), "waiting for storage "+s.Id)
			}
		}
	}
	return in.run(plain(api.EventInstall))
}

// teardown: a dying unit leaves its relations, waits for the units that live beside it, stops and is removed. Storage went
// before, by the rule above it.
func teardown(in Input) (Decision, bool) {
	if !in.dying() || !in.Cursor.Installed {
		return none()
	}
	if d, ok := relations(in); ok {
		return d, true
	}
	if d, waits := in.alone(); waits {
		return d, true
	}
	if in.Cursor.Started && !in.Cursor.Stopped {
		return in.run(plain(api.EventStop))
	}
	return in.run(plain(api.EventRemove))
}

// queued is the event that the last one left to be run next, "" if there is none: config-changed after upgrade-charm, start
// after the first config-changed and at a new place. Only containers and storage come between, as in Juju, and a unit
// that begins to die meanwhile still runs it.
func (in Input) queued() string {
	switch c := in.Cursor; {
	case !c.Installed || c.Stopped || c.Pending != nil || in.replaced():
	case c.ConfigOwed:
		return api.EventConfigChanged
	case c.ConfigSeen && (!c.Started || c.StartOwed):
		return api.EventStart
	}
	return ""
}

func next(in Input) (Decision, bool) {
	if kind := in.queued(); kind != "" {
		return in.run(plain(kind))
	}
	return none()
}

// upgrade: the charm or its resources changed.
func upgrade(in Input) (Decision, bool) {
	c, app := in.Cursor, in.Model.Application
	if app.CharmDigest == c.CharmDigest && app.ModifiedVersion == c.ModifiedVersion {
		return none()
	}
	return in.run(plain(api.EventUpgradeCharm))
}

// config: what a charm is configured by changed, or it must be told once more after an upgrade.
func config(in Input) (Decision, bool) {
	c, app := in.Cursor, in.Model.Application
	hash := in.Model.Addresses.GetHash()
	if !c.ConfigSeen || c.ConfigOwed || app.ConfigRevision != c.ConfigRevision || app.Trust != c.Trust ||
		hash != "" && hash != c.AddressHash {
		return in.run(plain(api.EventConfigChanged))
	}
	return none()
}

func start(in Input) (Decision, bool) {
	if in.Cursor.Started && !in.Cursor.StartOwed {
		return none()
	}
	return in.run(plain(api.EventStart))
}

// updateStatus comes last, when the unit has had nothing else to do for a while.
func updateStatus(in Input) (Decision, bool) {
	if due := in.dueStatus(); !in.Now.Before(due) {
		return in.run(plain(api.EventUpdateStatus))
	}
	return none()
}

func idle(in Input) (Decision, bool) {
	until := in.dueStatus()
	if due := in.dueSecret(); !due.IsZero() && due.Before(until) {
		until = due
	}
	return Decision{Do: Idle, Until: until}, true
}
