package cli

import (
	"context"
	"io"
	"slices"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) storageCommands() []*cobra.Command {
	return []*cobra.Command{
		a.storageCommand(), a.showStorageCommand(), a.addStorageCommand(), a.attachStorageCommand(), a.detachStorageCommand(), a.removeStorageCommand(),
		a.storagePoolsCommand(), a.createStoragePoolCommand(), a.updateStoragePoolCommand(), a.removeStoragePoolCommand(),
	}
}

func (a *app) storageCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "storage", aliases: []string{"list-storage"}, most: 0, short: "List the storage of the model",
		long: "Storage that no unit has is listed too.", example: "bangle storage\nbangle storage --format json"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.storage().ListStorage(ctx, connect.NewRequest(&clientv1.ListStorageRequest{Model: t.model}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetStorage()
			switch {
			case o.format != "tabular":
				return o.value(render.Storage(list, render.Zone{}))
			case len(list) == 0:
				a.say("No storage to display.")
				return nil
			}
			return o.write(func(w io.Writer) error { return render.StorageTable(w, list, o.colour()) })
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	unsupported(c, "filesystem!", "volume!")
	return c
}

func (a *app) showStorageCommand() *cobra.Command {
	var s *scope
	var o *output
	c := a.command(verb{use: "show-storage STORAGE…", least: 1, most: -1, short: "Show storage",
		long: "Storage is named as `bangle storage` lists it.", example: "bangle show-storage data/0\nbangle show-storage data/0 data/1 --format json"},
		func(ctx context.Context, args []string) error {
			if err := storageArgs(args); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.storage().ListStorage(ctx, connect.NewRequest(&clientv1.ListStorageRequest{Model: t.model, Ids: args}))
			if err != nil {
				return err
			}
			return o.value(render.Storage(answer.Msg.GetStorage(), render.Zone{}).Storage)
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	return c
}

// storageArgs refuses what cannot be a storage, before anybody is asked.
func storageArgs(ids []string) error {
	for _, id := range ids {
		if name, number, ok := strings.Cut(id, "/"); !ok || name == "" || number == "" || strings.Trim(number, "0123456789") != "" {
			return usage("%q is not the id of a storage; want NAME/NUMBER, such as data/0", id)
		}
	}
	return nil
}

func (a *app) addStorageCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "add-storage UNIT NAME[=DIRECTIVE]…", least: 2, most: -1, short: "Give a unit more storage",
		long: "A directive is [POOL][,COUNT][,SIZE] with its parts in any order; what is left out is the charm's. The charm says how many a unit may have. " +
			"`bangle storage-pools` lists the pools.",
		example: "bangle add-storage web/0 data\nbangle add-storage web/0 data=2,10G logs=1"},
		func(ctx context.Context, args []string) error {
			if err := unitArgs(args[:1]); err != nil {
				return err
			}
			var given []string
			for _, arg := range args[1:] {
				if !strings.Contains(arg, "=") {
					arg += "="
				}
				given = append(given, arg)
			}
			directives, err := parseStorage(given)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.storage().AddStorage(ctx, connect.NewRequest(&clientv1.AddStorageRequest{Model: t.model, Unit: args[0], Storage: directives}))
			if err != nil {
				return err
			}
			for _, id := range answer.Msg.GetIds() {
				a.say("added storage %s to %s", id, args[0])
			}
			return nil
		})
	s = a.modelScope(c)
	c.ValidArgsFunction = a.completeUnits
	return c
}

func (a *app) attachStorageCommand() *cobra.Command {
	var s *scope
	c := a.command(verb{use: "attach-storage UNIT STORAGE…", least: 2, most: -1, short: "Give storage that no unit has to a unit",
		long: "The unit finds the data that is in it.", example: "bangle attach-storage web/1 data/0"},
		func(ctx context.Context, args []string) error {
			unit, ids := args[0], args[1:]
			if err := unitArgs([]string{unit}); err != nil {
				return err
			}
			if err := storageArgs(ids); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if _, err := t.storage().AttachStorage(ctx, connect.NewRequest(&clientv1.AttachStorageRequest{Model: t.model, Unit: unit, Ids: ids})); err != nil {
				return err
			}
			for _, id := range ids {
				a.say("attaching %s to %s", id, unit)
			}
			return nil
		})
	s = a.modelScope(c)
	c.ValidArgsFunction = a.completeUnits
	return c
}

func (a *app) detachStorageCommand() *cobra.Command {
	var s *scope
	var force, noWait bool
	c := a.command(verb{use: "detach-storage STORAGE…", least: 1, most: -1, short: "Take storage from the unit that has it",
		long:    "The unit runs storage-detaching first. The data stays until `bangle remove-storage`; with --force nobody is waited for.",
		example: "bangle detach-storage data/0\nbangle detach-storage data/0 --force"},
		func(ctx context.Context, args []string) error {
			if err := storageArgs(args); err != nil {
				return err
			}
			if noWait && !force {
				return usage("--no-wait needs --force")
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if _, err := t.storage().DetachStorage(ctx, connect.NewRequest(&clientv1.DetachStorageRequest{Model: t.model, Ids: args, Force: force})); err != nil {
				return err
			}
			for _, id := range args {
				a.say("detaching %s", id)
			}
			return nil
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&force, "force", false, "do not wait for the unit's hook")
	c.Flags().BoolVar(&noWait, "no-wait", false, "with --force: as fast as can be")
	return c
}

func (a *app) removeStorageCommand() *cobra.Command {
	var s *scope
	var force, keep bool
	c := a.command(verb{use: "remove-storage STORAGE…", least: 1, most: -1, short: "Remove storage with its data",
		long:    "Storage that a unit has is removed only with --force, which detaches it first. With --no-destroy the model forgets it and the volume stays where it is.",
		example: "bangle remove-storage data/0\nbangle remove-storage data/0 --force\nbangle remove-storage data/0 --no-destroy"},
		func(ctx context.Context, args []string) error {
			if err := storageArgs(args); err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			if err := a.removeStorage(ctx, t, args, force, keep); err != nil {
				return err
			}
			return nil
		})
	s = a.modelScope(c)
	c.Flags().BoolVar(&force, "force", false, "also when a unit has it")
	c.Flags().BoolVar(&keep, "no-destroy", false, "leave the volume where it is")
	return c
}

// removeStorage asks for each by itself: what can go goes, and what cannot is named.
func (a *app) removeStorage(ctx context.Context, t *target, ids []string, force, keep bool) error {
	var bad []string
	var failed error
	for _, id := range slices.Compact(ids) {
		_, err := t.storage().RemoveStorage(ctx, connect.NewRequest(&clientv1.RemoveStorageRequest{Model: t.model, Ids: []string{id}, Force: force, Keep: keep}))
		if err != nil {
			bad, failed = append(bad, message(err)), err
			continue
		}
		word := "removing"
		if keep {
			word = "releasing"
		}
		a.say("%s storage %s", word, id)
	}
	if len(bad) < 2 {
		return failed
	}
	return errs.E(errs.Conflict, "%s", strings.Join(bad, "\n"))
}
