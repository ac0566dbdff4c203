import assert from "node:assert/strict";
import test from "node:test";
import { Harness } from "./lib/charmtest.js";

test("the command of the configuration runs", async () => {
	const h = new Harness("charm.js");
	h.config.command = "sleep 1";
	const workload = h.container("workload");
	workload.down = true;
	await h.hook("config-changed");
	assert.deepEqual(h.status, { current: "waiting", message: "for the container" });

	workload.down = false;
	await h.hook("workload-pebble-ready", { container: "workload" });
	assert.deepEqual(h.status, { current: "active", message: "" });
	assert.equal(workload.running["NAME"].command, "sleep 1");
	const { action } = await h.action("info");
	assert.equal(action.results.running, "true");
});
