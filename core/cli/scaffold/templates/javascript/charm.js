import { Charm, Active, Waiting } from "bangle";

const charm = new Charm();
export default charm;

charm.on("config-changed", configure);
charm.on("workload-pebble-ready", configure);

/** configure runs what the configuration says. */
function configure(ctx) {
	const workload = ctx.container("workload");
	if (!workload.canConnect()) return ctx.setStatus(Waiting, "for the container");
	workload.addLayer("NAME", { services: { "NAME": { command: ctx.config.command } } });
	workload.replan();
	ctx.setStatus(Active);
}

charm.onAction("info", (ctx) => {
	const [service] = ctx.container("workload").services("NAME");
	ctx.setResult("running", service?.running === true);
});
