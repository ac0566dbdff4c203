package identity

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/bangle-dev/bangle/supervisor/audit"
)

// Change is what one request did to one identity.
type Change struct {
	Name string
	What string // "created", "updated" or "deleted"
}

// Audit writes changes to the log of security events; by is who made them.
func Audit(log *slog.Logger, by string, changes []Change) {
	names := map[string]string{"created": audit.UserCreated, "updated": audit.UserUpdated, "deleted": audit.UserDeleted}
	for _, c := range changes {
		audit.Event(log, audit.Warn, names[c.What], fmt.Sprintf("Identity %s %s by %s", c.Name, c.What, by), by, c.Name)
	}
}

// Config is what a store begins with.
type Config struct {
	Kept map[string]Identity // from an earlier life
	// Saved makes a whole new set durable; an error refuses the request. It may be nil.
	Saved func(map[string]Identity) error
}

// Store holds the identities.
type Store struct {
	saved func(map[string]Identity) error

	mu  sync.RWMutex
	set map[string]Identity
}

// New returns a store.
func New(c Config) *Store {
	s := &Store{saved: c.Saved, set: maps.Clone(c.Kept)}
	if s.set == nil {
		s.set = map[string]Identity{}
	}
	return s
}

// List returns all identities, their secrets hidden.
func (s *Store) List() map[string]Identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make(map[string]Identity, len(s.set))
	for n, i := range s.set {
		out[n] = i.redacted()
	}
	return out
}

// Do carries out one request: "add" (all must be new), "update" (all must be
// there), "replace" (either; nil deletes) or "remove" (all nil and there).
// Either everything happens or nothing.
func (s *Store) Do(action string, asked map[string]*Identity) ([]Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(asked))
	if err := s.check(action, names, asked); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, nil // clients that compute what to change may find nothing
	}
	next := maps.Clone(s.set)
	var changes []Change
	for _, n := range names {
		_, there := s.set[n]
		switch {
		case asked[n] != nil && there:
			changes = append(changes, Change{n, "updated"})
		case asked[n] != nil:
			changes = append(changes, Change{n, "created"})
		case there:
			changes = append(changes, Change{n, "deleted"})
		}
		delete(next, n)
		if asked[n] != nil {
			next[n] = asked[n].unredacted(s.set[n])
		}
	}
	if err := validateAll(next); err != nil {
		return nil, fmt.Errorf("cannot %s identities: %w", action, err)
	}
	if s.saved != nil {
		if err := s.saved(next); err != nil {
			return nil, fmt.Errorf("cannot keep identities: %w", err)
		}
	}
	s.set = next
	return changes, nil
}

// check looks at which names there must be and whether they come with a value.
func (s *Store) check(action string, names []string, asked map[string]*Identity) error {
	var wrong, known, unknown []string
	for _, n := range names {
		if (asked[n] == nil) != (action == "remove") && action != "replace" {
			wrong = append(wrong, n)
		}
		if _, there := s.set[n]; there {
			known = append(known, n)
		} else {
			unknown = append(unknown, n)
		}
	}
	switch {
	case action != "add" && action != "update" && action != "replace" && action != "remove":
		return fmt.Errorf("invalid action %q (allowed: add, update, replace, remove)", action)
	case len(wrong) > 0 && action == "remove":
		return fmt.Errorf("identity value for %q must be null for %s operation", wrong[0], action)
	case len(wrong) > 0:
		return fmt.Errorf("identity value for %q must not be null for %s operation", wrong[0], action)
	case action == "add" && len(known) > 0:
		return fmt.Errorf("identities already exist: %s", strings.Join(known, ", "))
	case (action == "update" || action == "remove") && len(unknown) > 0:
		return fmt.Errorf("identities do not exist: %s", strings.Join(unknown, ", "))
	}
	return nil
}

// ByUser finds a local identity.
func (s *Store) ByUser(uid uint32) (name string, level Level, ok bool) {
	return s.find(func(i Identity) bool { return i.Local != nil && *i.Local.UserID == uid })
}

// ByCert finds the identity of a client certificate.
func (s *Store) ByCert(cert *x509.Certificate) (name string, level Level, ok bool) {
	return s.find(func(i Identity) bool {
		if i.Cert == nil {
			return false
		}
		own, err := parseCert(i.Cert.PEM)
		return err == nil && bytes.Equal(own.Raw, cert.Raw)
	})
}

// ByPassword finds a basic identity. It costs some milliseconds on purpose.
func (s *Store) ByPassword(name, password string) (level Level, ok bool) {
	s.mu.RLock()
	i, found := s.set[name]
	s.mu.RUnlock()
	if !found || i.Basic == nil || !verify(i.Basic.Password, password) {
		return "", false
	}
	return i.Access, true
}

func (s *Store) find(match func(Identity) bool) (string, Level, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for n, i := range s.set {
		if match(i) {
			return n, i.Access, true
		}
	}
	return "", "", false
}
