// The charm NAME.
#include "charm.h"

// configure runs what the configuration says.
static bool configure(charm *c) {
	charm_container workload = charm_container_of(c, "workload");
	charm_service service = {.name = "NAME", .command = json_text(charm_config(c, "command"))};
	if (!charm_can_connect(workload)) {
		charm_set_status(c, CHARM_WAITING, "for the container");
		return true;
	}
	if (!charm_add_layer(workload, "NAME", 0, &service, 1) || !charm_replan(workload)) return false;
	charm_set_status(c, CHARM_ACTIVE, "");
	return true;
}

// info says whether the command runs.
static bool info(charm *c) {
	bool running;
	if (!charm_running(charm_container_of(c, "workload"), "NAME", &running)) return false;
	charm_result(c, "running", running ? "true" : "false");
	return true;
}

CHARM({"config-changed", configure}, {"workload-pebble-ready", configure}, {"action:info", info})
