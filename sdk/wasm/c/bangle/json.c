#include "json.h"

// The reader: a checked text is walked without checking again.

typedef struct {
	const char *p, *end;
} reader;

static void space(reader *r) {
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t')) r->p++;
}

static bool take(reader *r, char c) {
	if (r->p < r->end && *r->p == c) {
		r->p++;
		return true;
	}
	return false;
}

static bool word(reader *r, const char *w) {
	for (; *w; w++)
		if (!take(r, *w)) return false;
	return true;
}

static int hex(char c) {
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

// hex4 reads four digits, -1 when they are none.
static int32_t hex4(const char *p) {
	int32_t n = 0;
	for (int i = 0; i < 4; i++) {
		int d = hex(p[i]);
		if (d < 0) return -1;
		n = n << 4 | d;
	}
	return n;
}

static bool escape(reader *r) {
	if (r->p >= r->end) return false;
	char c = *r->p++;
	if (c == 'u') {
		if (r->end - r->p < 4 || hex4(r->p) < 0) return false;
		r->p += 4;
		return true;
	}
	return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't';
}

static bool text(reader *r) {
	if (!take(r, '"')) return false;
	while (r->p < r->end) {
		unsigned char c = (unsigned char)*r->p++;
		if (c == '"') return true;
		if (c < ' ') return false;
		if (c == '\\' && !escape(r)) return false;
	}
	return false;
}

static bool digits(reader *r) {
	const char *start = r->p;
	while (r->p < r->end && *r->p >= '0' && *r->p <= '9') r->p++;
	return r->p > start;
}

static bool number(reader *r) {
	take(r, '-');
	if (!take(r, '0') && !digits(r)) return false;
	if (take(r, '.') && !digits(r)) return false;
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+')) take(r, '-');
		return digits(r);
	}
	return true;
}

static bool value(reader *r, int depth);

static bool list(reader *r, char end, bool named, int depth) {
	r->p++;
	space(r);
	if (take(r, end)) return true;
	for (;;) {
		space(r);
		if (named) {
			if (!text(r)) return false;
			space(r);
			if (!take(r, ':')) return false;
			space(r);
		}
		if (!value(r, depth + 1)) return false;
		space(r);
		if (take(r, end)) return true;
		if (!take(r, ',')) return false;
	}
}

static bool value(reader *r, int depth) {
	if (r->p >= r->end || depth > 200) return false;
	switch (*r->p) {
	case '{': return list(r, '}', true, depth);
	case '[': return list(r, ']', false, depth);
	case '"': return text(r);
	case 't': return word(r, "true");
	case 'f': return word(r, "false");
	case 'n': return word(r, "null");
	default: return number(r);
	}
}

bool json_parse(const char *p, size_t n, json *out) {
	reader r = {p, p + n};
	space(&r);
	const char *start = r.p;
	if (!value(&r, 0)) return false;
	*out = (json){start, (size_t)(r.p - start)};
	space(&r);
	return r.p == r.end;
}

json_iter json_each(json v) {
	json_iter i = {{0}, {0}, v.p, v.p + v.n, false};
	if (v.n == 0 || (v.p[0] != '{' && v.p[0] != '[')) i.at = i.end;
	else i.named = *i.at++ == '{';
	return i;
}

// next is the value at the reader's place.
static json next(reader *r) {
	const char *start = r->p;
	if (!value(r, 0)) r->p = r->end;
	return (json){start, (size_t)(r->p - start)};
}

bool json_next(json_iter *i) {
	reader r = {i->at, i->end};
	space(&r);
	take(&r, ',');
	space(&r);
	if (r.p >= r.end || *r.p == '}' || *r.p == ']') return false;
	if (i->named) {
		i->name = next(&r);
		space(&r);
		take(&r, ':');
		space(&r);
	}
	i->value = next(&r);
	i->at = r.p;
	return true;
}

json json_get(json v, const char *name) {
	if (v.n == 0 || v.p[0] != '{') return (json){0};
	json_iter i = json_each(v);
	while (json_next(&i))
		if (json_is(i.name, name)) return i.value;
	return (json){0};
}

// put writes a code point as UTF-8.
static char *put(char *o, uint32_t c) {
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xc0 | c >> 6);
		*o++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*o++ = (char)(0xe0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	} else {
		*o++ = (char)(0xf0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 0x3f));
		*o++ = (char)(0x80 | (c >> 6 & 0x3f));
		*o++ = (char)(0x80 | (c & 0x3f));
	}
	return o;
}

// unicode reads what follows \u, of a pair both halves; a half alone is U+FFFD.
static const char *unicode(const char *p, const char *end, uint32_t *c) {
	int32_t high = hex4(p), low;
	p += 4;
	*c = (uint32_t)high;
	if (high < 0xd800 || high > 0xdfff) return p;
	*c = 0xfffd;
	if (high < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' && (low = hex4(p + 2)) >= 0xdc00 && low <= 0xdfff) {
		*c = 0x10000u + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
		return p + 6;
	}
	return p;
}

static const char *control(const char *p, char **o) {
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = *p++;
	for (int i = 0; from[i]; i++)
		if (from[i] == c) c = to[i];
	*(*o)++ = c;
	return p;
}

const char *json_string(json v) {
	if (v.n < 2 || v.p[0] != '"') return "";
	const char *p = v.p + 1, *end = v.p + v.n - 1;
	char *out = charm_mem(v.n), *o = out;
	while (p < end) {
		uint32_t c;
		if (*p != '\\') {
			*o++ = *p++;
		} else if (*++p == 'u') {
			p = unicode(p + 1, end, &c);
			o = put(o, c);
		} else {
			p = control(p, &o);
		}
	}
	*o = 0;
	return out;
}

bool json_is(json v, const char *text) {
	size_t n = charm_len(text);
	if (v.n < 2 || v.p[0] != '"') return false;
	for (size_t i = 1; i + 1 < v.n; i++)
		if (v.p[i] == '\\') return charm_same(json_string(v), text);
	if (v.n != n + 2) return false;
	for (size_t i = 0; i < n; i++)
		if (v.p[i + 1] != text[i]) return false;
	return true;
}

bool json_exists(json v) { return v.n > 0 && v.p[0] != 'n'; }

const char *json_text(json v) {
	if (!json_exists(v)) return "";
	return v.p[0] == '"' ? json_string(v) : charm_copy(v.p, v.n);
}

bool json_bool(json v) { return v.n > 0 && v.p[0] == 't'; }

int64_t json_int(json v) {
	uint64_t n = 0;
	size_t i = v.n > 0 && v.p[0] == '-' ? 1 : 0;
	for (; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9' || n > UINT64_MAX / 10 - 1) return (int64_t)json_float(v);
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	return (int64_t)(v.n > 0 && v.p[0] == '-' ? 0 - n : n);
}

double json_float(json v) {
	reader r = {v.p, v.p + v.n};
	if (v.n == 0 || !number(&r)) return 0;
	double n = 0;
	int scale = 0, exponent = 0;
	const char *p = v.p;
	bool minus = *p == '-', fraction = false;
	for (p += minus; p < r.p && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') fraction = true;
		else n = n * 10 + (*p - '0'), scale -= fraction;
	}
	if (p < r.p) {
		bool down = *++p == '-';
		for (p += *p == '-' || *p == '+'; p < r.p && exponent < 10000; p++) exponent = exponent * 10 + (*p - '0');
		scale += down ? -exponent : exponent;
	}
	for (; scale > 0 && scale < 20000; scale--) n *= 10;
	double divisor = 1;
	for (; scale < 0 && scale > -20000; scale++) divisor *= 10;
	n /= divisor;
	return minus ? -n : n;
}
