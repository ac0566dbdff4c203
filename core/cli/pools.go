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

func (a *app) storagePoolsCommand() *cobra.Command {
	var s *scope
	var o *output
	var names, providers []string
	c := a.command(verb{use: "storage-pools", aliases: []string{"list-storage-pools"}, short: "List the pools that storage can come from",
		long: "Every kind of storage that the substrate provides is a pool of that name; `bangle create-storage-pool` makes others. With --name and --provider " +
			"only pools are listed that both let through.",
		example: "bangle storage-pools\nbangle storage-pools --provider rootfs --format yaml"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.pools().ListPools(ctx, connect.NewRequest(&clientv1.ListPoolsRequest{Model: t.model, Names: names, Providers: providers}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetPools()
			switch {
			case o.format != "tabular":
				return o.value(render.Pools(list))
			case len(list) == 0:
				a.say("No storage pools to display.")
				return nil
			}
			return o.write(func(w io.Writer) error { return render.PoolTable(w, list, o.colour()) })
		})
	s = a.modelScope(c)
	c.Flags().StringSliceVar(&names, "name", nil, "only pools of these names, separated by commas")
	c.Flags().StringSliceVar(&providers, "provider", nil, "only pools of these providers, separated by commas")
	o = a.answers(c, "tabular", "json", "yaml")
	return c
}

func (a *app) createStoragePoolCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "create-storage-pool NAME PROVIDER [KEY=VALUE…]", least: 2, most: -1, short: "Name a provider of storage with attributes",
		long: "Deployments then say --storage STORE=NAME. What the attributes mean is the substrate's; it says at deploy what it does not use. A pool is one model's. " +
			"`bangle storage-pools` lists the providers: they are pools of their own names.",
		example: "bangle create-storage-pool fast rootfs\nbangle create-storage-pool ssd kubernetes storage-class=ssd"},
		func(ctx context.Context, args []string) error {
			attributes, err := poolAttributes(args[2:])
			if err != nil {
				return err
			}
			if _, given := attributes["type"]; given {
				return usage("the provider is the second argument; type=… goes with update-storage-pool")
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.pools().CreatePool(ctx, connect.NewRequest(&clientv1.CreatePoolRequest{Model: t.model, Name: args[0], Provider: args[1], Attributes: attributes}))
			return err
		})
	s = a.modelScope(c)
	return c
}

// poolAttributes reads KEY=VALUE….
func poolAttributes(args []string) (map[string]string, error) {
	out := map[string]string{}
	for _, arg := range args {
		k, value, found := strings.Cut(arg, "=")
		if !found || k == "" {
			return nil, usage("malformed attribute %q; want KEY=VALUE", arg)
		}
		out[k] = value
	}
	return out, nil
}

func (a *app) updateStoragePoolCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "update-storage-pool NAME KEY=VALUE…", least: 2, most: -1, short: "Replace the attributes of a storage pool",
		long: "The attributes given are all that the pool has then; type=PROVIDER, where nothing uses the pool yet, gives it another provider. " +
			"What becomes of storage that is there already is the substrate's to say.",
		example: "bangle update-storage-pool ssd storage-class=faster iops=40\nbangle update-storage-pool fast type=local"},
		func(ctx context.Context, args []string) error {
			attributes, err := poolAttributes(args[1:])
			if err != nil {
				return err
			}
			provider := attributes["type"]
			delete(attributes, "type")
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.pools().UpdatePool(ctx, connect.NewRequest(&clientv1.UpdatePoolRequest{Model: t.model, Name: args[0], Provider: provider, Attributes: attributes}))
			return err
		})
	s = a.modelScope(c)
	return c
}

func (a *app) removeStoragePoolCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "remove-storage-pool NAME", least: 1, most: 1, short: "Remove a storage pool that nothing uses",
		long: "A pool is in use while an application was deployed with it, or storage of it is there.", example: "bangle remove-storage-pool fast"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.pools().RemovePool(ctx, connect.NewRequest(&clientv1.RemovePoolRequest{Model: t.model, Name: args[0]}))
			return err
		})
	s = a.modelScope(c)
	return c
}
