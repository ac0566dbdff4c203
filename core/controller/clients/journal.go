package clients

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/bangle-dev/bangle/core/controller/snapshot"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Agents report their journal a moment after the commits, many entries at a time.
const (
	journalWait = time.Second
	journalLook = 10 * time.Millisecond // the first time; to look is to read a file
)

// journal gives a unit's entries up to the last event that is committed now: who has just seen in the status what an event
// did finds it here too. An entry that an agent took with it is not waited for long.
func (s *Service) journal(ctx context.Context, m *snapshot.Model, unit string, limit int) ([]*controllerv1.JournalEntry, error) {
	committed := m.States[unit].Value.GetCursor().GetSequence()
	deadline := time.Now().Add(journalWait)
	for pause := journalLook; ; pause *= 2 {
		entries, err := s.cfg.Book.Entries(m.UUID, unit, limit)
		if err != nil || reaches(entries, committed) || time.Now().After(deadline) || !s.cfg.Presence.Connected(m.Units[unit].Value.GetAgent()) {
			return entries, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// reaches says whether an event with that number, or a later one, is among the entries.
func reaches(entries []*controllerv1.JournalEntry, sequence uint64) bool {
	for _, e := range entries {
		number, _, _ := strings.Cut(e.GetEvent().GetId(), "-")
		if n, err := strconv.ParseUint(number, 10, 64); err == nil && n >= sequence {
			return true
		}
	}
	return sequence == 0
}
