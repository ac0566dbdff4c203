from bangle import ACTIVE, WAITING, Charm

charm = Charm()


@charm.on("config-changed", "workload-pebble-ready")
def configure(ctx):
    """Run what the configuration says."""
    workload = ctx.container("workload")
    if not workload.can_connect():
        ctx.set_status(WAITING, "for the container")
        return
    workload.add_layer("NAME", {"NAME": {"command": ctx.config["command"]}})
    workload.replan()
    ctx.set_status(ACTIVE)


@charm.action("info")
def info(ctx):
    services = ctx.container("workload").services("NAME")
    ctx.set_result("running", "true" if services and services[0]["running"] else "false")
