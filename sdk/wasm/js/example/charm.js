// The charm that every guest library of sdk/wasm has in its own language: a web service with a database relation,
// configuration, actions and a secret. vectors/story.json is what all of them do.
import { Charm, Active, Blocked, Waiting, command } from "bangle";

const charm = new Charm();
export default charm;

for (const hook of ["config-changed", "secret-changed", "web-pebble-ready", "db-relation-created", "db-relation-changed",
	"db-relation-broken", "site-relation-created"]) {
	charm.on(hook, reconcile);
}
charm.on("site-relation-created", share);
charm.on("upgrade-charm", version);
charm.on("update-status", summary);
charm.onAction("info", info);
charm.onAction("rotate", rotate);

/** reconcile brings the service to what configuration and database say, and says what is missing. */
function reconcile(ctx) {
	const web = ctx.container("web");
	if (!web.canConnect()) return ctx.setStatus(Waiting, "for the container");
	const db = findDatabase(ctx);
	if (!db) return;
	const port = String(ctx.config.port);
	serve(ctx, web, db, port);
	const old = ctx.state("port");
	if (old !== port) {
		if (old) ctx.closePort(old + "/tcp");
		ctx.openPort(port + "/tcp");
		ctx.setState("port", port);
	}
	for (const site of ctx.relations("site")) site.set("url", url(ctx));
	ctx.setStatus(Active);
}

/** findDatabase reads the db relation; it sets the status when there is nothing to be found. */
function findDatabase(ctx) {
	const [db] = ctx.relations("db");
	if (!db || db.broken) {
		ctx.setStatus(Blocked, "needs a database");
		if (ctx.state("port")) ctx.container("web").stop("web");
		return undefined;
	}
	const bag = db.read(db.remoteApp);
	if (!bag.secret) {
		ctx.setStatus(Waiting, "for the database");
		return undefined;
	}
	const secret = ctx.secret(bag.secret);
	const { password } = ctx.event.name === "secret-changed" ? secret.refresh() : secret.content();
	return { address: bag.address, password };
}

/** serve writes the service's configuration and runs it. */
function serve(ctx, web, db, port) {
	web.push("/etc/web.conf", `title = ${ctx.config.title}\npassword = ${db.password}\n`, { makeDirs: true, permissions: "0600" });
	const environment = { DATABASE: db.address };
	for (const data of ctx.storage("data")) environment.DATA = data.location;
	web.addLayer("web", { services: { web: { summary: "the web service", command: command("/bin/web", "--port", port), environment } } });
	web.replan();
}

/** share hands the admin's secret to the other side of a site relation. */
function share(ctx) {
	const admin = ctx.state("admin");
	if (!ctx.isLeader() || !admin) return;
	ctx.relation.setApp("admin", admin);
	ctx.secret(admin).grant(ctx.relation);
}

/** rotate sets the admin's password: it makes the secret, or a new revision of it. */
function rotate(ctx) {
	if (!ctx.isLeader()) throw new Error("only the leader can rotate the password");
	const content = { password: ctx.params.password };
	if (ctx.state("admin")) {
		ctx.secretByLabel("admin").set(content);
		return ctx.setResult("rotated", true);
	}
	const secret = ctx.addSecret({ label: "admin", description: "the admin's password", content });
	ctx.setState("admin", secret.id);
	for (const site of ctx.relations("site")) {
		site.setApp("admin", secret.id);
		secret.grant(site);
	}
	ctx.setResult("made", secret.id);
}

/** info answers where the service is. */
function info(ctx) {
	if (!ctx.state("port")) throw new Error("the service does not run yet");
	ctx.actionLog("looking at " + ctx.unit);
	const [service] = ctx.container("web").services("web");
	ctx.setResult("url", url(ctx));
	ctx.setResult("running", service?.running === true);
}

/** version asks the workload for its version. */
function version(ctx) {
	const { exitCode, stdout, stderr } = ctx.container("web").exec(["/bin/web", "--version"], { timeoutMs: 5000 });
	if (exitCode !== 0) return ctx.warn("no version: " + stderr);
	ctx.setVersion(stdout);
}

/** summary sets the application's status. */
function summary(ctx) {
	if (ctx.isLeader()) ctx.setAppStatus(Active, "served by " + ctx.unit);
}

function url(ctx) {
	return `http://${ctx.address}:${ctx.state("port")}`;
}
