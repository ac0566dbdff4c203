import assert from "node:assert/strict";
import test from "node:test";
import { Harness } from "../bangle/charmtest.js";

const file = new URL("charm.js", import.meta.url).pathname;

test("the service follows configuration and database", async () => {
	const h = new Harness(file);
	Object.assign(h.config, { port: 8080, title: "hello" });
	const web = h.container("web");
	web.down = true;
	assert.equal(await h.hook("install"), undefined);
	await h.hook("config-changed");
	assert.deepEqual(h.status, { current: "waiting", message: "for the container" });
	web.down = false;
	const db = h.relation("db", "pg");
	await h.relationEvent(db, "created");
	assert.deepEqual(h.status, { current: "waiting", message: "for the database" });
	const uri = h.secret({ password: "s3cret" });
	db.remote_app_bag = { address: "10.0.0.7:5432", secret: uri };
	await h.relationEvent(db, "changed", "pg/0");
	assert.deepEqual(h.status, { current: "active", message: "" });
	assert.equal(web.running.web.command, "/bin/web --port 8080");
	assert.equal(web.files["/etc/web.conf"], "title = hello\npassword = s3cret\n");
	h.secret({ password: "another" }, uri);
	await h.hook("secret-changed", { secret_id: uri });
	assert.match(web.files["/etc/web.conf"], /another/);
	web.failStart = () => "exited quickly with code 1";
	h.config.port = 1;
	await assert.rejects(h.hook("config-changed"), { message: 'Start service "web" (exited quickly with code 1)' });
	assert.deepEqual(h.view.ports, ["8080/tcp"]);
});

test("the leader alone rotates the password", async () => {
	const h = new Harness(file);
	assert.deepEqual(await h.action("rotate", { password: "one" }), { action: { failed: true, message: "only the leader can rotate the password" } });
	h.leader();
	const site = h.relation("site", "proxy");
	const { action } = await h.action("rotate", { password: "one" });
	assert.equal(site.local_app.admin, action.results.made);
	await h.action("rotate", { password: "two" });
	assert.deepEqual(h.secrets[0].revisions.map((r) => r.password), ["one", "two"]);
	assert.deepEqual(h.secrets[0].access, [site.id]);
});
