package pluginhost

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/bangle-dev/bangle/sdk/charmruntime"
	"github.com/bangle-dev/bangle/sdk/substrate"
)

// Description is what `bangle plugins --verbose` shows of a plugin.
type Description struct {
	ID           ID
	File         string
	Sum          string   // sha256 of the file now, hex
	Trusted      []string // sums that the locks list for it
	Offered      []int    // contract versions as the lock has them, or the negotiated one
	Wanted       []int    // contract versions of this host
	Negotiated   int      // 0 = it did not come up
	Version      string   // of the implementation
	Capabilities []string
	Stderr       []string // last lines
	Err          error    // why it cannot be used, nil if it can
}

// Describe starts every plugin of the catalog once, asks who it is and ends it.
func (h *Host) Describe(ctx context.Context) ([]Description, error) {
	files, err := h.cfg.Catalog.List()
	if err != nil {
		return nil, err
	}
	var list []Description
	for _, file := range files {
		list = append(list, h.describe(ctx, file))
	}
	return list, ctx.Err()
}

// describe looks at one plugin.
func (h *Host) describe(ctx context.Context, file string) Description {
	id, _ := ParseID(filepath.Base(file))
	d := Description{ID: id, File: file, Wanted: contracts(id.Kind).Versions()}
	entries, _, _ := h.cfg.Catalog.entries(file) // an unreadable lock is Check's error too
	for _, entry := range entries {
		d.Trusted = append(d.Trusted, entry.SHA256)
		d.Offered = entry.Versions
	}
	if d.Sum, d.Err = h.cfg.Catalog.Check(file); d.Err != nil {
		return d
	}
	i, err := h.Start(ctx, id.Kind, id.Name)
	if err != nil {
		d.Err = err
		return d
	}
	defer i.Kill()
	d.Negotiated = i.Version()
	if len(d.Offered) == 0 {
		d.Offered = []int{d.Negotiated}
	}
	d.Version, d.Capabilities, d.Err = who(ctx, i)
	d.Stderr = i.Stderr()
	return d
}

// who asks the plugin for its version and capabilities.
func who(ctx context.Context, i *Instance) (version string, capabilities []string, err error) {
	switch i.ID.Kind {
	case KindRuntime:
		remote := charmruntime.Client(i.Conn())
		defer remote.Close()
		info, err := remote.Info(ctx)
		return info.GetVersion(), info.GetCapabilities(), err
	case KindUnit:
		side, err := substrate.UnitClient(ctx, i.Conn())
		if err != nil {
			return "", nil, err
		}
		info, err := side.UnitInfo(ctx)
		return info.GetVersion(), info.GetCapabilities(), err
	}
	side, err := substrate.ProviderClient(ctx, i.Conn())
	if err != nil {
		return "", nil, err
	}
	info, err := side.Info(ctx)
	return info.GetVersion(), info.GetCapabilities(), err
}

// contractOf is the name under which people find a kind's contract.
func contractOf(kind string) string {
	if kind == KindRuntime {
		return "charmruntime"
	}
	return "substrate"
}

// numbers is "1" or "1, 2".
func numbers(list []int) string {
	var text []string
	for _, n := range list {
		text = append(text, strconv.Itoa(n))
	}
	return strings.Join(text, ", ")
}
