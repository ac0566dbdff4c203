package render

import (
	"io"
	"time"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// MachineLock is one lock in `machine-lock` in YAML and JSON.
type MachineLock struct {
	Agent   string            `json:"agent" yaml:"agent"`
	Machine string            `json:"machine" yaml:"machine"`
	File    string            `json:"file" yaml:"file"`
	Holder  *MachineLockUser  `json:"holder,omitempty" yaml:"holder,omitempty"`
	Waiting []MachineLockUser `json:"waiting,omitempty" yaml:"waiting,omitempty"`
}

// MachineLockUser has a lock or waits for it.
type MachineLockUser struct {
	Model string `json:"model" yaml:"model"`
	Unit  string `json:"unit" yaml:"unit"`
	Event string `json:"event" yaml:"event"`
	Since string `json:"since,omitempty" yaml:"since,omitempty"`
}

// MachineLocks is `machine-lock`.
func MachineLocks(list []*clientv1.MachineLockInfo, zone Zone) []MachineLock {
	out := []MachineLock{}
	for _, l := range list {
		lock := MachineLock{Agent: l.GetAgent(), Machine: l.GetMachine(), File: l.GetFile()}
		if l.GetHolder() != nil {
			holder := lockUser(l.GetHolder(), zone)
			lock.Holder = &holder
		}
		for _, u := range l.GetWaiting() {
			lock.Waiting = append(lock.Waiting, lockUser(u, zone))
		}
		out = append(out, lock)
	}
	return out
}

func lockUser(u *clientv1.MachineLockUser, zone Zone) MachineLockUser {
	user := MachineLockUser{Model: u.GetModel(), Unit: u.GetUnit(), Event: u.GetWhat()}
	if u.GetSinceUnixNano() != 0 {
		user.Since = zone.stamp(time.Unix(0, u.GetSinceUnixNano()).UTC().Format(time.RFC3339))
	}
	return user
}

// MachineLockTable prints a line for everybody at a lock, the holder first and then in the order of waiting.
func MachineLockTable(w io.Writer, list []*clientv1.MachineLockInfo, zone Zone, colour bool) error {
	t := &Table{Columns: Columns("Agent", "Machine", "State", "Model", "Unit", "Event", "Since")}
	add := func(l *clientv1.MachineLockInfo, state string, u *clientv1.MachineLockUser) {
		user := lockUser(u, zone)
		t.Add(l.GetAgent(), l.GetMachine(), state, user.Model, user.Unit, user.Event, user.Since)
	}
	for _, l := range list {
		if l.GetHolder() != nil {
			add(l, "held", l.GetHolder())
		}
		for _, u := range l.GetWaiting() {
			add(l, "waiting", u)
		}
	}
	return t.Write(w, colour)
}
