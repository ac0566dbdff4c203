package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sort"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/core/controller"
	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/core/process"
	"github.com/bangle-dev/bangle/sdk/errs"
	"github.com/bangle-dev/bangle/sdk/profile"
)

func (a *app) controllerCommands() []*cobra.Command {
	return []*cobra.Command{
		a.bootstrapCommand(), a.destroyControllerCommand(), a.controllersCommand(), a.controllerCommand(), a.pluginsCommand(),
	}
}

// args checks the number of arguments; wrong ones are wrong use.
func args(least, most int, form string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		switch {
		case len(given) < least:
			return usage("%s needs arguments: %s %s", cmd.Name(), cmd.CommandPath(), form)
		case most >= 0 && len(given) > most:
			return usage("unrecognized args: %q", given[most:])
		}
		return nil
	}
}

// controllerRow is one controller as it is listed.
type controllerRow struct {
	Current   bool   `json:"-" yaml:"-"`
	Name      string `json:"-" yaml:"-"`
	Model     string `json:"current-model,omitempty" yaml:"current-model,omitempty"`
	UUID      string `json:"uuid" yaml:"uuid"`
	Substrate string `json:"cloud" yaml:"cloud"`
	Dir       string `json:"directory" yaml:"directory"`
	State     string `json:"state" yaml:"state"`
}

func (a *app) controllersCommand() *cobra.Command {
	format := "tabular"
	c := &cobra.Command{
		Use:     "controllers",
		Aliases: []string{"list-controllers"},
		Short:   "List the known controllers",
		Example: "  " + a.name + " controllers --format json",
		Args:    args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			memory, err := home.Load(a.home)
			if err != nil {
				return err
			}
			return a.listControllers(memory, format)
		},
	}
	c.Flags().StringVar(&format, "format", format, "tabular, json or yaml")
	return c
}

func (a *app) listControllers(memory *home.Client, format string) error {
	rows := map[string]controllerRow{}
	var order []string
	for name, k := range memory.Controllers {
		state := "stopped"
		if r, ok := process.Read(pidFile(k.Dir)); ok && r.Alive() {
			state = "running"
		}
		rows[name] = controllerRow{Current: name == memory.Current, Name: name, Model: k.Model, UUID: k.UUID, Substrate: k.Substrate, Dir: k.Dir, State: state}
		order = append(order, name)
	}
	sort.Strings(order)
	whole := map[string]any{"controllers": rows, "current-controller": memory.Current}
	switch format {
	case "json", "yaml":
		return render.Value(a.out, format, whole)
	case "tabular":
	default:
		return usage("invalid value %q for option --format: allowed are tabular, json, yaml", format)
	}
	if len(rows) == 0 {
		fmt.Fprintf(a.err, "No controllers registered.\n\nMake one with: %s bootstrap\n", a.name)
		return nil
	}
	w := tabwriter.NewWriter(a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "Controller\tModel\tCloud\tState\tDirectory")
	for _, name := range order {
		r := rows[name]
		mark, model := "", r.Model
		if r.Current {
			mark = "*"
		}
		if model == "" {
			model = "-"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\t%s\n", name, mark, model, r.Substrate, r.State, r.Dir)
	}
	return w.Flush()
}

// controllerCommand groups what concerns the controller's own process.
func (a *app) controllerCommand() *cobra.Command {
	c := &cobra.Command{Use: "controller", Short: "Run, stop and start a controller's processes",
		Args: args(0, 0, ""), RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(a.controllerRunCommand(), a.controllerStopCommand(), a.controllerStartCommand())
	return c
}

func (a *app) controllerRunCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:     "run",
		Short:   "Be the controller, in the foreground",
		Long:    "Be the controller whose directory is given, until a signal ends it. `bootstrap` makes the directory and runs this in the background.",
		Example: "  " + a.name + " controller run --dir ~/.local/share/bangle/controllers/local",
		Args:    args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				return usage("controller run needs --dir DIRECTORY")
			}
			// Who reads the log may die: the controller works on then. Ignoring the signal would have its children ignore it too.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
			profile.Serve(a.getenv(profile.EnvDir), slog.New(slog.NewTextHandler(a.err, nil)))
			return controller.Run(cmd.Context(), dir, controller.Process{Home: a.home, RunDir: a.getenv("BANGLE_RUN"), Log: a.err})
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the controller's directory")
	return c
}

func (a *app) controllerStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop [NAME]",
		Short: "Stop a controller's processes; workloads go on",
		Long: "Stop the controller and the agent, so that the directory can be copied. Workloads go on under their supervisors; no hook\n" +
			"runs until the controller is started again, which any command does.",
		Example: "  " + a.name + " controller stop local && cp -a ~/.local/share/bangle backup",
		Args:    args(0, 1, "[NAME]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, b, err := a.pick(args)
			if err != nil {
				return err
			}
			r, ok := process.Read(b.pidFile())
			if !ok || !r.Alive() {
				fmt.Fprintf(a.out, "Controller %q does not run.\n", name)
				return nil
			}
			if err := r.End(cmd.Context(), 30*time.Second); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Controller %q is stopped; its state is in %s\n", name, b.dir)
			return nil
		},
	}
}

func (a *app) controllerStartCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "start [NAME]",
		Short:   "Start a controller's processes again",
		Example: "  " + a.name + " controller start local",
		Args:    args(0, 1, "[NAME]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, b, err := a.pick(args)
			if err != nil {
				return err
			}
			if r, ok := process.Read(b.pidFile()); ok && r.Alive() {
				fmt.Fprintf(a.out, "Controller %q is running.\n", name)
				return nil
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			if err := b.start(ctx); err != nil {
				return err
			}
			if _, err := b.wait(ctx); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "Controller %q is running.\n", name)
			return nil
		},
	}
}

// pick is the local controller that is named, or the current one.
func (a *app) pick(args []string) (string, *local, error) {
	memory, err := home.Load(a.home)
	if err != nil {
		return "", nil, err
	}
	name := memory.Current
	if len(args) > 0 {
		name = args[0]
	}
	known, ok := memory.Controllers[name]
	if !ok || known.Dir == "" {
		return "", nil, errs.E(errs.NotFound, "cannot find controller %q; known are: %s", name, names(memory.Controllers))
	}
	b, err := a.newLocal(name, known.Dir)
	return name, b, err
}
