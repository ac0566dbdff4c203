// A web service with a database relation, configuration, actions and a secret: the charm that every guest library of sdk/wasm
// has in its own language. vectors/story.json is what all of them do.

import { ACTIVE, BLOCKED, charm, command, Container, Context, ExecOptions, Layer, PushOptions, SecretSpec, Service, WAITING } from "../bangle";
export { charm_abi_1, charm_alloc, charm_dispatch, charm_last_error } from "../bangle/abi";

charm
  .on("config-changed", reconcile)
  .on("secret-changed", reconcile)
  .on("web-pebble-ready", reconcile)
  .on("db-relation-created", reconcile)
  .on("db-relation-changed", reconcile)
  .on("db-relation-broken", reconcile)
  .on("site-relation-created", reconcile)
  .on("site-relation-created", share)
  .on("upgrade-charm", version)
  .on("update-status", summary)
  .onAction("info", info)
  .onAction("rotate", rotate);

/** What the other side of the db relation says: where the database is, and what opens it. */
class Database {
  found: bool = false;
  address: string = "";
  password: string = "";
}

function url(ctx: Context): string { return "http://" + ctx.address + ":" + ctx.state("port"); }

function one(map: Map<string, string>, key: string): string { return map.has(key) ? map.get(key) : ""; }

/** Brings the service to what configuration and database say, and says what is missing. */
function reconcile(ctx: Context): bool {
  const web = ctx.container("web");
  if (!web.canConnect()) {
    ctx.setStatus(WAITING, "for the container");
    return true;
  }
  const db = new Database();
  if (!findDatabase(ctx, db)) return false;
  if (!db.found) return true;
  const port = ctx.config("port").int.toString(), old = ctx.state("port");
  if (!serve(ctx, web, db, port)) return false;
  if (old != port) {
    if (old != "") ctx.closePort(old + "/tcp");
    ctx.openPort(port + "/tcp");
    ctx.setState("port", port);
  }
  const sites = ctx.relations("site");
  for (let i = 0; i < sites.length; i++) sites[i].set("url", url(ctx));
  ctx.setStatus(ACTIVE);
  return true;
}

/** Reads the db relation; it sets the status when there is nothing to be found. */
function findDatabase(ctx: Context, db: Database): bool {
  const relations = ctx.relations("db");
  if (relations.length == 0 || relations[0].broken) {
    ctx.setStatus(BLOCKED, "needs a database");
    return ctx.state("port") == "" || ctx.container("web").stop(["web"]);
  }
  const bag = relations[0].read(relations[0].remoteApp);
  if (!bag) return false;
  if (one(bag, "secret") == "") {
    ctx.setStatus(WAITING, "for the database");
    return true;
  }
  const secret = ctx.secret(bag.get("secret"));
  const content = ctx.event.name == "secret-changed" ? secret.refresh() : secret.content();
  if (!content) return false;
  db.found = true;
  db.address = one(bag, "address");
  db.password = one(content, "password");
  return true;
}

/** Writes the service's configuration and runs it. */
function serve(ctx: Context, web: Container, db: Database, port: string): bool {
  const o = new PushOptions();
  o.makeDirs = true;
  o.permissions = "0600";
  if (!web.push("/etc/web.conf", "title = " + ctx.config("title").text + "\npassword = " + db.password + "\n", o)) return false;
  const service = new Service("web", command(["/bin/web", "--port", port]));
  service.summary = "the web service";
  service.environment.set("DATABASE", db.address);
  const data = ctx.storage("data");
  for (let i = 0; i < data.length; i++) service.environment.set("DATA", data[i].location);
  return web.addLayer("web", new Layer([service])) && web.replan();
}

/** Hands the admin's secret to the other side of a site relation. */
function share(ctx: Context): bool {
  const leads = ctx.isLeader(), admin = ctx.state("admin"), site = ctx.relation();
  if (leads < 0) return false;
  if (!leads || admin == "" || !site) return true;
  site.setApp("admin", admin);
  return ctx.secret(admin).grant(site);
}

/** Sets the admin's password: it makes the secret, or a new revision of it. */
function rotate(ctx: Context): bool {
  const leads = ctx.isLeader();
  if (leads < 0) return false;
  if (!leads) return ctx.fail("only the leader can rotate the password");
  const spec = new SecretSpec();
  spec.content.set("password", ctx.param("password").text);
  if (ctx.state("admin") != "") {
    if (!ctx.secretByLabel("admin").update(spec)) return false;
    ctx.setResult("rotated", "true");
    return true;
  }
  spec.label = "admin";
  spec.description = "the admin's password";
  const secret = ctx.addSecret(spec);
  if (!secret) return false;
  ctx.setState("admin", secret.id);
  const sites = ctx.relations("site");
  for (let i = 0; i < sites.length; i++) {
    sites[i].setApp("admin", secret.id);
    if (!secret.grant(sites[i])) return false;
  }
  ctx.setResult("made", secret.id);
  return true;
}

/** Answers where the service is. */
function info(ctx: Context): bool {
  if (ctx.state("port") == "") return ctx.fail("the service does not run yet");
  if (!ctx.actionLog("looking at " + ctx.unit)) return false;
  const running = ctx.container("web").running("web");
  if (running < 0) return false;
  ctx.setResult("url", url(ctx));
  ctx.setResult("running", running ? "true" : "false");
  return true;
}

/** Asks the workload for its version. */
function version(ctx: Context): bool {
  const o = new ExecOptions();
  o.timeoutMs = 5000;
  const done = ctx.container("web").exec(["/bin/web", "--version"], o);
  if (!done) return false;
  if (done.exitCode != 0) ctx.log("WARNING", "no version: " + done.stderr);
  else ctx.setVersion(done.stdout);
  return true;
}

/** Sets the application's status. */
function summary(ctx: Context): bool {
  const leads = ctx.isLeader();
  if (leads > 0) ctx.setAppStatus(ACTIVE, "served by " + ctx.unit);
  return leads >= 0;
}
