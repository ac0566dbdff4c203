// Package collect removes what was uploaded and nothing names any more: records of charms, their packages, contents of
// resources. A deploy uploads first and names later, so everything has a time of grace.
package collect

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/bangle-dev/bangle/core/controller/blobs"
	"github.com/bangle-dev/bangle/core/controller/model"
	"github.com/bangle-dev/bangle/core/controller/store"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// Grace is how long what nothing names is kept after it was uploaded last, and Pause how long it takes until that is looked
// at again.
const (
	Grace = 15 * time.Minute
	Pause = 5 * time.Minute
)

// Config says what is looked after.
type Config struct {
	Store     store.Store
	Mirror    Mirror
	Charms    *blobs.Store
	Resources *blobs.Store
	Grace     time.Duration // 0 means Grace
	Now       func() time.Time
	Log       *slog.Logger
}

// Mirror is the store in memory.
type Mirror interface{ Read(look func(*model.State)) }

// Collector removes what is left over.
type Collector struct {
	cfg  Config
	seen map[string]time.Time // records of charms that nothing named when they were looked at first
}

// New makes a collector.
func New(cfg Config) *Collector {
	if cfg.Grace == 0 {
		cfg.Grace = Grace
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Collector{cfg: cfg, seen: map[string]time.Time{}}
}

// Run collects again and again until ctx ends.
func (c *Collector) Run(ctx context.Context) error {
	tick := time.NewTicker(Pause)
	defer tick.Stop()
	for {
		if err := c.Collect(ctx); err != nil && ctx.Err() == nil {
			c.cfg.Log.Warn("cannot remove what nothing names any more; trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// named is what the models say.
type named struct {
	charms, resources map[string]bool
	records           map[string]int64 // of charms → revision
	epoch             string
}

func (c *Collector) named() named {
	n := named{charms: map[string]bool{}, resources: map[string]bool{}, records: map[string]int64{}}
	c.cfg.Mirror.Read(func(s *model.State) {
		n.epoch = s.Epoch
		for _, digest := range s.Charms() {
			n.records[digest] = s.CharmEntry(digest).Mod
		}
		for _, g := range s.Models() {
			for _, name := range g.Apps() {
				app, _ := g.App(name)
				n.charms[app.GetCharmDigest()] = true
				for _, r := range app.GetResourceRecords() {
					n.resources[r.GetDigest()] = true
				}
				// A unit may run the charm of before until it is upgraded.
				for _, unit := range g.Units(name) {
					n.charms[charmOf(g, unit)] = true
				}
			}
		}
	})
	return n
}

// charmOf is the digest of the charm that a unit's files are of.
func charmOf(g *model.Graph, unit string) string {
	for _, e := range g.OfUnit(unit) {
		if st, ok := e.Value.(*controllerv1.UnitState); ok {
			return st.GetCursor().GetCharmDigest()
		}
	}
	return ""
}

// Collect looks once: first at records, then at files, which must not go before their record.
func (c *Collector) Collect(ctx context.Context) error {
	n := c.named()
	if err := c.records(ctx, n); err != nil {
		return err
	}
	n = c.named()
	for digest := range n.records {
		n.charms[digest] = true // its record is there still
	}
	if err := c.files(c.cfg.Charms, n.charms); err != nil {
		return err
	}
	return c.files(c.cfg.Resources, n.resources)
}

// records removes the records of charms that nothing named for the time of grace. An upload of the same charm meanwhile
// touches its package, and counts.
func (c *Collector) records(ctx context.Context, n named) error {
	now := c.cfg.Now()
	for digest := range c.seen {
		if _, there := n.records[digest]; !there || n.charms[digest] {
			delete(c.seen, digest)
		}
	}
	for digest, mod := range n.records {
		if n.charms[digest] {
			continue
		}
		if _, known := c.seen[digest]; !known {
			c.seen[digest] = now
		}
		if !c.old(c.cfg.Charms, digest, now) || now.Sub(c.seen[digest]) < c.cfg.Grace {
			continue
		}
		// A deploy compares the record that it names; whoever comes first wins.
		k := store.CharmKey(digest)
		result, err := c.cfg.Store.Txn(ctx, []store.Compare{store.ValueIs(store.EpochKey, []byte(n.epoch)), store.ModIs(k, mod)}, []store.Op{store.Delete(k)}, nil)
		if err != nil {
			return err
		}
		if result.Succeeded {
			c.cfg.Log.Info("removed a charm that nothing uses", "digest", digest)
		}
	}
	return nil
}

// old says whether a file was uploaded before the time of grace; one that is not there is.
func (c *Collector) old(files *blobs.Store, digest string, now time.Time) bool {
	path, err := files.Path(digest)
	if err != nil {
		return true
	}
	info, err := os.Stat(path)
	return err != nil || now.Sub(info.ModTime()) >= c.cfg.Grace
}

// files removes what nothing names and was not uploaded lately.
func (c *Collector) files(files *blobs.Store, named map[string]bool) error {
	all, err := files.List()
	if err != nil {
		return err
	}
	now := c.cfg.Now()
	for _, digest := range all {
		if named[digest] || !c.old(files, digest, now) {
			continue
		}
		if err := files.Remove(digest); err != nil {
			return err
		}
		c.cfg.Log.Info("removed an upload that nothing uses", "digest", digest)
	}
	return nil
}
