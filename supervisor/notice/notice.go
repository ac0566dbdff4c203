// Package notice records that something happened, for clients that poll or
// wait: notices of one user, type and key are one notice that counts.
package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Types of notices.
const (
	Custom       = "custom"
	ChangeUpdate = "change-update"
	Warning      = "warning"
)

// Limits of the contract.
const (
	Lifetime    = 7 * 24 * time.Hour
	maxKey      = 256
	maxData     = 4096
	maxKept     = 1000
	customShape = `^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+(/[a-z0-9]+(-[a-z0-9]+)*)+$`
)

// Notice is one notice. UserID is nil when it is public.
type Notice struct {
	ID            string            `json:"id"`
	UserID        *uint32           `json:"user-id"`
	Type          string            `json:"type"`
	Key           string            `json:"key"`
	FirstOccurred time.Time         `json:"first-occurred"`
	LastOccurred  time.Time         `json:"last-occurred"`
	LastRepeated  time.Time         `json:"last-repeated"`
	Occurrences   int               `json:"occurrences"`
	LastData      map[string]string `json:"last-data,omitempty"`
	RepeatAfter   Duration          `json:"repeat-after,omitzero"`
	ExpireAfter   Duration          `json:"expire-after,omitzero"`

	repeated time.Time // as LastRepeated, by the clock that nobody sets
}

// Duration is a duration that JSON shows in Go's syntax.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

func (n *Notice) expired(now time.Time) bool {
	return now.After(n.LastOccurred.Add(time.Duration(n.ExpireAfter)))
}

type identity struct {
	public   bool
	uid      uint32
	typ, key string
}

func identify(user *uint32, typ, key string) identity {
	id := identity{public: user == nil, typ: typ, key: key}
	if user != nil {
		id.uid = *user
	}
	return id
}

// Config is what a store begins with.
type Config struct {
	Kept   []Notice         // from an earlier life
	LastID int              // no id up to this one is given again
	Saved  func(Notice)     // called under the lock for every custom notice that moved; must not block
	Clock  func() time.Time // nil is time.Now
}

// Store holds the notices.
type Store struct {
	saved func(Notice)

	mu     sync.Mutex
	byKey  map[identity]*Notice
	byID   map[string]*Notice
	last   int
	moved  chan struct{} // closed at the next repeat; nil when nobody waits
	newest time.Time     // last-repeated given out last; they strictly grow, also when the clock is set back
	warned time.Time     // the latest last-repeated of a warning; every answer tells it
	clock  func() time.Time
}

// New returns a store.
func New(c Config) *Store {
	s := &Store{saved: c.Saved, byKey: map[identity]*Notice{}, byID: map[string]*Notice{}, last: c.LastID, clock: c.Clock}
	if s.clock == nil {
		s.clock = time.Now
	}
	for _, n := range c.Kept {
		n.repeated = n.LastRepeated
		s.put(&n)
		if id, err := strconv.Atoi(n.ID); err == nil {
			s.last = max(s.last, id)
		}
		if n.LastRepeated.After(s.newest) {
			s.newest = n.LastRepeated
		}
	}
	return s
}

func (s *Store) put(n *Notice) {
	s.byKey[identify(n.UserID, n.Type, n.Key)] = n
	s.byID[n.ID] = n
	s.warn(n)
}

// warn notes when a warning was repeated.
func (s *Store) warn(n *Notice) {
	if n.Type == Warning && n.LastRepeated.After(s.warned) {
		s.warned = n.LastRepeated
	}
}

// Occurrence is one happening.
type Occurrence struct {
	UserID      *uint32
	Type, Key   string
	Data        map[string]string
	RepeatAfter time.Duration
}

// ValidateCustom checks what a client may add.
func ValidateCustom(o Occurrence) error {
	if len(o.Key) > maxKey {
		return fmt.Errorf("custom notice key must be %d bytes or less", maxKey)
	}
	if !regexp.MustCompile(customShape).MatchString(o.Key) {
		return errors.New("custom notice key must be in \"domain.tld/path\" format, lower case")
	}
	b, err := json.Marshal(o.Data)
	if err != nil {
		return fmt.Errorf("cannot encode notice data: %w", err)
	}
	if len(b) > maxData {
		return fmt.Errorf("total size of notice data must be %d bytes or less", maxData)
	}
	return nil
}

// Add records an occurrence and returns the notice's id.
func (s *Store) Add(o Occurrence) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock().UTC()
	n := s.byKey[identify(o.UserID, o.Type, o.Key)]
	if n != nil && n.expired(now) {
		delete(s.byID, n.ID)
		n = nil
	}
	repeat := true
	if n == nil {
		s.last++
		n = &Notice{ID: strconv.Itoa(s.last), UserID: o.UserID, Type: o.Type, Key: o.Key, FirstOccurred: now}
		s.put(n)
	} else {
		repeat = o.RepeatAfter == 0 || now.After(n.repeated.Add(o.RepeatAfter))
	}
	n.LastOccurred = now
	n.Occurrences++
	n.LastData = o.Data
	n.RepeatAfter, n.ExpireAfter = Duration(o.RepeatAfter), Duration(Lifetime)
	if repeat {
		n.repeated = now
		at := now.Round(0) // clients compare what they read, so the wall's time decides here
		if !at.After(s.newest) {
			at = s.newest.Add(time.Nanosecond)
		}
		s.newest, n.LastRepeated = at, at
		s.warn(n)
		if s.moved != nil {
			close(s.moved)
			s.moved = nil
		}
	}
	if s.saved != nil && n.Type == Custom {
		s.saved(*n)
	}
	return n.ID
}

// Get returns a notice by id.
func (s *Store) Get(id string) (Notice, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.byID[id]
	if n == nil || n.expired(s.clock()) {
		return Notice{}, false
	}
	return *n, true
}

// Filter chooses notices.
type Filter struct {
	AllUsers    bool
	UserID      *uint32 // that user's and the public ones; nil with AllUsers false means public only
	Types, Keys []string
	After       time.Time // last-repeated strictly later
}

func (f Filter) match(n *Notice) bool {
	mine := f.AllUsers || n.UserID == nil || f.UserID != nil && *f.UserID == *n.UserID
	return mine && n.LastRepeated.After(f.After) &&
		(len(f.Types) == 0 || slices.Contains(f.Types, n.Type)) &&
		(len(f.Keys) == 0 || slices.Contains(f.Keys, n.Key))
}

// List returns what the filter chooses, sorted by last-repeated.
func (s *Store) List(f Filter) []Notice {
	out, _ := s.list(f)
	return out
}

func (s *Store) list(f Filter) ([]Notice, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	var chosen []*Notice
	for _, n := range s.byID {
		if f.match(n) && !n.expired(now) {
			chosen = append(chosen, n)
		}
	}
	slices.SortFunc(chosen, func(a, b *Notice) int { return a.LastRepeated.Compare(b.LastRepeated) })
	out := make([]Notice, len(chosen))
	for i, n := range chosen {
		out[i] = *n
	}
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	return out, s.moved
}

// Wait is List that waits until it has something or ctx is done.
func (s *Store) Wait(ctx context.Context, f Filter) []Notice {
	for {
		out, moved := s.list(f)
		if len(out) > 0 {
			return out
		}
		select {
		case <-ctx.Done():
			return out
		case <-moved:
		}
	}
}

// LatestWarning returns when the newest warning was last repeated, zero without any.
func (s *Store) LatestWarning() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warned
}

// Prune drops expired notices and the oldest beyond 1000, and returns their ids.
func (s *Store) Prune(now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := maps.Clone(s.byID)
	maps.DeleteFunc(s.byKey, func(_ identity, n *Notice) bool { return n.expired(now) })
	all := slices.SortedFunc(maps.Values(s.byKey), func(a, b *Notice) int { return a.LastOccurred.Compare(b.LastOccurred) })
	if extra := len(all) - maxKept; extra > 0 {
		for _, n := range all[:extra] {
			delete(s.byKey, identify(n.UserID, n.Type, n.Key))
		}
	}
	clear(s.byID)
	s.warned = time.Time{}
	for _, n := range s.byKey {
		s.put(n)
		delete(old, n.ID)
	}
	return slices.Collect(maps.Keys(old))
}
