package clients

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bangle-dev/bangle/core/charm"
	"github.com/bangle-dev/bangle/sdk/errs"
	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	"github.com/bangle-dev/bangle/sdk/wasm/grant"
)

// setTrust gives what the charm declares, beside what was granted by name, or takes everything away.
func setTrust(app *controllerv1.Application, ch *charm.Charm, trust bool) error {
	app.Trust = trust
	if !trust {
		setGrants(app, nil)
		return nil
	}
	declared, err := ch.Meta.Permissions.Grants()
	if err != nil {
		return fmt.Errorf("cannot trust %q: %w", app.GetName(), err)
	}
	return addGrants(app, declared)
}

// grantAtDeploy gives what the user said and holds the charm against it.
func grantAtDeploy(app *controllerv1.Application, ch *charm.Charm, in *clientv1.DeployRequest) error {
	if in.GetTrust() {
		if err := setTrust(app, ch, true); err != nil {
			return err
		}
	}
	if err := addGrants(app, in.GetGrants()); err != nil {
		return err
	}
	app.ConfigRevision = 1
	return permitted("deploy", app, ch, nil, len(in.GetGrants()) > 0)
}

// grantAtRefresh gives what the user said, and refuses a charm that wants more than there is then.
func grantAtRefresh(app *controllerv1.Application, ch, old *charm.Charm, in *clientv1.RefreshRequest) error {
	if in.Trust != nil {
		if err := setTrust(app, ch, in.GetTrust()); err != nil {
			return err
		}
	}
	if err := addGrants(app, in.GetGrants()); err != nil {
		return err
	}
	if old == nil { // the charm stays as it is
		return nil
	}
	defer settleTrust(app, ch)
	return permitted("refresh", app, ch, old, len(in.GetGrants()) > 0)
}

// addGrants gives permissions beside those that the application has.
func addGrants(app *controllerv1.Application, list []string) error {
	all, err := grant.ParseAll(append(slices.Clone(list), app.GetGrants()...))
	if err != nil {
		return err
	}
	setGrants(app, all)
	return nil
}

// removeGrants takes permissions away; one that is not there is named.
func removeGrants(app *controllerv1.Application, list []string) error {
	gone, err := grant.ParseAll(list)
	if err != nil {
		return err
	}
	if unknown := grant.Missing(gone, app.GetGrants()); len(unknown) > 0 {
		return errs.E(errs.NotFound, "cannot take %s from %q: it was not granted; granted are [%s]", strings.Join(unknown, ", "), app.GetName(), strings.Join(app.GetGrants(), " "))
	}
	setGrants(app, grant.Missing(app.GetGrants(), gone))
	return nil
}

// settleTrust takes the word trust from a charm that is held to its permissions and has not all of them: trust is
// everything that it declares, and whoever exports the model must not give more than there is.
func settleTrust(app *controllerv1.Application, ch *charm.Charm) {
	declared, err := ch.Meta.Permissions.Grants()
	if ch.Runtime == charm.Wasm && (err != nil || len(grant.Missing(declared, app.GetGrants())) > 0) {
		app.Trust = false
	}
}

// setGrants changes what is granted; the units hear of it as of a change of options.
func setGrants(app *controllerv1.Application, list []string) {
	if !slices.Equal(app.GetGrants(), list) {
		app.Grants = list
		app.ConfigRevision++
	}
}

// permitted refuses a charm that asks for what was not granted. Only charms that are held to it ask: others run as their
// user and could do it anyway. By name the user may have granted less than was declared, but something of each capability; old
// is the charm before a refresh, whose wishes were dealt with then.
func permitted(verb string, app *controllerv1.Application, ch, old *charm.Charm, byName bool) error {
	if ch.Runtime != charm.Wasm {
		return nil
	}
	declared, err := ch.Meta.Permissions.Grants()
	if err != nil {
		return fmt.Errorf("cannot %s %q: %w", verb, app.GetName(), err)
	}
	missing := grant.Missing(declared, app.GetGrants())
	if old != nil {
		before, err := old.Meta.Permissions.Grants()
		if err != nil {
			return fmt.Errorf("cannot %s %q: %w", verb, app.GetName(), err)
		}
		missing = grant.Missing(missing, before)
	}
	closed := grant.Missing(ch.Meta.Permissions.Uses(), grant.Opens(app.GetGrants()))
	if len(closed) == 0 && (len(missing) == 0 || byName) {
		return nil
	}
	var asks []string
	for _, text := range missing {
		asks = append(asks, grant.Words(text))
	}
	for _, module := range closed {
		if !slices.ContainsFunc(missing, func(text string) bool { return slices.Contains(grant.Opens([]string{text}), module) }) {
			asks = append(asks, "anything of "+module)
		}
	}
	return errs.E(errs.Denied, "cannot %s %q: charm %q asks for what was not granted: %s; grant it with --trust, or what you choose of it with --grant, such as %s",
		verb, app.GetName(), ch.Meta.Name, strings.Join(asks, "; "), example(missing))
}

// example is one grant as it is written on the command line.
func example(missing []string) string {
	if len(missing) == 0 {
		return "--grant http=api.example.com"
	}
	return "--grant '" + missing[0] + "'"
}
