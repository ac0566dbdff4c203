package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/home"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

type destroyFlags struct {
	noPrompt, allModels, force bool
	timeout                    time.Duration
}

func (a *app) destroyControllerCommand() *cobra.Command {
	var f destroyFlags
	c := &cobra.Command{
		Use:   "destroy-controller NAME",
		Short: "End a controller and everything it started",
		Long: "End a controller: its models with their applications, every process, mount, socket and file. It works as well when the\n" +
			"controller is already dead. A controller with models needs --destroy-all-models.",
		Example: "  " + a.name + " destroy-controller --no-prompt local\n  " + a.name + " destroy-controller --destroy-all-models dev",
		Args:    args(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.destroyController(cmd.Context(), args[0], f)
		},
	}
	c.Flags().BoolVarP(&f.noPrompt, "no-prompt", "y", false, "do not ask")
	c.Flags().BoolVar(&f.allModels, "destroy-all-models", false, "end the models too")
	c.Flags().BoolVar(&f.force, "force", false, "do not wait for units to run their last hooks")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "wait this long for units to end, then end their processes")
	return c
}

func (a *app) destroyController(ctx context.Context, name string, f destroyFlags) error {
	memory, err := home.Load(a.home)
	if err != nil {
		return err
	}
	known, ok := memory.Controllers[name]
	if !ok {
		return errs.E(errs.NotFound, "cannot destroy controller %q: there is none; known are: %s", name, names(memory.Controllers))
	}
	if !f.noPrompt && !a.confirm(name) {
		return errs.E(errs.Canceled, "cannot destroy controller %q: not confirmed", name)
	}
	b, err := a.newLocal(name, known.Dir)
	if err != nil {
		return err
	}
	if err := b.drain(ctx, f); err != nil {
		return err
	}
	if err := b.end(context.WithoutCancel(ctx), 10*time.Second); err != nil {
		return err
	}
	err = home.Change(a.home, func(c *home.Client) error {
		delete(c.Controllers, name)
		if c.Current == name {
			c.Current = ""
		}
		return nil
	})
	if err == nil {
		fmt.Fprintf(a.out, "Controller %q is gone.\n", name)
	}
	return err
}

// drain lets the units run their last hooks, as long as the controller answers and the time lasts. A controller that does
// not answer is no hindrance: its processes are ended by their records.
func (b *local) drain(ctx context.Context, f destroyFlags) error {
	if f.force {
		return nil
	}
	ask, cancelAsk := context.WithTimeout(ctx, 2*time.Second)
	defer cancelAsk()
	if _, err := b.ask(ask); err != nil {
		fmt.Fprintf(b.app.err, "Controller %q does not answer; ending its processes.\n", b.name)
		return nil
	}
	to, err := open(b.dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	stream, err := to.client().DestroyController(ctx, connect.NewRequest(&clientv1.DestroyControllerRequest{DestroyAllModels: f.allModels}))
	if err != nil {
		return err
	}
	defer stream.Close()
	last := ""
	for stream.Receive() {
		p := stream.Msg()
		last = strings.TrimSpace(p.GetObject() + " " + p.GetState() + " " + p.GetBlocking())
		if text := first(p.GetMessage(), last); text != "" {
			fmt.Fprintln(b.app.err, text)
		}
	}
	switch err := stream.Err(); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		fmt.Fprintf(b.app.err, "Not everything ended in time (%s); ending the processes.\n", last)
		return nil
	default:
		return err
	}
}

// confirm asks on the terminal; the answer is the name.
func (a *app) confirm(name string) bool {
	if f, ok := a.in.(*os.File); ok && f == nil {
		return false
	}
	fmt.Fprintf(a.err, "This ends controller %q with all its models, applications and data.\nTo continue, enter the name of the controller: ", name)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && strings.TrimSpace(line) == name
}

// names lists the keys of a map for an error.
func names[V any](m map[string]V) string {
	if len(m) == 0 {
		return "none"
	}
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
