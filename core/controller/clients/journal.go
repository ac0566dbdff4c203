package clients

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Agents report their journal a moment after the commits, many entries at a time.
const (
	journalWait = time.Second
	journalLate = 2 * time.Second // what was committed longer ago was lost with its agent
)

// journal gives a unit's entries up to the last event that is committed now: who has just seen in the status what an event
// did finds it here too. An entry that an agent took with it is not waited for long.
func (s *Service) journal(ctx context.Context, m *snapshot.Model, unit string, limit int) ([]*controllerv1.JournalEntry, error) {
	wait, cancel := context.WithTimeout(ctx, journalWait)
	defer cancel()
	told, stop := s.cfg.Book.Await(m.UUID, unit)
	defer stop()
	for {
		entries, err := s.cfg.Book.Entries(m.UUID, unit, limit)
		if err != nil || wait.Err() != nil || reaches(entries, m.States[unit].Value) || !s.cfg.Presence.Connected(m.Units[unit].Value.GetAgent()) {
			return entries, err
		}
		select {
		case <-told:
		case <-wait.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
}

// reaches says whether the event that was committed last is among the entries, or is not to be waited for. A state that
// does not name it was written by an older controller, and tells only how many there were.
func reaches(entries []*controllerv1.JournalEntry, state *controllerv1.UnitState) bool {
	if last := state.GetLast(); last != nil {
		return time.Since(time.Unix(0, last.GetAtUnixNano())) > journalLate || slices.ContainsFunc(entries, func(e *controllerv1.JournalEntry) bool {
			return e.GetEvent().GetId() == last.GetEventId() && e.GetEvent().GetAttempt() == last.GetAttempt()
		})
	}
	sequence := state.GetCursor().GetSequence()
	for _, e := range entries {
		number, _, _ := strings.Cut(e.GetEvent().GetId(), "-")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil && n >= sequence {
			return true
		}
	}
	return sequence == 0
}
