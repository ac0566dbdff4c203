package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) modelCommands() []*cobra.Command {
	return []*cobra.Command{a.addModelCommand(), a.destroyModelCommand(), a.modelsCommand(), a.switchCommand(), a.modelConfigCommand()}
}

func (a *app) addModelCommand() *cobra.Command {
	var s *scope
	var config []string
	var noSwitch bool
	c := a.command(verb{use: "add-model NAME [SUBSTRATE]", least: 1, most: 2, short: "Add an empty model",
		long:    "A model holds applications and their integrations. It becomes the current one, unless --no-switch is given.",
		example: "bangle add-model dev\nbangle add-model test --config update-status-hook-interval=1m --no-switch"},
		func(ctx context.Context, args []string) error {
			set, err := pairs(config)
			if err != nil {
				return err
			}
			t, err := a.reachController(ctx, s)
			if err != nil {
				return err
			}
			req := &clientv1.AddModelRequest{Name: args[0], Config: set}
			if len(args) > 1 {
				req.Substrate = args[1]
			}
			answer, err := t.client.AddModel(ctx, connect.NewRequest(req))
			if err != nil {
				return err
			}
			m := answer.Msg.GetModel()
			if !noSwitch {
				if err := a.remember(t.controller, m.GetName()); err != nil {
					return err
				}
			}
			a.say("Added '%s' model on %s with UUID %s", m.GetName(), m.GetSubstrate(), m.GetUuid())
			return nil
		})
	s = a.controllerScope(c)
	c.Flags().StringArrayVar(&config, "config", nil, "a setting of the model, KEY=VALUE; may be repeated")
	c.Flags().BoolVar(&noSwitch, "no-switch", false, "stay with the current model")
	return c
}

// remember makes a model the current one of its controller, and the controller the current one.
func (a *app) remember(controller, model string) error {
	return home.Change(a.home, func(c *home.Client) error {
		known, ok := c.Controllers[controller]
		if !ok {
			return nil
		}
		known.Model = model
		c.Controllers[controller], c.Current = known, controller
		return nil
	})
}

type destroyModelFlags struct {
	noPrompt, force, destroyStorage, noWait bool
	timeout                                 time.Duration
}

func (a *app) destroyModelCommand() *cobra.Command {
	var s *scope
	var f destroyModelFlags
	c := a.command(verb{use: "destroy-model [CONTROLLER:]NAME", least: 1, most: 1, short: "End a model and everything in it",
		long:    "Units run their last hooks first; --force does not wait for them. With --timeout the command gives up waiting; the end itself goes on.",
		example: "bangle destroy-model dev\nbangle destroy-model --no-prompt --destroy-storage --timeout 2m dev"},
		func(ctx context.Context, args []string) error {
			controller, name, found := strings.Cut(args[0], ":")
			if found {
				s.controller = controller
			} else {
				name = args[0]
			}
			t, err := a.reachController(ctx, s)
			if err != nil {
				return err
			}
			return a.destroyModel(ctx, t, name, f)
		})
	s = a.controllerScope(c)
	c.Flags().BoolVarP(&f.noPrompt, "no-prompt", "y", false, "do not ask")
	c.Flags().BoolVar(&f.force, "force", false, "do not let errors of hooks hold it")
	c.Flags().BoolVar(&f.noWait, "no-wait", false, "with --force: as fast as can be")
	c.Flags().BoolVar(&f.destroyStorage, "destroy-storage", false, "delete the storage too")
	c.Flags().DurationVarP(&f.timeout, "timeout", "t", 10*time.Minute, "give up waiting after this long")
	c.ValidArgsFunction = a.completeModels
	return c
}

func (a *app) destroyModel(ctx context.Context, t *target, name string, f destroyModelFlags) error {
	if f.noWait && !f.force {
		return usage("--no-wait needs --force")
	}
	if !f.noPrompt && !a.agreed(fmt.Sprintf("WARNING! This destroys model %q with all its applications and their data.", name)) {
		return errs.E(errs.Canceled, "cannot destroy model %q: not confirmed", name)
	}
	stream, err := t.client.DestroyModel(ctx, connect.NewRequest(&clientv1.DestroyModelRequest{Model: name, Force: f.force,
		DestroyStorage: f.destroyStorage, TimeoutMs: f.timeout.Milliseconds()}))
	if err != nil {
		return err
	}
	defer stream.Close()
	a.say("Destroying model %s", name)
	var last *clientv1.Progress
	for stream.Receive() {
		last = stream.Msg()
		a.progress(last)
	}
	if err := stream.Err(); err != nil {
		return err
	}
	if last != nil && !last.GetDone() {
		return errs.E(errs.Unavailable, "cannot wait any longer for the end of model %q: %s holds it; it goes on ending, --force does not wait for hooks", name, first(last.GetBlocking(), last.GetObject(), "something"))
	}
	return a.forget(t.controller, name)
}

// progress prints how the end of something goes.
func (a *app) progress(p *clientv1.Progress) {
	text := strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{p.GetState(), p.GetObject()}, func(s string) bool { return s == "" }), " "))
	if p.GetMessage() != "" {
		text = strings.TrimPrefix(text+": "+p.GetMessage(), ": ")
	}
	if p.GetBlocking() != "" {
		text += ", held by " + p.GetBlocking()
	}
	if text != "" {
		a.say("  %s", text)
	}
}

// forget takes a model that is gone out of the memory.
func (a *app) forget(controller, model string) error {
	return home.Change(a.home, func(c *home.Client) error {
		if known, ok := c.Controllers[controller]; ok && known.Model == model {
			known.Model = ""
			c.Controllers[controller] = known
		}
		return nil
	})
}

func (a *app) modelsCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "models", short: "List the models of a controller", aliases: []string{"list-models"},
		long: "The current model has a star.", example: "bangle models\nbangle models -c dev --format json"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reachController(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.ListModels(ctx, connect.NewRequest(&clientv1.ListModelsRequest{}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetModels()
			if o.format == "tabular" {
				return o.write(func(w io.Writer) error { return render.ModelTable(w, list, t.controller, t.model, o.colour()) })
			}
			return o.value(render.Models(list, t.controller, t.model))
		})
	s = a.controllerScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	return c
}

func (a *app) switchCommand() *cobra.Command {
	c := a.command(verb{use: "switch [CONTROLLER | [CONTROLLER:]MODEL]", most: 1, short: "Show or change the current controller and model",
		long:    "Without an argument it prints where commands go that name no model. A name is a model's of the current controller if there is one, else a controller's.",
		example: "bangle switch\nbangle switch dev\nbangle switch local:dev"},
		func(ctx context.Context, args []string) error {
			memory, err := home.Load(a.home)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if memory.Current == "" {
					return errs.E(errs.NotFound, "cannot tell the current controller: there is none yet; make one with: %s bootstrap", a.name)
				}
				fmt.Fprintln(a.out, place(memory.Current, memory.Controllers[memory.Current].Model))
				return nil
			}
			return a.switchTo(ctx, memory, args[0])
		})
	c.ValidArgsFunction = a.completeModels
	return c
}

// place names a model as `switch` does.
func place(controller, model string) string {
	if model == "" {
		return controller
	}
	return controller + ":" + model
}

func (a *app) switchTo(ctx context.Context, memory *home.Client, to string) error {
	controller, model, given := strings.Cut(to, ":")
	if _, isController := memory.Controllers[to]; !given && isController {
		has, err := a.hasModel(ctx, memory.Current, to)
		if err != nil || !has {
			return a.stand(memory, to, memory.Controllers[to].Model)
		}
	}
	if !given {
		controller, model = memory.Current, to
	}
	if _, ok := memory.Controllers[controller]; !ok {
		return errs.E(errs.NotFound, "cannot switch to %q: there is no controller %q; known are: %s", to, controller, names(memory.Controllers))
	}
	if model != "" {
		has, err := a.hasModel(ctx, controller, model)
		if err != nil {
			return err
		}
		if !has {
			return errs.E(errs.NotFound, "cannot switch to %q: controller %q has no model of that name, and there is no such controller; see %s models", to, controller, a.name)
		}
	}
	return a.stand(memory, controller, model)
}

// stand makes a place the current one and says from where to where it went.
func (a *app) stand(memory *home.Client, controller, model string) error {
	was := place(memory.Current, memory.Controllers[memory.Current].Model)
	is := place(controller, model)
	if was == is {
		a.say("%s (no change)", is)
		return nil
	}
	if err := a.remember(controller, model); err != nil {
		return err
	}
	a.say("%s -> %s", was, is)
	return nil
}

func (a *app) hasModel(ctx context.Context, controller, model string) (bool, error) {
	if controller == "" {
		return false, nil
	}
	t, err := a.reachController(ctx, &scope{controller: controller})
	if err != nil {
		return false, err
	}
	answer, err := t.client.ListModels(ctx, connect.NewRequest(&clientv1.ListModelsRequest{}))
	if err != nil {
		return false, err
	}
	for _, m := range answer.Msg.GetModels() {
		if m.GetModel().GetName() == model {
			return true, nil
		}
	}
	return false, nil
}

func (a *app) modelConfigCommand() *cobra.Command {
	var s *scope
	var o *output
	var reset []string
	c := a.command(verb{use: "model-config [KEY | KEY=VALUE…]", most: -1, short: "Show or change settings of a model",
		long:    "Without arguments it shows all settings, with a key its value. --reset brings the default back.",
		example: "bangle model-config\nbangle model-config update-status-hook-interval=1m\nbangle model-config --reset update-status-hook-interval"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			return a.modelConfig(ctx, t, args, reset, o)
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	c.Flags().StringSliceVar(&reset, "reset", nil, "settings to bring back to their default, separated by commas")
	return c
}

func (a *app) modelConfig(ctx context.Context, t *target, args, reset []string, o *output) error {
	req := &clientv1.ModelConfigRequest{Model: t.model, Reset_: reset}
	key := ""
	switch {
	case len(args) == 1 && !strings.Contains(args[0], "=") && len(reset) == 0:
		key = args[0]
	case len(args) > 0:
		set, err := pairs(args)
		if err != nil {
			return err
		}
		req.Set = set
	}
	answer, err := t.client.ModelConfig(ctx, connect.NewRequest(req))
	if err != nil || len(req.Set)+len(reset) > 0 {
		return err
	}
	config := answer.Msg.GetConfig()
	if key != "" {
		value, ok := config[key]
		if !ok {
			return errs.E(errs.NotFound, "cannot show setting %q: there is none of that name; there are %s", key, names(config))
		}
		return o.write(func(w io.Writer) error { _, err := fmt.Fprintln(w, value); return err })
	}
	if o.format == "tabular" {
		return o.write(func(w io.Writer) error { return render.Pairs(w, [2]string{"Attribute", "Value"}, config) })
	}
	return o.value(config)
}
