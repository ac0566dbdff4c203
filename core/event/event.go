// Package event names what can happen to a unit: the key under which a unit waits for its turn and the ids by which
// the same event is known again when it is derived a second time. The kinds are sdk/api's.
package event

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/api"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// Key names one unit: what the queue holds.
type Key struct {
	Model string // uuid
	Unit  string // "web/0"
}

// Number is the part of a unit's name after the slash, 0 if there is none.
func Number(unit string) int {
	_, tail, _ := strings.Cut(unit, "/")
	n, err := strconv.Atoi(tail)
	if err != nil {
		return 0
	}
	return n
}

// Compare orders units by application, then by number.
func Compare(a, b string) int {
	if c := strings.Compare(api.ApplicationOf(a), api.ApplicationOf(b)); c != 0 {
		return c
	}
	return Number(a) - Number(b)
}

// SortUnits orders names so that web/2 stands before web/10.
func SortUnits(units []string) { slices.SortFunc(units, Compare) }

// ID is the id of the event after the given number of committed ones. Deriving it again gives the same.
func ID(sequence uint64, name string) string {
	return strconv.FormatUint(sequence+1, 10) + "-" + name
}

// Task says that the event runs at most once, for a user who waits for its result.
func Task(kind string) bool { return kind == api.EventAction || kind == api.EventExec }

// Name is what an event is called where no other name will do: in ids, logs and the journal.
func Name(ev *hookv1.Event) string {
	if ev.GetName() != "" {
		return ev.GetName()
	}
	return ev.GetKind()
}

// Module is the logger under which an event's lines appear: "unit.web/0.install".
func Module(unit string, ev *hookv1.Event) string { return "unit." + unit + "." + Name(ev) }
