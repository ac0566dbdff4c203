"""The charm that every guest library of sdk/wasm has in its own language: a web service with a database relation,
configuration, actions and a secret. vectors/story.json is what all of them do."""

from bangle import ACTIVE, BLOCKED, WAITING, Charm, CharmError, command

charm = Charm()


@charm.on("config-changed", "secret-changed", "web-pebble-ready", "db-relation-created", "db-relation-changed",
          "db-relation-broken", "site-relation-created")
def reconcile(ctx):
    """Bring the service to what configuration and database say, and say what is missing."""
    web = ctx.container("web")
    if not web.can_connect():
        ctx.set_status(WAITING, "for the container")
        return
    db = find_database(ctx)
    if db is None:
        return
    port = str(ctx.config["port"])
    serve(ctx, web, db, port)
    old = ctx.state("port")
    if old != port:
        if old:
            ctx.close_port(old + "/tcp")
        ctx.open_port(port + "/tcp")
        ctx.set_state("port", port)
    for site in ctx.relations("site"):
        site.set("url", url(ctx))
    ctx.set_status(ACTIVE)


def find_database(ctx):
    """Read the db relation; set the status when there is nothing to be found."""
    relations = ctx.relations("db")
    if not relations or relations[0].broken:
        ctx.set_status(BLOCKED, "needs a database")
        if ctx.state("port"):
            ctx.container("web").stop("web")
        return None
    bag = relations[0].read(relations[0].remote_app)
    if not bag.get("secret"):
        ctx.set_status(WAITING, "for the database")
        return None
    secret = ctx.secret(bag["secret"])
    content = secret.refresh() if ctx.event.name == "secret-changed" else secret.content()
    return {"address": bag["address"], "password": content["password"]}


def serve(ctx, web, db, port):
    """Write the service's configuration and run it."""
    text = "title = %s\npassword = %s\n" % (ctx.config["title"], db["password"])
    web.push("/etc/web.conf", text, make_dirs=True, permissions="0600")
    environment = {"DATABASE": db["address"]}
    for data in ctx.storage("data"):
        environment["DATA"] = data["location"]
    web.add_layer("web", {"web": {"summary": "the web service", "command": command("/bin/web", "--port", port), "environment": environment}})
    web.replan()


@charm.on("site-relation-created")
def share(ctx):
    """Hand the admin's secret to the other side of a site relation."""
    admin = ctx.state("admin")
    if ctx.is_leader() and admin:
        ctx.relation.set_app("admin", admin)
        ctx.secret(admin).grant(ctx.relation)


@charm.action("rotate")
def rotate(ctx):
    """Set the admin's password: make the secret, or a new revision of it."""
    if not ctx.is_leader():
        raise CharmError("only the leader can rotate the password")
    content = {"password": ctx.params["password"]}
    if ctx.state("admin"):
        ctx.secret_by_label("admin").set(content)
        ctx.set_result("rotated", "true")
        return
    secret = ctx.add_secret(content, label="admin", description="the admin's password")
    ctx.set_state("admin", secret.id)
    for site in ctx.relations("site"):
        site.set_app("admin", secret.id)
        secret.grant(site)
    ctx.set_result("made", secret.id)


@charm.action("info")
def info(ctx):
    """Answer where the service is."""
    if not ctx.state("port"):
        raise CharmError("the service does not run yet")
    ctx.action_log("looking at " + ctx.unit)
    services = ctx.container("web").services("web")
    ctx.set_result("url", url(ctx))
    ctx.set_result("running", "true" if services and services[0]["running"] else "false")


@charm.on("upgrade-charm")
def version(ctx):
    """Ask the workload for its version."""
    done = ctx.container("web").exec(["/bin/web", "--version"], timeout_ms=5000)
    if done["exit_code"] != 0:
        ctx.warn("no version: " + done["stderr"])
    else:
        ctx.set_version(done["stdout"])


@charm.on("update-status")
def summary(ctx):
    """Set the application's status."""
    if ctx.is_leader():
        ctx.set_app_status(ACTIVE, "served by " + ctx.unit)


def url(ctx):
    return "http://%s:%s" % (ctx.address, ctx.state("port"))
