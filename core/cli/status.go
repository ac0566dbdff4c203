package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) lookCommands() []*cobra.Command {
	return append([]*cobra.Command{
		a.statusCommand(), a.debugLogCommand(), a.showUnitCommand(), a.replayCommand(), a.showApplicationCommand(), a.waitForCommand(), a.machinesCommand(), a.machineLockCommand(),
		a.versionCommand(), a.completionCommand(),
	}, a.unbuiltCommands()...)
}

// statusFlags are the flags of status.
type statusFlags struct {
	relations, storage, utc, colour, noColour bool
	watch                                     time.Duration
	watching                                  bool
	retries                                   int
	delay                                     time.Duration
}

func (a *app) statusCommand() *cobra.Command {
	var s *scope
	var o *output
	var f statusFlags
	var c *cobra.Command
	c = a.command(verb{use: "status [APPLICATION | UNIT | STATUS]…", most: -1, short: "Show the state of a model",
		long: "Selectors are names or patterns of applications and units, or words such as blocked; what fits any of them is shown. --watch shows the state again after every change, " +
			"at once: on a terminal the picture is redrawn, else each follows the last.",
		example: "bangle status\nbangle status web db/0 --relations\nbangle status blocked --format yaml\nbangle status --watch 1s"},
		func(ctx context.Context, args []string) error {
			if f.colour && f.noColour {
				return usage("--color and --no-color exclude each other")
			}
			f.watching = c.Flags().Changed("watch")
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if f.watching {
				return a.watchStatus(ctx, t, args, o, &f)
			}
			answer, err := a.statusOnce(ctx, t, args, &f)
			if err != nil {
				return err
			}
			if len(answer.GetApplications()) == 0 && o.format == "tabular" {
				defer a.empty(answer, args)
			}
			return o.write(func(w io.Writer) error { return a.showStatus(w, answer, o, &f) })
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml", "summary", "oneline", "short", "line")
	c.Flags().BoolVar(&f.relations, "relations", false, "show integrations too")
	c.Flags().BoolVar(&f.relations, "integrations", false, "the same as --relations")
	c.Flags().BoolVar(&f.storage, "storage", false, "show storage too")
	c.Flags().BoolVar(&f.utc, "utc", false, "show times in UTC")
	c.Flags().BoolVar(&f.colour, "color", false, "use colours although this is no terminal")
	c.Flags().BoolVar(&f.noColour, "no-color", false, "use no colours")
	c.Flags().DurationVar(&f.watch, "watch", 0, "go on showing; the interval is read but not needed: changes are shown as they come")
	c.Flags().IntVar(&f.retries, "retry-count", 3, "try so often while the controller does not answer")
	c.Flags().DurationVar(&f.delay, "retry-delay", 100*time.Millisecond, "wait so long between tries")
	c.ValidArgsFunction = a.completeUnits
	return c
}

// statusOnce asks for the status, again when the controller does not answer.
func (a *app) statusOnce(ctx context.Context, t *target, selectors []string, f *statusFlags) (*clientv1.StatusResponse, error) {
	for try := 0; ; try++ {
		answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model, Selectors: selectors}))
		if err == nil {
			return answer.Msg, nil
		}
		if connect.CodeOf(err) != connect.CodeUnavailable || try >= f.retries || pause(ctx, f.delay, true) != nil {
			return nil, err
		}
	}
}

// empty says that there is nothing to be seen, and why.
func (a *app) empty(s *clientv1.StatusResponse, selectors []string) {
	if len(selectors) > 0 {
		a.say("\nNo application or unit fits the selectors.")
		return
	}
	a.say("\nModel %q is empty.", s.GetModel().GetName())
}

func (a *app) showStatus(w io.Writer, s *clientv1.StatusResponse, o *output, f *statusFlags) error {
	zone := a.zone(f.utc)
	switch o.format {
	case "tabular":
		return render.Tabular(w, s, render.StatusOptions{Zone: zone, Colour: (o.colour() || f.colour) && !f.noColour, Relations: f.relations, Storage: f.storage})
	case "summary":
		return render.Summary(w, s)
	case "oneline", "short", "line":
		return render.Oneline(w, s)
	}
	return render.Value(w, o.format, render.Status(s, zone))
}

// watchStatus shows the status until it is interrupted or the model is gone.
func (a *app) watchStatus(ctx context.Context, t *target, selectors []string, o *output, f *statusFlags) error {
	shown := 0
	err := t.watch(ctx, selectors, func(s *clientv1.StatusResponse) (bool, error) {
		var picture bytes.Buffer
		if err := a.showStatus(&picture, s, o, f); err != nil {
			return true, err
		}
		shown++
		return false, o.write(func(w io.Writer) error { return draw(w, picture.String(), shown, a.tty && o.file == "") })
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // interrupted: that is how watching ends
	}
	if shown > 0 && absent(err) {
		a.say("Model %q is gone.", t.model)
		return nil
	}
	return err
}

// draw shows the nth picture: on a terminal in place of the last one, line by line so that nothing flickers.
func draw(w io.Writer, picture string, n int, terminal bool) error {
	if !terminal {
		if n > 1 {
			picture = "\n" + picture
		}
		_, err := io.WriteString(w, picture)
		return err
	}
	var b strings.Builder
	if n == 1 {
		b.WriteString("\x1b[2J")
	}
	b.WriteString("\x1b[H")
	b.WriteString(strings.ReplaceAll(picture, "\n", "\x1b[K\n"))
	b.WriteString("\x1b[J")
	_, err := io.WriteString(w, b.String())
	return err
}

func (a *app) machinesCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "machines", aliases: []string{"list-machines"}, short: "List the machines of a model",
		long: "Units of the substrates that there are stand on no machine of their own, so that the list is empty.", example: "bangle machines\nbangle machines --format json"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if _, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model})); err != nil {
				return err
			}
			if o.format == "tabular" {
				table := &render.Table{Columns: render.Columns("Machine", "State", "Address", "Inst id", "Base", "AZ", "Message")}
				return o.write(func(w io.Writer) error { return table.Write(w, false) })
			}
			return o.value(map[string]any{"model": t.model, "machines": map[string]any{}})
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	return c
}

func (a *app) showUnitCommand() *cobra.Command {
	var s *scope
	var o *output
	var events, onlyApp, utc bool
	var endpoint, related string
	var last uint32
	c := a.command(verb{use: "show-unit UNIT…", least: 1, most: -1, short: "Show units with their databags, or what happened to them",
		long:    "--events shows the journal instead: each event with the time it waited, ran and took to commit, what came of it and what it wrote.",
		example: "bangle show-unit web/0\nbangle show-unit web/0 --endpoint database --related-unit db/0\nbangle show-unit web/0 --events\nbangle show-unit web/0 --events --last 10 --format json"},
		func(ctx context.Context, args []string) error {
			if err := unitArgs(args); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if events {
				return a.events(ctx, t, args, last, a.zone(utc), o)
			}
			answer, err := t.client.ShowUnit(ctx, connect.NewRequest(&clientv1.ShowUnitRequest{Model: t.model, Units: args, Endpoint: endpoint, RelatedUnit: related, App: onlyApp}))
			if err != nil {
				return err
			}
			return o.value(render.ShowUnits(answer.Msg.GetUnits(), onlyApp))
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	c.Flags().BoolVar(&events, "events", false, "show what happened to the unit")
	c.Flags().Uint32Var(&last, "last", 0, "with --events: only so many of the newest")
	c.Flags().BoolVar(&utc, "utc", false, "with --events: show times in UTC")
	c.Flags().BoolVar(&onlyApp, "app", false, "show only the applications' databags")
	c.Flags().StringVar(&endpoint, "endpoint", "", "show only the relations of this endpoint")
	c.Flags().StringVar(&related, "related-unit", "", "show only the relations with this unit")
	c.ValidArgsFunction = a.completeUnits
	return c
}

// events shows journals: as tables, unless a format was asked for.
func (a *app) events(ctx context.Context, t *target, units []string, last uint32, zone render.Zone, o *output) error {
	values := map[string][]render.EventPart{}
	var tables bytes.Buffer
	for i, u := range units {
		answer, err := t.client.Journal(ctx, connect.NewRequest(&clientv1.JournalRequest{Model: t.model, Unit: u, Limit: last}))
		if err != nil {
			return err
		}
		values[u] = render.EventParts(answer.Msg.GetEntries(), zone)
		if len(units) > 1 {
			fmt.Fprintf(&tables, "%s%s:\n", strings.Repeat("\n", min(i, 1)), u)
		}
		if err := render.Events(&tables, answer.Msg.GetEntries(), zone, o.colour()); err != nil {
			return err
		}
	}
	if o.given {
		return o.value(values)
	}
	return o.write(func(w io.Writer) error { _, err := tables.WriteTo(w); return err })
}

func (a *app) showApplicationCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "show-application APPLICATION…", most: -1, short: "Show applications",
		long: "Without a name all are shown.", example: "bangle show-application web\nbangle show-application web db --format json"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.ShowApplication(ctx, connect.NewRequest(&clientv1.ShowApplicationRequest{Model: t.model, Applications: args}))
			if err != nil {
				return err
			}
			return o.value(render.ShowApplications(answer.Msg.GetApplications()))
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	c.ValidArgsFunction = a.completeApplications
	return c
}
