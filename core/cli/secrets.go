package cli

import (
	"context"
	"encoding/base64"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/cli/render"
	"github.com/bangle-dev/bangle/sdk/api"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	"github.com/bangle-dev/bangle/sdk/yaml"
)

func (a *app) secretCommands() []*cobra.Command {
	return []*cobra.Command{
		a.addSecretCommand(), a.updateSecretCommand(), a.removeSecretCommand(), a.grantSecretCommand(false), a.grantSecretCommand(true),
		a.secretsCommand(), a.showSecretCommand(),
	}
}

// secretContent reads key=value, key#base64=value and key#file=path, over those of a YAML file.
func secretContent(args []string, file string) (map[string][]byte, error) {
	content := map[string][]byte{}
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, usage("cannot read the secret: %w", err)
		}
		values := map[string]string{}
		if err := yaml.Decode(file, data, &values); err != nil {
			return nil, err
		}
		for k, v := range values {
			if err := secretValue(content, k, v); err != nil {
				return nil, err
			}
		}
	}
	for _, arg := range args {
		k, v, ok := strings.Cut(arg, "=")
		if !ok || k == "" {
			return nil, usage("malformed value %q; want KEY=VALUE, KEY#base64=VALUE or KEY#file=PATH", arg)
		}
		if err := secretValue(content, k, v); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// secretValue puts one value in, as the key's ending says.
func secretValue(content map[string][]byte, k, v string) error {
	name, how, _ := strings.Cut(k, "#")
	switch how {
	case "":
		content[name] = []byte(v)
	case "base64":
		raw, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return usage("value of key %q is not base64", name)
		}
		content[name] = raw
	case "file":
		data, err := os.ReadFile(v)
		if err != nil {
			return usage("cannot read the value of key %q: %w", name, err)
		}
		content[name] = data
	default:
		return usage("malformed key %q; after # comes base64 or file", k)
	}
	return nil
}

func (a *app) addSecretCommand() *cobra.Command {
	var s *scope
	var info, file string
	c := a.command(verb{use: "add-secret NAME [KEY[#base64|#file]=VALUE]…", least: 1, most: -1, short: "Add a secret that charms can be given",
		long: "A charm reads it once it was granted (grant-secret) and named in one of the charm's options of type secret. " +
			"Keys have three or more lower-case letters, digits, dots and hyphens.",
		example: "bangle add-secret db-password password=s3cret\nbangle add-secret tls cert#file=./cert.pem key#file=./key.pem --info 'front door'\nbangle add-secret many --file ./values.yaml"},
		func(ctx context.Context, args []string) error {
			content, err := secretContent(args[1:], file)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.secrets().AddSecret(ctx, connect.NewRequest(&clientv1.AddSecretRequest{Model: t.model, Name: args[0], Description: info, Content: content}))
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, api.SecretURI(answer.Msg.GetId())+"\n")
			return err
		})
	s = a.modelScope(c)
	c.Flags().StringVar(&info, "info", "", "what the secret is for")
	c.Flags().StringVar(&file, "file", "", "YAML file of keys and values")
	return c
}

// secretChange are the flags of update-secret.
type secretChange struct{ info, file, name, prune string }

// request is what the flags say; c tells which of them were given.
func (f *secretChange) request(c *cobra.Command, args []string) (*clientv1.UpdateSecretRequest, error) {
	req := &clientv1.UpdateSecretRequest{Secret: args[0]}
	if c.Flags().Changed("info") {
		req.Description = &f.info
	}
	if c.Flags().Changed("name") {
		req.Name = &f.name
	}
	if f.prune != "" {
		prune, err := strconv.ParseBool(f.prune)
		if err != nil {
			return nil, usage("--auto-prune must be true or false, not %q", f.prune)
		}
		req.AutoPrune = &prune
	}
	var err error
	req.Content, err = secretContent(args[1:], f.file)
	return req, err
}

func (a *app) updateSecretCommand() *cobra.Command {
	var s *scope
	var f secretChange
	var c *cobra.Command
	c = a.command(verb{use: "update-secret SECRET [KEY[#base64|#file]=VALUE]…", least: 1, most: -1, short: "Change a secret",
		long:    "New values make a new revision, of which the charms that read the secret are told. A secret is named by its name, id or URI.",
		example: "bangle update-secret db-password password=s3cret2\nbangle update-secret db-password --auto-prune=true\nbangle update-secret db-password --name pg-password"},
		func(ctx context.Context, args []string) error {
			req, err := f.request(c, args)
			if err != nil {
				return err
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			req.Model = t.model
			_, err = t.secrets().UpdateSecret(ctx, connect.NewRequest(req))
			return err
		})
	s = a.modelScope(c)
	c.Flags().StringVar(&f.info, "info", "", "what the secret is for")
	c.Flags().StringVar(&f.file, "file", "", "YAML file of keys and values")
	c.Flags().StringVar(&f.name, "name", "", "a new name")
	c.Flags().StringVar(&f.prune, "auto-prune", "", "remove revisions that nobody reads any more by themselves, true or false")
	c.Flags().Lookup("auto-prune").NoOptDefVal = "true"
	return c
}

func (a *app) removeSecretCommand() *cobra.Command {
	var s *scope
	var revision int32
	c := a.command(verb{use: "remove-secret SECRET", least: 1, most: 1, short: "Remove a secret",
		long: "A secret is named by its name, id or URI.", example: "bangle remove-secret db-password\nbangle remove-secret db-password --revision 2"},
		func(ctx context.Context, args []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			_, err = t.secrets().RemoveSecret(ctx, connect.NewRequest(&clientv1.RemoveSecretRequest{Model: t.model, Secret: args[0], Revision: revision}))
			return err
		})
	s = a.modelScope(c)
	c.Flags().Int32Var(&revision, "revision", 0, "only this revision")
	return c
}

func (a *app) grantSecretCommand(revoke bool) *cobra.Command {
	var s *scope
	v := verb{use: "grant-secret SECRET APPLICATION[,APPLICATION]…", least: 2, most: 2, short: "Let applications read a secret",
		long: "A secret is named by its name, id or URI.", example: "bangle grant-secret db-password web\nbangle grant-secret db-password web,worker"}
	if revoke {
		v = verb{use: "revoke-secret SECRET APPLICATION[,APPLICATION]…", least: 2, most: 2, short: "Let applications read a secret no more",
			long: "A secret is named by its name, id or URI.", example: "bangle revoke-secret db-password web"}
	}
	c := a.command(v, func(ctx context.Context, args []string) error {
		t, err := a.reach(ctx, s)
		if err != nil {
			return err
		}
		_, err = t.secrets().GrantSecret(ctx, connect.NewRequest(&clientv1.GrantSecretRequest{Model: t.model, Secret: args[0], Applications: strings.Split(args[1], ","), Revoke: revoke}))
		return err
	})
	s = a.modelScope(c)
	return c
}

func (a *app) secretsCommand() *cobra.Command {
	var s *scope
	var o *output
	var owner string
	c := a.command(verb{use: "secrets", aliases: []string{"list-secrets"}, most: 0, short: "List the secrets of the model",
		long: "Those of users and those that charms made.", example: "bangle secrets\nbangle secrets --owner db --format yaml"},
		func(ctx context.Context, _ []string) error {
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			owner = strings.TrimPrefix(strings.TrimPrefix(owner, "application-"), "unit-")
			answer, err := t.secrets().ListSecrets(ctx, connect.NewRequest(&clientv1.ListSecretsRequest{Model: t.model, Owner: owner}))
			if err != nil {
				return err
			}
			list := answer.Msg.GetSecrets()
			if o.format != "tabular" {
				return o.value(render.Secrets(list, t.model, false))
			}
			return o.write(func(w io.Writer) error { return render.SecretTable(w, list, t.model, time.Now(), o.colour()) })
		})
	s = a.modelScope(c)
	o = a.answers(c, "tabular", "json", "yaml")
	c.Flags().StringVar(&owner, "owner", "", "only those of this application or unit")
	return c
}

func (a *app) showSecretCommand() *cobra.Command {
	var s *scope
	var o *output
	var reveal, revisions bool
	var revision int32
	c := a.command(verb{use: "show-secret SECRET", least: 1, most: 1, short: "Show a secret",
		long:    "Its content only with --reveal. A secret is named by its name, id or URI.",
		example: "bangle show-secret db-password\nbangle show-secret db-password --reveal --revision 2\nbangle show-secret db-password --revisions"},
		func(ctx context.Context, args []string) error {
			if revision != 0 && revisions {
				return usage("specify either --revision or --revisions but not both")
			}
			t, err := a.reach(ctx, s)
			if err != nil {
				return err
			}
			answer, err := t.secrets().ListSecrets(ctx, connect.NewRequest(&clientv1.ListSecretsRequest{Model: t.model, Secrets: args, Reveal: reveal, Revision: revision}))
			if err != nil {
				return err
			}
			return o.value(render.Secrets(answer.Msg.GetSecrets(), t.model, true))
		})
	s = a.modelScope(c)
	o = a.answers(c, "yaml", "json")
	c.Flags().BoolVar(&reveal, "reveal", false, "show the content")
	c.Flags().BoolVar(&revisions, "revisions", false, "show all revisions")
	c.Flags().Int32VarP(&revision, "revision", "r", 0, "this revision")
	return c
}
