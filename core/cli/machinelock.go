package cli

import (
	"context"
	"fmt"
	"io"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) machineLockCommand() *cobra.Command {
	var s *scope
	var o *output
	var utc bool
	c := a.command(verb{use: "machine-lock", short: "Show who runs, and who waits, where units share a machine",
		long: "Units that share a machine run one hook at a time, over all models. Where each unit has a place of its own, as in Kubernetes, nobody waits. " +
			"`bangle model-config machine-lock=off` lets the units of a model run whenever they want.",
		example: "bangle machine-lock\nbangle machine-lock --format yaml"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reachController(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.MachineLocks(ctx, connect.NewRequest(&clientv1.MachineLocksRequest{}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetLocks()
			if o.format != "tabular" {
				return o.value(render.MachineLocks(list, a.zone(utc)))
			}
			if len(list) == 0 {
				fmt.Fprintln(a.err, "Nobody holds the lock of a machine.")
				return nil
			}
			return o.write(func(w io.Writer) error { return render.MachineLockTable(w, list, a.zone(utc), o.colour()) })
		})
	s = a.controllerScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	c.Flags().BoolVar(&utc, "utc", false, "show times in UTC")
	return c
}
