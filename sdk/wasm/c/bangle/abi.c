// What the host sees of a charm: the exports of ABI 1, and the memory. Natively the test harness takes its place.
#include "internal.h"

#ifdef __wasm__

#define EXPORT(name) __attribute__((export_name(name)))

extern unsigned char __heap_base;
static uintptr_t heap, limit;

// charm_mem hands out memory that is never taken back: after the event the host sets all of it as it was.
void *charm_mem(size_t n) {
	if (!heap) heap = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15, limit = __builtin_wasm_memory_size(0) << 16;
	uintptr_t at = heap;
	n = (n + 15) & ~(size_t)15;
	if (n > UINTPTR_MAX - at) charm_panic("out of memory");
	if (at + n > limit) {
		size_t pages = (at + n - limit + 0xffff) >> 16;
		if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) charm_panic("out of memory");
		limit += pages << 16;
	}
	heap = at + n;
	return (void *)at;
}

typedef struct {
	const char *p;
	size_t n;
} vector;
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write"))) int wasi_fd_write(int fd, const vector *v, size_t n, size_t *written);

// charm_panic says its text on standard error, which is where the host looks for a charm's last words.
_Noreturn void charm_panic(const char *text) {
	vector v[3] = {{"panic: ", 7}, {text, charm_len(text)}, {"\n", 1}};
	size_t written;
	wasi_fd_write(2, v, 3, &written);
	__builtin_trap();
}

static const char *failed = "";

EXPORT("charm_abi_1") void charm_abi_1(void) {}

EXPORT("charm_alloc") char *charm_alloc(size_t n) { return charm_mem(n ? n : 1); }

static uint64_t packed(const char *p, size_t n) { return (uint64_t)(uintptr_t)p << 32 | n; }

EXPORT("charm_dispatch") uint64_t charm_dispatch(const char *input, size_t n) {
	charm *c = charm_mem(sizeof *c);
	json output;
	if (!charm_run(c, input, n, &output)) {
		failed = c->error;
		return 0;
	}
	return output.p ? packed(output.p, output.n) : packed("", 0);
}

EXPORT("charm_last_error") uint64_t charm_last_error(void) { return packed(failed, charm_len(failed)); }

// What the compiler may call on its own; a libc that is linked too has its own.
__attribute__((weak)) void *memcpy(void *to, const void *from, size_t n) {
	for (size_t i = 0; i < n; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

__attribute__((weak)) void *memmove(void *to, const void *from, size_t n) {
	if ((uintptr_t)to <= (uintptr_t)from) return memcpy(to, from, n);
	while (n--) ((volatile char *)to)[n] = ((const char *)from)[n];
	return to;
}

__attribute__((weak)) void *memset(void *to, int c, size_t n) {
	for (size_t i = 0; i < n; i++) ((volatile char *)to)[i] = (char)c;
	return to;
}

__attribute__((weak)) size_t strlen(const char *s) {
	size_t n = 0;
	while (((volatile const char *)s)[n]) n++;
	return n;
}

#endif

CHARM_IMPORT(host_take, "charm/answer@1", "take");

jsonw charm_object(void) {
	jsonw w = {0};
	jsonw_open(&w, '{');
	return w;
}

bool charm_call(charm *c, charm_import fn, jsonw *request, json *value) {
	enum { first = 2048 }; // room for an answer of ordinary size; a larger one is fetched in a second crossing
	jsonw empty = {0};
	if (request) jsonw_close(request, '}');
	else request = &empty;
	json text = jsonw_end(request), answer = {0};
	char *out = charm_mem(first);
	int32_t n = fn(text.p, (uint32_t)text.n, out, first);
	if (n < 0) {
		out = charm_mem((size_t)-n);
		n = host_take(0, 0, out, (uint32_t)-n);
	}
	*value = (json){0};
	if (n == 0) return true;
	if (!json_parse(out, (size_t)n, &answer)) return charm_fail(c, "cannot read the host's answer: it is not JSON");
	json error = json_get(answer, "error");
	if (error.n) {
		charm_fail(c, "%s", json_string(json_get(error, "message")));
		c->error_class = json_string(json_get(error, "class"));
		return false;
	}
	*value = json_get(answer, "ok");
	return true;
}
