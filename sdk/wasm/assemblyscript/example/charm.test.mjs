// The charm without an agent: sh ../bangle/test.sh .
import assert from "node:assert/strict";
import test from "node:test";
import { Harness, vectors } from "../bangle/charmtest.mjs";

function related() {
  const t = new Harness();
  t.config = { port: 8080, title: "hello" };
  return [t, t.relation(1, "db", "pg")];
}

test("story", { skip: !process.env.BANGLE_VECTORS && "BANGLE_VECTORS names no file" }, () => {
  assert.deepEqual(vectors(process.env.BANGLE_VECTORS), []);
});

test("says what is missing", () => {
  const [t, db] = related();
  t.answers["charm/supervisor@1.request"] = { error: { class: "UNAVAILABLE", message: "connection refused" } };
  t.hook("config-changed");
  assert.deepEqual(t.status, { current: "waiting", message: "for the container" });
  t.answers = {};
  t.relationHook(db, "relation-created");
  assert.deepEqual(t.status, { current: "waiting", message: "for the database" });
  assert.equal(t.hook("install").unhandled, true);
});

test("serves with the database's secret", () => {
  const [t, db] = related();
  db.remote_app_bag = { address: "10.0.0.7:5432", secret: t.secret({ password: "s3cret" }) };
  t.relationHook(db, "relation-changed", "pg/0");
  assert.deepEqual(t.status, { current: "active", message: "" });
  assert.equal(t.files["/etc/web.conf"], "title = hello\npassword = s3cret\n");
  t.answers["charm/supervisor@1.push"] = { error: { class: "UNAVAILABLE", message: "no space left" } };
  assert.equal(t.hook("config-changed").error, "no space left");
});

test("shares the admin's secret", () => {
  const [t] = related(), site = t.relation(2, "site", "proxy");
  assert.equal(t.action("rotate", { password: "one" }).output.action.message, "only the leader can rotate the password");
  t.leader = true;
  t.action("rotate", { password: "one" });
  assert.equal(site.local_app.admin, "secret:00000000000000000001");
  assert.deepEqual(t.calls.at(-1), { function: "charm/secret@1.grant", request: { id: "secret:00000000000000000001", relation_id: 2 } });
});
