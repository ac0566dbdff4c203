package cli

import (
	"context"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

func (a *app) suspendRelationCommand() *cobra.Command {
	var message string
	c := a.suspension(verb{use: "suspend-relation ID…", short: "Turn integrations off for a while",
		long:    "Units leave the relation as if it ended (departed, then broken), and the integration stays. Relations are named by their numbers, which `bangle show-unit` tells.",
		example: "bangle suspend-relation 4\nbangle suspend-relation 4 7 --message \"moving the database\""}, false, &message)
	c.Flags().StringVar(&message, "message", "", "why, for status")
	return c
}

func (a *app) resumeRelationCommand() *cobra.Command {
	return a.suspension(verb{use: "resume-relation ID…", short: "Turn suspended integrations on again",
		long: "Units join the relation anew (created, joined, changed).", example: "bangle resume-relation 4"}, true, new(string))
}

func (a *app) suspension(v verb, resume bool, message *string) *cobra.Command {
	var s *scope
	v.least, v.most = 1, -1
	c := a.command(v, func(ctx context.Context, args []string) error {
		req := &clientv1.SuspendRelationsRequest{Resume: resume, Message: *message}
		for text := range strings.SplitSeq(strings.Join(args, ","), ",") { // Juju takes them with commas too
			id, err := strconv.ParseInt(text, 10, 32)
			if err != nil {
				return usage("%q is not the number of a relation", text)
			}
			req.Relations = append(req.Relations, int32(id))
		}
		t, err := a.reach(ctx, s)
		if err != nil {
			return err
		}
		req.Model = t.model
		_, err = t.client.SuspendRelations(ctx, connect.NewRequest(req))
		return err
	})
	s = a.modelScope(c)
	return c
}
