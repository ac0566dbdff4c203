// The soak's charm in C.
#include "charm.h"

static bool changed(charm *c) {
	long seen = 0;
	for (const char *s = charm_state(c, "seen"); *s; s++) seen = seen * 10 + (*s - '0');
	charm_set_state(c, "seen", charm_format("%l", seen + 1));
	charm_set_status(c, CHARM_ACTIVE, json_text(charm_config(c, "note")));
	return true;
}

static bool trap(charm *c) {
	(void)c;
	__builtin_trap();
}

static bool grow(charm *c) {
	charm_result(c, "kept", __builtin_wasm_memory_grow(0, 128) < 0 ? "none" : "8");
	return true;
}

static volatile int turns;

static bool spin(charm *c) {
	(void)c;
	for (;;) turns++;
}

CHARM({"config-changed", changed}, {"action:trap", trap}, {"action:grow", grow}, {"action:spin", spin})
