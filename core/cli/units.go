package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) addUnitCommand() *cobra.Command {
	var s *scope
	var w *waiting
	var n uint32
	var attach []string
	c := a.command(verb{use: "add-unit APPLICATION", least: 1, most: 1, short: "Add units to an application",
		long: "See also `bangle scale-application`.", example: "bangle add-unit web\nbangle add-unit web -n 2 --wait"},
		func(ctx context.Context, args []string) error {
			if n == 0 {
				return usage("--num-units must be at least 1")
			}
			if err := storageArgs(attach); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			a.baseline(ctx, t, w)
			start := time.Now()
			answer, err := t.client.AddUnit(ctx, connect.NewRequest(&clientv1.AddUnitRequest{Model: t.model, Application: args[0], Count: n, AttachStorage: attach}))
			if err != nil || !w.wait {
				return err
			}
			return a.await(ctx, t, w, start, scaled(answer.Msg.GetUnits(), nil))
		})
	s = a.modelScope(c)
	c.Flags().Uint32VarP(&n, "num-units", "n", 1, "how many units")
	c.Flags().StringSliceVar(&attach, "attach-storage", nil, "storage that no unit has, for the one unit, by id such as data/0; may be repeated")
	unsupported(c, "to")
	w = waits(c, "the new units are active and idle")
	c.ValidArgsFunction = a.completeApplications
	return c
}

// removal are the flags of what removes.
type removal struct {
	noPrompt, force, noWait, destroyStorage, dryRun bool
}

func (r *removal) add(c *cobra.Command) {
	c.Flags().BoolVar(&r.noPrompt, "no-prompt", false, "do not ask")
	c.Flags().BoolVar(&r.force, "force", false, "do not let errors of hooks hold it")
	c.Flags().BoolVar(&r.noWait, "no-wait", false, "with --force: as fast as can be")
	c.Flags().BoolVar(&r.destroyStorage, "destroy-storage", false, "delete the storage too")
}

func (r *removal) check() error {
	if r.noWait && !r.force {
		return usage("--no-wait needs --force")
	}
	return nil
}

func (a *app) removeUnitCommand() *cobra.Command {
	var s *scope
	var w *waiting
	var r removal
	var n uint32
	c := a.command(verb{use: "remove-unit UNIT… | APPLICATION --num-units N", least: 1, most: -1, short: "Remove units of an application",
		long:    "Units are named, or counted with --num-units: then those with the highest numbers go. They run their last hooks first.",
		example: "bangle remove-unit web/2 --no-prompt\nbangle remove-unit web --num-units 2 --wait"},
		func(ctx context.Context, args []string) error {
			if err := r.check(); err != nil {
				return err
			}
			req, err := removeUnits(args, n)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if !r.noPrompt && a.tty && !a.agreed(fmt.Sprintf("This removes %s.", removes(args, n))) {
				return errs.E(errs.Canceled, "cannot remove units: not confirmed")
			}
			req.Model, req.Force, req.DestroyStorage = t.model, r.force, r.destroyStorage
			a.baseline(ctx, t, w)
			start := time.Now()
			answer, err := t.client.RemoveUnit(ctx, connect.NewRequest(req))
			if err != nil {
				return err
			}
			for _, u := range answer.Msg.GetUnits() {
				a.say("will remove unit %s", u)
			}
			if !w.wait {
				return nil
			}
			w.through = w.through || r.force // what fails is passed over
			return a.await(ctx, t, w, start, scaled(nil, answer.Msg.GetUnits()))
		})
	s = a.modelScope(c)
	r.add(c)
	c.Flags().Uint32Var(&n, "num-units", 0, "how many units of the application")
	w = waits(c, "the units are gone")
	c.ValidArgsFunction = a.completeUnits
	return c
}

func removes(args []string, n uint32) string {
	if n > 0 {
		return fmt.Sprintf("%s of %s", plural(int(n), "unit"), args[0])
	}
	return strings.Join(args, ", ")
}

// removeUnits makes the request of the arguments: names of units, or an application and a number.
func removeUnits(args []string, n uint32) (*clientv1.RemoveUnitRequest, error) {
	if n > 0 {
		if len(args) != 1 || strings.Contains(args[0], "/") {
			return nil, usage("--num-units goes with the name of one application")
		}
		return &clientv1.RemoveUnitRequest{Application: args[0], Count: n}, nil
	}
	for _, u := range args {
		if !strings.Contains(u, "/") {
			return nil, usage("%q names no unit; say --num-units N to remove units of the application", u)
		}
	}
	return &clientv1.RemoveUnitRequest{Units: args}, nil
}

func (a *app) scaleCommand() *cobra.Command {
	var s *scope
	var w *waiting
	c := a.command(verb{use: "scale-application APPLICATION SCALE", least: 2, most: 2, short: "Set the number of units of an application",
		long:    "Units with the highest numbers are removed first.",
		example: "bangle scale-application web 3\nbangle scale-application web 1 --wait"},
		func(ctx context.Context, args []string) error {
			n, err := strconv.ParseUint(args[1], 10, 32)
			if err != nil {
				return usage("scale %q is not a number of units: want 0 or more", args[1])
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			a.baseline(ctx, t, w)
			start := time.Now()
			answer, err := t.client.ScaleApplication(ctx, connect.NewRequest(&clientv1.ScaleApplicationRequest{Model: t.model, Application: args[0], Scale: uint32(n)}))
			if err != nil {
				return err
			}
			a.say("%s scaled to %s", args[0], plural(int(n), "unit"))
			if !w.wait {
				return nil
			}
			return a.await(ctx, t, w, start, scaled(answer.Msg.GetAdded(), answer.Msg.GetRemoved()))
		})
	s = a.modelScope(c)
	w = waits(c, "new units are active and idle and removed ones gone")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) removeApplicationCommand() *cobra.Command {
	var s *scope
	var w *waiting
	var r removal
	c := a.command(verb{use: "remove-application APPLICATION…", least: 1, most: -1, short: "Remove applications with their units and relations",
		long:    "Units run their last hooks first. --dry-run says what would be removed.",
		example: "bangle remove-application web --no-prompt\nbangle remove-application db --destroy-storage --force --wait\nbangle remove-application db --dry-run"},
		func(ctx context.Context, args []string) error {
			if err := r.check(); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			a.baseline(ctx, t, w)
			start := time.Now()
			for _, name := range args {
				if err := a.removeApplication(ctx, t, name, &r); err != nil {
					return err
				}
			}
			if !w.wait || r.dryRun {
				return nil
			}
			w.through = w.through || r.force
			return a.await(ctx, t, w, start, func(s *clientv1.StatusResponse) []string { return left(s, args) })
		})
	s = a.modelScope(c)
	r.add(c)
	c.Flags().BoolVar(&r.dryRun, "dry-run", false, "say what would be removed, but remove nothing")
	w = waits(c, "the applications are gone")
	c.ValidArgsFunction = a.completeApplications
	return c
}

// removeApplication asks first, on a terminal, with what would go.
func (a *app) removeApplication(ctx context.Context, t *target, name string, r *removal) error {
	ask := !r.noPrompt && a.tty && !r.dryRun
	req := &clientv1.RemoveApplicationRequest{Model: t.model, Application: name, Force: r.force, DestroyStorage: r.destroyStorage, DryRun: r.dryRun || ask}
	answer, err := t.client.RemoveApplication(ctx, connect.NewRequest(req))
	if err != nil {
		return err
	}
	a.say("will remove application %s", name)
	for _, u := range answer.Msg.GetUnits() {
		a.say("- will remove unit %s", u)
	}
	for _, id := range answer.Msg.GetStorage() {
		if r.destroyStorage {
			a.say("- will remove storage %s", id)
		} else {
			a.say("- will detach storage %s", id)
		}
	}
	if !ask {
		return nil
	}
	if !a.agreed("") {
		return errs.E(errs.Canceled, "cannot remove application %q: not confirmed", name)
	}
	req.DryRun = false
	_, err = t.client.RemoveApplication(ctx, connect.NewRequest(req))
	return err
}
