package conformance

import (
	"errors"
	"strconv"
	"strings"
	"time"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

// extra are the commands for containers, storage and secrets. Secrets are named by URI ("secret:…") or label.
func extra(ctx *charm.Context, word []string) error {
	switch word[0] {
	case "pull":
		text, err := ctx.Container(word[1]).Pull(word[2])
		ctx.SetState(word[3], text)
		return err
	case "exec":
		done, err := ctx.Container(word[1]).Exec(word[2:], charm.ExecOptions{})
		ctx.SetState("exec", strconv.Itoa(done.ExitCode)+" "+done.Stdout)
		return err
	case "service":
		c := ctx.Container(word[1])
		if err := c.AddLayer("obey", charm.Layer{Services: map[string]charm.ServiceSpec{word[2]: {Command: charm.Command(word[3:]...)}}}); err != nil {
			return err
		}
		return c.Replan()
	case "running":
		list, err := ctx.Container(word[1]).Services(word[2])
		ctx.SetState("running", strconv.FormatBool(len(list) == 1 && list[0].Running()))
		return err
	case "storage":
		for _, s := range ctx.Storage(word[1]) {
			ctx.SetState(s.ID, s.Location)
		}
		return nil
	case "resource":
		r, err := ctx.Resource(word[1])
		ctx.SetState("resource", r.Path)
		return err
	case "param":
		ctx.SetResult(word[1], ctx.Param(word[1]).String())
		return nil
	case "close":
		ctx.ClosePort(word[1])
		return nil
	case "http", "kube", "package", "machine":
		return outside(ctx, append(word, "", "", ""))
	}
	return secret(ctx, word)
}

func outside(ctx *charm.Context, word []string) error {
	switch word[0] {
	case "http":
		r, err := ctx.HTTP(charm.HTTPRequest{Method: word[1], URL: word[2], Headers: map[string]string{"Accept": "text/plain"}, Body: word[3], Timeout: 2 * time.Second})
		ctx.SetState("http", strconv.Itoa(r.Status)+" "+r.Headers["Server"]+" "+r.Body)
		return err
	case "kube":
		status, body, err := ctx.Kube(charm.KubeRequest{Method: word[1], Path: word[2], Query: word[3], Body: word[4]})
		ctx.SetState("kube", strconv.Itoa(status)+" "+body)
		return err
	case "package":
		do := map[string]func(string) (charm.PackageState, error){"ensure": ctx.EnsurePackage, "remove": ctx.RemovePackage, "info": ctx.Package}[word[1]]
		p, err := do(word[2])
		ctx.SetState("package", strconv.FormatBool(p.Installed)+" "+p.Version+" "+strconv.FormatBool(p.Changed))
		return err
	}
	m := ctx.MachineService(word[2])
	do := map[string]func() (charm.ServiceState, error){"start": m.Start, "stop": m.Stop, "restart": m.Restart, "reload": m.Reload, "enable": m.Enable, "disable": m.Disable, "status": m.Status}[word[1]]
	s, err := do()
	ctx.SetState(word[1], s.Active+" "+s.Enabled)
	return err
}

func secret(ctx *charm.Context, word []string) error {
	if !strings.HasPrefix(word[0], "secret-") || len(word) < 2 {
		return errors.New("cannot obey " + strings.Join(word, " "))
	}
	s := ctx.SecretByLabel(word[1])
	if strings.HasPrefix(word[1], "secret:") {
		s = ctx.Secret(word[1])
	}
	switch word[0] {
	case "secret-add":
		added, err := ctx.AddSecret(charm.SecretSpec{Label: word[1], Unit: true, Content: map[string]string{word[2]: word[3]}})
		if err != nil {
			return err
		}
		ctx.SetState("secret", added.ID)
		return nil
	case "secret-info":
		info, err := s.Info()
		ctx.SetState("info", info.Owner+" "+strconv.Itoa(info.Revision))
		return err
	case "secret-set":
		return s.Set(map[string]string{word[2]: word[3]})
	case "secret-grant":
		return s.Grant(relation(ctx, word[2]))
	case "secret-grant-unit":
		return s.GrantUnit(relation(ctx, word[2]), word[3])
	case "secret-revoke":
		return s.Revoke(relation(ctx, word[2]))
	case "secret-revoke-from":
		return s.RevokeFrom(word[2])
	case "secret-remove":
		return s.Remove()
	}
	return readSecret(ctx, s, word)
}

func readSecret(ctx *charm.Context, s *charm.Secret, word []string) error {
	read := s.Content
	switch word[0] {
	case "secret-peek":
		read = s.Peek
	case "secret-refresh":
		read = s.Refresh
	}
	content, err := read()
	ctx.SetState(word[3], content[word[2]])
	return err
}
