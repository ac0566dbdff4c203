// The charm without an agent.
#include "charmtest.h"

int main(void) {
	charmtest_config("command", "\"sleep 1\"");
	charmtest_answer("charm/supervisor@1.request", "{\"error\":{\"class\":\"UNAVAILABLE\",\"message\":\"connection refused\"}}");
	charmtest_hook("config-changed");
	charmtest_status("waiting", "for the container");
	charmtest_answer("charm/supervisor@1.request", 0);
	charmtest_hook("workload-pebble-ready");
	charmtest_status("active", "");
	charmtest_action("info", 0);
	CHARMTEST_SAME(charmtest_output().p, "{\"action\":{\"results\":{\"running\":\"false\"}}}");
	return charmtest_end();
}
