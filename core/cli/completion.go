package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"github.com/bangle-dev/bangle/core/home"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
)

// askTime is how long the shell waits for the controller when it completes a name.
const askTime = 700 * time.Millisecond

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Write the completion of a shell",
		Long: "Write the completion of a shell.\n\nNames of models, applications, units, options and actions are asked of the controller.",
		Example: a.examples("source <(bangle completion bash)\nbangle completion zsh > \"${fpath[1]}/_" + a.name + "\"\n" +
			"bangle completion fish > ~/.config/fish/completions/" + a.name + ".fish"),
		ValidArgs: shells,
		Args:      args(1, 1, "bash|zsh|fish|powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usage("shell %q is not one of %s", args[0], strings.Join(shells, ", "))
		},
	}
}

// completer gives the words that may stand at a place. Whatever goes wrong, it gives none: a shell must not see errors.
type completer func(ctx context.Context, t *target, given []string) []string

func (a *app) complete(cmd *cobra.Command, given []string, typed string, needModel bool, words completer) ([]string, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	s := &scope{}
	for name, to := range map[string]*string{"model": &s.model, "controller": &s.controller} {
		if f := cmd.Flag(name); f != nil {
			*to = f.Value.String()
		}
	}
	t, err := a.connect(ctx, s, needModel)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, w := range words(ctx, t, given) {
		if strings.HasPrefix(w, typed) && !slices.Contains(given, w) {
			out = append(out, w)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeModels(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	memory, err := home.Load(a.home)
	if err != nil {
		memory = &home.Client{}
	}
	return a.complete(cmd, given, typed, false, func(ctx context.Context, t *target, _ []string) []string {
		var out []string
		answer, err := t.client.ListModels(ctx, connect.NewRequest(&clientv1.ListModelsRequest{}))
		if err != nil {
			return nil
		}
		for _, m := range answer.Msg.GetModels() {
			out = append(out, m.GetModel().GetName())
		}
		if cmd.Name() == "switch" {
			out = append(out, sorted(memory.Controllers)...)
		}
		return out
	})
}

func (a *app) completeApplications(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, given, typed, true, func(ctx context.Context, t *target, given []string) []string {
		apps, _ := t.names(ctx)
		return apps
	})
}

// completeUnits gives units and, where they may stand too, applications.
func (a *app) completeUnits(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, given, typed, true, func(ctx context.Context, t *target, _ []string) []string {
		apps, units := t.names(ctx)
		if slices.Contains([]string{"status", "remove-unit", "debug-log", "application"}, cmd.Name()) {
			return append(apps, units...)
		}
		return units
	})
}

// completeConfig gives applications, then options of the one given.
func (a *app) completeConfig(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(given) == 0 {
		return a.completeApplications(cmd, given, typed)
	}
	words, directive := a.complete(cmd, given, typed, true, func(ctx context.Context, t *target, given []string) []string {
		answer, err := t.client.GetConfig(ctx, connect.NewRequest(&clientv1.GetConfigRequest{Model: t.model, Application: given[0]}))
		if err != nil {
			return nil
		}
		var out []string
		for _, o := range answer.Msg.GetOptions() {
			out = append(out, o.GetName()+"=")
		}
		return out
	})
	return words, directive | cobra.ShellCompDirectiveNoSpace
}

// completeRun gives units, and after one its application's actions.
func (a *app) completeRun(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.complete(cmd, given, typed, true, func(ctx context.Context, t *target, given []string) []string {
		_, out := t.names(ctx)
		if len(given) == 0 {
			return out
		}
		app, _, _ := strings.Cut(given[0], "/")
		answer, err := t.client.ListActions(ctx, connect.NewRequest(&clientv1.ListActionsRequest{Model: t.model, Application: app}))
		if err != nil {
			return out
		}
		for _, action := range answer.Msg.GetActions() {
			out = append(out, action.GetName())
		}
		return out
	})
}

// names are the applications and units of the model; none when the controller does not answer.
func (t *target) names(ctx context.Context) (apps, units []string) {
	answer, err := t.client.Status(ctx, connect.NewRequest(&clientv1.StatusRequest{Model: t.model}))
	if err != nil {
		return nil, nil
	}
	for _, app := range answer.Msg.GetApplications() {
		apps = append(apps, app.GetName())
		for _, u := range app.GetUnits() {
			units = append(units, u.GetName())
		}
	}
	return apps, units
}

// unbuilt are the verbs that are not built yet, by what they are about.
func unbuilt() map[string][]string {
	return map[string][]string{
		"backends":     {"add-secret-backend", "model-secret-backend", "remove-secret-backend", "secret-backends", "show-secret-backend", "update-secret-backend"},
		"cross-model":  {"consume", "find-offers", "offer", "offers", "remove-offer", "remove-saas", "show-offer"},
		"storage":      {"import-filesystem"},
		"networks":     {"add-space", "move-to-space", "reload-spaces", "remove-space", "rename-space", "show-space", "subnets"},
		"users":        {"add-user", "change-user-password", "disable-user", "enable-user", "grant", "grant-cloud", "login", "logout", "register", "remove-user", "revoke", "revoke-cloud", "show-user", "unregister", "users", "whoami"},
		"models":       {"disable-command", "disabled-commands", "enable-command", "migrate", "model-constraints", "model-defaults", "retry-provisioning", "set-model-constraints", "show-model", "upgrade-model"},
		"controllers":  {"controller-config", "enable-ha", "kill-controller", "show-controller", "upgrade-controller"},
		"clouds":       {"add-cloud", "add-credential", "add-k8s", "autoload-credentials", "clouds", "credentials", "default-credential", "default-region", "regions", "remove-cloud", "remove-credential", "remove-k8s", "set-credential", "show-cloud", "show-credential", "update-cloud", "update-credential", "update-k8s"},
		"machines":     {"add-machine", "remove-machine", "show-machine"},
		"applications": {"charm-resources", "constraints", "diff-bundle", "download", "find", "info", "set-application-base", "set-constraints"},
		"look":         {"dashboard", "debug-code", "debug-hook", "debug-hooks", "scp", "show-action", "show-status-log", "ssh"},
	}
}

// unbuiltCommands know the verbs that are to come, so that a script is told the truth: exit code 2, whatever its flags.
func (a *app) unbuiltCommands() []*cobra.Command {
	var out []*cobra.Command
	for _, about := range sorted(unbuilt()) {
		for _, name := range unbuilt()[about] {
			out = append(out, &cobra.Command{
				Use: name, Short: "Not yet supported", Long: fmt.Sprintf("%s is not yet supported.", name), Example: a.examples("bangle " + name), Hidden: true, DisableFlagParsing: true,
				RunE: func(*cobra.Command, []string) error {
					return usage("%s is not yet supported; %s --help lists what is", name, a.name)
				},
			})
		}
	}
	return out
}
