// The charm without an agent.
import assert from "node:assert/strict";
import test from "node:test";
import { Harness } from "./bangle/charmtest.mjs";

test("the command of the configuration runs", () => {
  const t = new Harness();
  t.config.command = "sleep 1";
  t.answers["charm/supervisor@1.request"] = { error: { class: "UNAVAILABLE", message: "connection refused" } };
  t.hook("config-changed");
  assert.deepEqual(t.status, { current: "waiting", message: "for the container" });
  t.answers = {};
  t.hook("workload-pebble-ready");
  assert.deepEqual(t.status, { current: "active", message: "" });
  assert.equal(t.action("info").output.action.results.running, "false");
});
