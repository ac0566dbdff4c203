#include "json.h"

static void add(jsonw *w, const char *p, size_t n) {
	if (w->cap - w->n <= n) {
		size_t cap = (w->cap + n + 64) * 2;
		char *b = charm_mem(cap);
		for (size_t i = 0; i < w->n; i++) b[i] = w->b[i];
		w->b = b, w->cap = cap;
	}
	for (size_t i = 0; i < n; i++) w->b[w->n + i] = p[i];
	w->n += n;
}

static void comma(jsonw *w) {
	if (w->more) add(w, ",", 1);
	w->more = true;
}

void jsonw_open(jsonw *w, char bracket) {
	comma(w);
	add(w, &bracket, 1);
	w->more = false;
}

void jsonw_close(jsonw *w, char bracket) {
	add(w, &bracket, 1);
	w->more = true;
}

void jsonw_raw(jsonw *w, const char *text) {
	comma(w);
	add(w, text, charm_len(text));
}

// utf8 is the length of the UTF-8 sequence at p, 0 when there is none.
static size_t utf8(const unsigned char *p) {
	size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80) return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
	return n;
}

static void escaped(jsonw *w, unsigned char c) {
	static const char digits[] = "0123456789abcdef";
	char out[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
	switch (c) {
	case '"': case '\\': out[1] = (char)c; break;
	case '\n': out[1] = 'n'; break;
	case '\r': out[1] = 'r'; break;
	case '\t': out[1] = 't'; break;
	default: add(w, out, 6); return;
	}
	add(w, out, 2);
}

// quote writes a string; bytes that are not UTF-8 become U+FFFD.
static void quote(jsonw *w, const char *text) {
	const unsigned char *p = (const unsigned char *)text;
	add(w, "\"", 1);
	while (*p) {
		size_t n = 1;
		if (*p < ' ' || *p == '"' || *p == '\\') escaped(w, *p);
		else if (*p < 0x80) add(w, (const char *)p, 1);
		else if ((n = utf8(p))) add(w, (const char *)p, n);
		else n = 1, add(w, "\xef\xbf\xbd", 3);
		p += n;
	}
	add(w, "\"", 1);
}

void jsonw_name(jsonw *w, const char *name) {
	comma(w);
	quote(w, name);
	add(w, ":", 1);
	w->more = false;
}

void jsonw_string(jsonw *w, const char *text) {
	comma(w);
	quote(w, text);
}

void jsonw_text(jsonw *w, const char *name, const char *value) {
	if (!value || !*value) return;
	jsonw_name(w, name);
	jsonw_string(w, value);
}

void jsonw_int(jsonw *w, const char *name, int64_t value) {
	char out[24], *p = out + sizeof out - 1;
	uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	if (value == 0) return;
	*p = 0;
	for (; n; n /= 10) *--p = (char)('0' + n % 10);
	if (value < 0) *--p = '-';
	jsonw_name(w, name);
	jsonw_raw(w, p);
}

void jsonw_bool(jsonw *w, const char *name, bool value) {
	if (!value) return;
	jsonw_name(w, name);
	jsonw_raw(w, "true");
}

void jsonw_list(jsonw *w, const char *name, const char *const *values) {
	if (!values || !*values) return;
	jsonw_name(w, name);
	jsonw_open(w, '[');
	for (; *values; values++) jsonw_string(w, *values);
	jsonw_close(w, ']');
}

json jsonw_end(jsonw *w) {
	add(w, "", 1);
	w->n--;
	return (json){w->b, w->n};
}
