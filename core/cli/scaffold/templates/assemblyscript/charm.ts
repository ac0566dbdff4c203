// The charm NAME.

import { ACTIVE, charm, Context, Layer, Service, WAITING } from "./bangle";
export { charm_abi_1, charm_alloc, charm_dispatch, charm_last_error } from "./bangle/abi";

charm.on("config-changed", configure).on("workload-pebble-ready", configure).onAction("info", info);

/** Runs what the configuration says. */
function configure(ctx: Context): bool {
  const workload = ctx.container("workload");
  if (!workload.canConnect()) {
    ctx.setStatus(WAITING, "for the container");
    return true;
  }
  const service = new Service("NAME", ctx.config("command").text);
  if (!workload.addLayer("NAME", new Layer([service])) || !workload.replan()) return false;
  ctx.setStatus(ACTIVE);
  return true;
}

/** Says whether the command runs. */
function info(ctx: Context): bool {
  const running = ctx.container("workload").running("NAME");
  if (running < 0) return false;
  ctx.setResult("running", running ? "true" : "false");
  return true;
}
