package agent_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bangle-dev/bangle/core/key"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// secretEvents are the events of a kind that the unit had.
func (w *world) secretEvents(kind string) int {
	n := 0
	for _, r := range w.runtime.Runs() {
		if strings.HasSuffix(r, "-"+kind) {
			n++
		}
	}
	return n
}

// again starts the agent anew and lets it look at its unit, with a config change that shows when it has.
func (w *world) again(word string) {
	w.t.Helper()
	w.stop()
	w.start()
	before := w.secretEvents("config-changed")
	w.store.Config("web", "name", word)
	w.until("the new agent has looked", func() bool { return w.secretEvents("config-changed") > before && w.cursor("web/0").Pending == nil })
}

// TestSecretsByTheClock: the owner hears at its time, and once, that a secret is to be rotated; that a revision expired, again
// after five minutes while it is there. Another process of the agent tells nothing twice.
func TestSecretsByTheClock(t *testing.T) {
	const id = "aaaaaaaaaaaaaaaaaaa0"
	w := newWorld(t, nil)
	var ahead atomic.Int64
	begun := time.Now()
	w.now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	at := func(d time.Duration) int64 { return begun.Add(d).Unix() }
	s := &controllerv1.Secret{Id: id, OwnerKind: "unit", Owner: "web/0", Rotate: "hourly", NextRotateUnix: at(time.Hour), LatestRevision: 2,
		Revisions: []*controllerv1.SecretRevision{{Revision: 1}, {Revision: 2, ExpiresUnix: at(150 * time.Minute)}}}
	put := func() {
		w.store.Txn(func() {
			w.store.Put(key.Named(key.Secret, id), &controllerv1.Object{Value: &controllerv1.Object_Secret{Secret: proto.CloneOf(s)}})
		})
	}
	put()
	w.start()
	w.deploy(1)
	w.started("web/0")
	steps := []struct {
		after            time.Duration
		change           func()
		rotated, expired int
	}{
		{30 * time.Minute, nil, 0, 0},
		{61 * time.Minute, nil, 1, 0},
		{65 * time.Minute, func() { s.NextRotateUnix = at(2 * time.Hour) }, 1, 0}, // as the controller does with the commit
		{121 * time.Minute, nil, 2, 0},
		{151 * time.Minute, func() { s.NextRotateUnix = 0 }, 2, 1},
		{153 * time.Minute, nil, 2, 1},
		{157 * time.Minute, nil, 2, 2},
		{180 * time.Minute, func() { s.Revisions = s.Revisions[:1] }, 2, 2},
	}
	for i, step := range steps {
		w.stop() // an agent that sees the time before it is told of the change would be right to go by the old record
		if step.change != nil {
			step.change()
			put()
		}
		ahead.Store(int64(step.after))
		for n := range 2 {
			w.again(fmt.Sprint(i, ".", n))
			w.until(fmt.Sprintf("step %d: %d rotations, %d expiries", i, step.rotated, step.expired), func() bool {
				return w.secretEvents("secret-rotate") >= step.rotated && w.secretEvents("secret-expired") >= step.expired
			})
		}
		if r, e := w.secretEvents("secret-rotate"), w.secretEvents("secret-expired"); r != step.rotated || e != step.expired {
			t.Fatalf("after %v: %d rotations and %d expiries, want %d and %d", step.after, r, e, step.rotated, step.expired)
		}
	}
}

// TestASecretWakesItsOwner: nothing else happens, and yet the event comes when it is due.
func TestASecretWakesItsOwner(t *testing.T) {
	const id = "aaaaaaaaaaaaaaaaaaa0"
	w := newWorld(t, nil)
	w.start()
	w.deploy(1)
	w.started("web/0")
	due := time.Now().Add(time.Second).Unix() + 1
	w.store.Txn(func() {
		w.store.Put(key.Named(key.Secret, id), &controllerv1.Object{Value: &controllerv1.Object_Secret{Secret: &controllerv1.Secret{Id: id, OwnerKind: "unit", Owner: "web/0",
			Rotate: "hourly", NextRotateUnix: due, LatestRevision: 1, Revisions: []*controllerv1.SecretRevision{{Revision: 1, ExpiresUnix: due}}}}})
	})
	w.until("both are told", func() bool { return w.secretEvents("secret-rotate") == 1 && w.secretEvents("secret-expired") == 1 })
	if early := time.Until(time.Unix(due, 0)); early > 0 {
		t.Errorf("told %v early", early)
	}
}
