package cli

import (
	"context"
	"io"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) bindCommand() *cobra.Command {
	var s *scope
	var force bool
	c := a.command(verb{use: "bind APPLICATION [SPACE] [ENDPOINT=SPACE…]", least: 2, most: -1, short: "Say in which spaces the endpoints of an application are",
		long:    "A space alone is that of all endpoints. What is not named stays as it is. `bangle spaces` lists what there is.",
		example: "bangle bind web alpha\nbangle bind web db=alpha admin=alpha"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.client.Bind(ctx, connect.NewRequest(&clientv1.BindRequest{Model: t.model, Application: args[0], Bindings: parseBindings(strings.Join(args[1:], " ")), Force: force}))
			return err
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&force, "force", false, "for scripts written for Juju: there is nothing here that it could overcome")
	c.ValidArgsFunction = a.completeApplications
	return c
}

func (a *app) spacesCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "spaces", short: "List the spaces of a model",
		long: "Every model has one space, alpha: substrates tell of addresses, not of networks that could be kept apart.", example: "bangle spaces\nbangle spaces --format yaml"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.client.ListSpaces(ctx, connect.NewRequest(&clientv1.ListSpacesRequest{Model: t.model}))
			if err != nil {
				return err
			}
			if o.format != "tabular" {
				return o.value(render.Spaces(answer.Msg.GetSpaces()))
			}
			return o.write(func(w io.Writer) error { return render.SpaceTable(w, answer.Msg.GetSpaces()) })
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "yaml", "json")
	return c
}
