// Package example is the charm that every guest library of sdk/wasm has in its own language: a web service with a database
// relation, configuration, actions and a secret. sdk/wasm/vectors/story.json is what all of them do.
package example

import (
	"errors"
	"strconv"

	charm "github.com/bangle-dev/bangle/sdk/wasm/go"
)

// Charm is that charm; charmcraft.yaml declares what it uses.
func Charm() *charm.Charm {
	c := charm.New()
	for _, hook := range []string{charm.ConfigChanged, charm.SecretChanged, charm.PebbleReady("web"), charm.RelationCreated("db"), charm.RelationChanged("db"),
		charm.RelationBroken("db"), charm.RelationCreated("site")} {
		c.On(hook, reconcile)
	}
	c.On(charm.RelationCreated("site"), share)
	c.On(charm.UpgradeCharm, version)
	c.On(charm.UpdateStatus, summary)
	c.OnAction("info", info)
	c.OnAction("rotate", rotate)
	return c
}

// database is what the other side of the db relation says: where it is, and which secret opens it.
type database struct{ address, password string }

// reconcile brings the service to what configuration and database say, and says what is missing.
func reconcile(ctx *charm.Context) error {
	web := ctx.Container("web")
	if !web.CanConnect() {
		ctx.SetStatus(charm.Waiting, "for the container")
		return nil
	}
	db, ok, err := findDatabase(ctx)
	if err != nil || !ok {
		return err
	}
	port := strconv.Itoa(ctx.Config("port").Int())
	if err := serve(ctx, web, db, port); err != nil {
		return err
	}
	if old := ctx.State("port"); old != port {
		if old != "" {
			ctx.ClosePort(old + "/tcp")
		}
		ctx.OpenPort(port + "/tcp")
		ctx.SetState("port", port)
	}
	for _, r := range ctx.Relations("site") {
		r.Set("url", url(ctx))
	}
	ctx.SetStatus(charm.Active, "")
	return nil
}

// findDatabase reads the db relation; it sets the status when there is nothing to be found.
func findDatabase(ctx *charm.Context) (db database, ok bool, err error) {
	relations := ctx.Relations("db")
	if len(relations) == 0 || relations[0].Broken() {
		ctx.SetStatus(charm.Blocked, "needs a database")
		if ctx.State("port") == "" {
			return db, false, nil
		}
		return db, false, ctx.Container("web").Stop("web")
	}
	bag, err := relations[0].Read(relations[0].RemoteApp)
	if err != nil {
		return db, false, err
	}
	if bag["secret"] == "" {
		ctx.SetStatus(charm.Waiting, "for the database")
		return db, false, nil
	}
	read := ctx.Secret(bag["secret"]).Content
	if ctx.Event().Name == charm.SecretChanged {
		read = ctx.Secret(bag["secret"]).Refresh
	}
	content, err := read()
	return database{bag["address"], content["password"]}, err == nil, err
}

// serve writes the service's configuration and runs it.
func serve(ctx *charm.Context, web *charm.Container, db database, port string) error {
	text := "title = " + ctx.Config("title").String() + "\npassword = " + db.password + "\n"
	if err := web.Push("/etc/web.conf", text, charm.PushOptions{MakeDirs: true, Permissions: "0600"}); err != nil {
		return err
	}
	environment := map[string]string{"DATABASE": db.address}
	for _, s := range ctx.Storage("data") {
		environment["DATA"] = s.Location
	}
	err := web.AddLayer("web", charm.Layer{Services: map[string]charm.ServiceSpec{
		"web": {Summary: "the web service", Command: charm.Command("/bin/web", "--port", port), Environment: environment},
	}})
	if err != nil {
		return err
	}
	return web.Replan()
}

// share hands the admin's secret to the other side of a site relation.
func share(ctx *charm.Context) error {
	leader, err := ctx.IsLeader()
	if err != nil || !leader || ctx.State("admin") == "" {
		return err
	}
	r := ctx.Relation()
	r.SetApp("admin", ctx.State("admin"))
	return ctx.Secret(ctx.State("admin")).Grant(r)
}

// rotate sets the admin's password: it makes the secret, or a new revision of it.
func rotate(ctx *charm.Context) error {
	leader, err := ctx.IsLeader()
	if err != nil {
		return err
	}
	if !leader {
		return errors.New("only the leader can rotate the password")
	}
	content := map[string]string{"password": ctx.Param("password").String()}
	if ctx.State("admin") != "" {
		if err := ctx.SecretByLabel("admin").Set(content); err != nil {
			return err
		}
		ctx.SetResult("rotated", "true")
		return nil
	}
	secret, err := ctx.AddSecret(charm.SecretSpec{Label: "admin", Description: "the admin's password", Content: content})
	if err != nil {
		return err
	}
	ctx.SetState("admin", secret.ID)
	for _, r := range ctx.Relations("site") {
		r.SetApp("admin", secret.ID)
		if err := secret.Grant(r); err != nil {
			return err
		}
	}
	ctx.SetResult("made", secret.ID)
	return nil
}

// info answers where the service is.
func info(ctx *charm.Context) error {
	if ctx.State("port") == "" {
		return errors.New("the service does not run yet")
	}
	if err := ctx.ActionLog("looking at " + ctx.Unit()); err != nil {
		return err
	}
	services, err := ctx.Container("web").Services("web")
	if err != nil {
		return err
	}
	ctx.SetResult("url", url(ctx))
	ctx.SetResult("running", strconv.FormatBool(len(services) == 1 && services[0].Running()))
	return nil
}

// version asks the workload for its version.
func version(ctx *charm.Context) error {
	done, err := ctx.Container("web").Exec([]string{"/bin/web", "--version"}, charm.ExecOptions{TimeoutMS: 5000})
	if err != nil {
		return err
	}
	if done.ExitCode != 0 {
		ctx.Warn("no version: " + done.Stderr)
		return nil
	}
	ctx.SetVersion(done.Stdout)
	return nil
}

// summary sets the application's status.
func summary(ctx *charm.Context) error {
	leader, err := ctx.IsLeader()
	if err != nil || !leader {
		return err
	}
	ctx.SetAppStatus(charm.Active, "served by "+ctx.Unit())
	return nil
}

func url(ctx *charm.Context) string { return "http://" + ctx.Address() + ":" + ctx.State("port") }
