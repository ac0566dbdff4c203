package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
)

// What replay exits with: an event that writes something else, and one that cannot be run again.
const (
	exitDiffers exitCode = 1
	exitUnknown exitCode = 2
)

func (a *app) replayCommand() *cobra.Command {
	var s *scope
	var o *output
	var list, utc bool
	var charm, runtime string
	c := a.command(verb{use: "replay UNIT [EVENT]", least: 1, most: 2, short: "Run an event of a unit once more, from its recording",
		long: "Agents keep what the last events of WASM charms saw, asked and wrote. The event runs again on exactly that, beside the unit: nothing is written, no workload and no network is asked. " +
			"EVENT is an id as show-unit --events prints it in JSON or YAML, or last. With --charm it runs on another package: what differs is what that one would have done. " +
			"The exit code is 0 when the event writes the same, 1 when it does not, and 2 when it cannot be run again, as those of Python charms: what they ask of the world is not all recorded. " +
			"`bangle model-config recorded-events=N` says how many events of each unit are kept.",
		example: "bangle replay web/0 last\nbangle replay web/0 --list\nbangle replay web/0 12-config-changed --charm ./charms/web"},
		func(ctx context.Context, args []string) error {
			if list == (len(args) == 2) {
				return usage("replay needs an EVENT, or last, or --list to see which there are; and --list takes none")
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req := &clientv1.ReplayRequest{Model: t.model, Unit: args[0], List: list}
			if list {
				return a.recorded(ctx, t, req, o, a.zone(utc))
			}
			req.Event = args[1]
			if err := a.replayCharm(ctx, t, req, charm, runtime); err != nil {
				return err
			}
			return a.replay(ctx, t, req, o, a.zone(utc))
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	c.Flags().BoolVar(&list, "list", false, "show which events are recorded")
	c.Flags().BoolVar(&utc, "utc", false, "show times in UTC")
	c.Flags().StringVar(&charm, "charm", "", "run this package instead: a directory, a .charm file, or the digest of one that the controller has")
	c.Flags().StringVar(&runtime, "runtime", "", "with --charm: the runtime of that package")
	c.ValidArgsFunction = a.completeUnits
	return c
}

// replayCharm finds the package that is to run, and uploads it when it is here.
func (a *app) replayCharm(ctx context.Context, t *target, req *clientv1.ReplayRequest, charm, runtime string) error {
	if charm == "" {
		return nil
	}
	req.Runtime = runtime
	if _, err := os.Stat(charm); err != nil && isDigest(charm) {
		req.CharmDigest = charm
		return nil
	}
	path, err := filepath.Abs(charm)
	if err != nil {
		return err
	}
	up, err := a.upload(ctx, t, path, runtime)
	if err != nil {
		return err
	}
	req.CharmDigest = up.GetDigest()
	return nil
}

func isDigest(text string) bool {
	text = strings.TrimPrefix(text, "sha256:")
	return len(text) == 64 && strings.Trim(text, "0123456789abcdef") == ""
}

// answersOf collects what came.
func (t *target) answersOf(ctx context.Context, req *clientv1.ReplayRequest) (recorded []*controllerv1.Recorded, replayed []*controllerv1.Replayed, problems []string, err error) {
	stream, err := t.client.Replay(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, nil, nil, err
	}
	defer stream.Close()
	for stream.Receive() {
		m := stream.Msg()
		if m.GetProblem() != "" {
			problems = append(problems, m.GetUnit()+": "+m.GetProblem())
		}
		recorded = append(recorded, m.GetAnswer().GetRecorded()...)
		if r := m.GetAnswer().GetReplayed(); r != nil {
			replayed = append(replayed, r)
		}
	}
	return recorded, replayed, problems, stream.Err()
}

func (a *app) recorded(ctx context.Context, t *target, req *clientv1.ReplayRequest, o *output, zone render.Zone) error {
	list, _, _, err := t.answersOf(ctx, req)
	if err != nil {
		return err
	}
	if o.format != "tabular" {
		return o.value(render.RecordedEvents(list, zone))
	}
	if len(list) == 0 {
		fmt.Fprintf(a.err, "No event of %s is recorded.\n", req.GetUnit())
		return nil
	}
	return o.write(func(w io.Writer) error { return render.RecordedTable(w, list, zone, o.colour()) })
}

func (a *app) replay(ctx context.Context, t *target, req *clientv1.ReplayRequest, o *output, zone render.Zone) error {
	_, list, problems, err := t.answersOf(ctx, req)
	if err != nil {
		fmt.Fprintln(a.err, "ERROR", a.unreplayable(ctx, t, req.GetUnit(), err))
		return exitUnknown
	}
	if o.format != "tabular" {
		err = o.value(render.ReplayedEvents(list, zone))
	} else {
		err = o.write(func(w io.Writer) error { return render.Replayed(w, list) })
	}
	if err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(a.err, "ERROR", p)
	}
	return verdict(list, problems)
}

// unreplayable is what an error comes down to; of a Python charm it says why nothing is recorded.
func (a *app) unreplayable(ctx context.Context, t *target, unit string, err error) string {
	app, _, _ := strings.Cut(unit, "/")
	shown, other := t.client.ShowApplication(ctx, connect.NewRequest(&clientv1.ShowApplicationRequest{Model: t.model, Applications: []string{app}}))
	if other != nil || connect.CodeOf(err) != connect.CodeNotFound || len(shown.Msg.GetApplications()) == 0 {
		return message(err)
	}
	if kind := shown.Msg.GetApplications()[0].GetRecord().GetRuntime(); kind != "wasm" && kind != "" {
		return fmt.Sprintf("cannot replay events of %s: it is a %s charm, and what such charms ask of the world, files, processes, the network, is not recorded, "+
			"so none of their events can be run again bit for bit", unit, kind)
	}
	return message(err)
}

// verdict is the exit code of what was replayed.
func verdict(list []*controllerv1.Replayed, problems []string) error {
	if len(list) == 0 {
		return exitUnknown
	}
	var worst error
	for _, r := range list {
		switch {
		case r.GetOutcome() == "":
			return exitUnknown
		case !r.GetSame():
			worst = exitDiffers
		}
	}
	if len(problems) > 0 {
		return exitUnknown
	}
	return worst
}

// shadow is the rehearsal of a refresh: the last events of each unit, on the new package.
func (a *app) shadow(ctx context.Context, t *target, req *clientv1.RefreshRequest, events int) error {
	if req.GetCharmDigest() == "" {
		return errs.E(errs.Invalid, "cannot rehearse the refresh of %q: there is no other charm", req.GetApplication())
	}
	_, list, problems, err := t.answersOf(ctx, &clientv1.ReplayRequest{Model: t.model, Application: req.GetApplication(), Events: int32(events),
		CharmDigest: req.GetCharmDigest(), Runtime: req.GetRuntime()})
	if err != nil {
		return err
	}
	out := a.out
	if err := render.Shadow(out, list); err != nil {
		return err
	}
	for _, p := range problems {
		fmt.Fprintln(a.err, "ERROR", p)
	}
	if len(list) == 0 && len(problems) == 0 {
		fmt.Fprintf(a.err, "No event of %s is recorded, so nothing can be said; events of WASM charms are.\n", req.GetApplication())
		return exitUnknown
	}
	a.say("Nothing was changed; without --shadow %q is refreshed.", req.GetApplication())
	return verdict(list, problems)
}
