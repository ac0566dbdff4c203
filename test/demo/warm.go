package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const warmEvents = 15

// coldDispatch starts the charm in a way that keeps its events from being forked off a warm interpreter.
const coldDispatch = "#!/bin/sh\n:\nexec python3 src/charm.py\n"

// warm changes the guestbook's configuration again and again, first as it is, then with a dispatch of its own in place of
// the one that charms without any get, and says how many events of either sort one unit does in a second.
func (d *demo) warm(ctx context.Context) error {
	forked, err := d.configEvents(ctx)
	if err != nil {
		return err
	}
	dispatch := filepath.Join(d.root, "charms", "guestbook", "dispatch")
	const refresh = "bin/bangle refresh guestbook --path charms/guestbook --wait"
	defer func() { // the demo goes on with the charm as it was
		if err := os.Remove(dispatch); err != nil {
			fmt.Fprintln(os.Stderr, "demo: cannot remove", dispatch, err)
		}
		if out, err := d.shell(context.WithoutCancel(ctx), refresh); err != nil {
			fmt.Fprintln(os.Stderr, "demo: cannot put the charm back:", out)
		}
	}()
	if err := os.WriteFile(dispatch, []byte(coldDispatch), 0o755); err != nil {
		return err
	}
	if out, err := d.shell(ctx, refresh); err != nil {
		return fmt.Errorf("cannot refresh the guestbook: %w\n%s", err, out)
	}
	fresh, err := d.configEvents(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("warm: %.0f events per second (%.1f ms each), a new interpreter for each: %.0f (%.1f ms)\n", 1e6/forked, forked/1e3, 1e6/fresh, fresh/1e3)
	return nil
}

// configEvents is the median time of the charm's config-changed, in microseconds.
func (d *demo) configEvents(ctx context.Context) (float64, error) {
	for i := range warmEvents {
		if out, err := d.shell(ctx, fmt.Sprintf(`bin/bangle config guestbook title="Event %d" --wait`, i)); err != nil {
			return 0, fmt.Errorf("cannot change the title: %w\n%s", err, out)
		}
	}
	out, err := d.shell(ctx, fmt.Sprintf("bin/bangle show-unit guestbook/0 --events --last %d --format json", warmEvents))
	if err != nil {
		return 0, fmt.Errorf("cannot read the journal: %w\n%s", err, out)
	}
	var journal map[string][]struct {
		Event string `json:"event"`
		Run   int64  `json:"run-us"`
	}
	if err := json.Unmarshal([]byte(out), &journal); err != nil {
		return 0, fmt.Errorf("cannot read the journal: %w\n%s", err, out)
	}
	var times []int64
	for _, e := range journal["guestbook/0"] {
		if e.Event == "config-changed" {
			times = append(times, e.Run)
		}
	}
	if len(times) == 0 {
		return 0, fmt.Errorf("the journal has no config-changed:\n%s", out)
	}
	slices.Sort(times)
	return float64(times[len(times)/2]), nil
}
