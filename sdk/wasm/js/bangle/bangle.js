// The guest library for charms written in JavaScript. A charm is one file, charm.js:
//
//	import { Charm, Active, Waiting } from "bangle";
//
//	const charm = new Charm();
//	export default charm;
//
//	charm.on("config-changed", configure);
//	charm.on("web-pebble-ready", configure);
//
//	function configure(ctx) {
//		ctx.container("web").replan();
//		ctx.setStatus(Active);
//	}
//
// A handler reads the view that came with the event and writes into a buffer; what it wrote is applied in one transaction
// when it has returned, and dropped when it threw. The error's message is shown in status. Memory is scratch: the next
// event sees it as it was after the script was evaluated, so what must last belongs into ctx.setState.
//
// On node the same file runs natively; charmtest.js has the harness for that.

/** Statuses that a charm may set. */
export const Active = "active", Blocked = "blocked", Maintenance = "maintenance", Waiting = "waiting";

/** CallError is what the host answered instead of doing what it was asked. */
export class CallError extends Error {
	constructor(kind, message) {
		super(message);
		this.name = "CallError";
		this.class = kind;
	}
}

/** Charm is a set of handlers. The script makes one and has it as its default export. */
export class Charm {
	#hooks = new Map();
	#actions = new Map();
	#other = [];

	on(hook, handler) {
		add(this.#hooks, hook, handler);
		return this;
	}

	onAction(name, handler) {
		add(this.#actions, name, handler);
		return this;
	}

	onOther(handler) {
		this.#other.push(checked(handler));
		return this;
	}

	/** dispatch runs one event and returns its output, undefined when there is no handler; host answers calls. */
	async dispatch(input, host) {
		const ctx = new Context(input, host);
		const event = ctx.event;
		const handlers = event.kind === "action" ? this.#actions.get(event.name) : this.#hooks.get(event.name) ?? this.#other;
		if (!handlers?.length) return undefined;
		try {
			for (const handler of handlers) await handler(ctx);
		} catch (err) {
			if (event.kind !== "action") throw err;
			if (!meant(err)) ctx.error(describe(err));
			ctx.fail(describe(err).split("\n")[0]);
		}
		return changeset(ctx);
	}
}

function checked(handler) {
	if (typeof handler !== "function") throw new TypeError("a handler must be a function, not " + typeof handler);
	return handler;
}

function add(handlers, name, handler) {
	if (typeof name !== "string" || name === "") throw new TypeError("the name of a hook or action must be a string");
	if (!handlers.has(name)) handlers.set(name, []);
	handlers.get(name).push(checked(handler));
}

/** Context is one event's world: what the charm may read, and the buffer of what it writes. */
export class Context {
	#host;
	#view;
	#relations;
	#writes = { bags: [], state: new Map(), open: [], close: [], leader: {}, storage: [] };

	constructor(input, host) {
		this.event = input.event ?? {};
		this.#view = input.view ?? {};
		this.#host = host;
		this.params = this.event.action_params ?? {};
		this.config = this.#view.config ?? {};
	}

	get unit() { return this.#view.unit?.name ?? ""; }
	get app() { return this.unit.split("/")[0]; }
	get model() { return this.#view.model?.name ?? ""; }
	get address() { return this.#view.unit?.private_address ?? ""; }
	get dying() { return !["", "alive", undefined].includes(this.#view.unit?.life); }
	get ports() { return this.#view.ports ?? []; }
	get environment() { return { ...this.#view.environment }; }
	get view() { return this.#view; }
	get writes() { return this.#writes; }

	/** stablePort is a port from 20000 to 29999, the same in every event of a unit; try 1, 2, … gives others. */
	stablePort(attempt = 0) {
		let sum = 2166136261; // FNV-1a
		for (const c of utf8(`${this.#view.model?.uuid ?? ""} ${this.unit}`)) sum = Math.imul(sum ^ c, 16777619) >>> 0;
		return 20000 + ((sum + attempt * 7919) >>> 0) % 10000;
	}

	isLeader() {
		if (!this.#view.leadership?.leader) return false;
		return this.call("charm/leader@1.is_leader", {}) === true;
	}

	setStatus(current, message = "") { this.#writes.unitStatus = { current, message: message || undefined }; }
	setAppStatus(current, message = "") { this.#writes.appStatus = { current, message: message || undefined }; }

	showStatus(current, message = "") {
		this.setStatus(current, message);
		this.call("charm/status@1.set", { current, message: message || undefined });
	}

	setVersion(version) { this.#writes.version = String(version); }
	openPort(port) { this.#writes.open.push(String(port)); }
	closePort(port) { this.#writes.close.push(String(port)); }

	state(key) {
		const own = this.#writes.state;
		return (own.has(key) ? own.get(key) : this.#view.charm_state?.[key]) ?? "";
	}

	allState() {
		const all = { ...this.#view.charm_state };
		for (const [key, value] of this.#writes.state) value === undefined ? delete all[key] : all[key] = value;
		return all;
	}

	setState(key, value) { this.#writes.state.set(key, String(value)); }
	deleteState(key) { this.#writes.state.set(key, undefined); }

	leaderSettings() { return overlay(this.#view.leader_settings, this.#writes.leader); }
	setLeaderSetting(key, value) { this.#writes.leader[key] = String(value); }

	resource(name) {
		const found = (this.#view.resources ?? []).find((r) => r.name === name);
		if (!found) return undefined;
		const resource = { name, type: found.type ?? "", path: found.path ?? "", image: found.image ?? {} };
		if (resource.path === "" && resource.type === "file") resource.path = this.call("charm/resource@1.get", { name })?.path ?? "";
		return resource;
	}

	storage(name) {
		return (this.#view.storage ?? []).filter((s) => s.name === name)
			.map((s) => ({ id: s.id ?? "", name, kind: s.kind ?? "", location: s.location ?? "" }));
	}

	addStorage(name, count = 1) { this.#writes.storage.push({ name, count }); }
	network(binding) { return this.call("charm/network@1.get", { binding }); }

	relations(endpoint) {
		this.#relations ??= (this.#view.relations ?? []).map((r) => new Relation(this, r));
		return endpoint === undefined ? this.#relations : this.#relations.filter((r) => r.endpoint === endpoint);
	}

	get relation() { return this.relations().find((r) => r.id === this.event.relation_id); }

	goal() {
		const goal = this.call("charm/goal@1.get", {}) ?? {};
		return { units: goal.units ?? {}, relations: goal.relations ?? {} };
	}

	container(name) { return new Container(this, name); }

	/** http makes a request to an origin that was granted and returns {status, headers, body}; every status is an answer. */
	http(method, url, { headers, body, timeoutMs } = {}) {
		const answer = this.call("charm/http@1.request", { method, url, headers, body, timeout_ms: timeoutMs }) ?? {};
		return { status: answer.status ?? 0, headers: answer.headers ?? {}, body: answer.body_base64 ? latin1(answer.body_base64) : answer.body ?? "" };
	}

	/** kube makes a request to the API of the cluster that the unit is in and returns {status, body}. */
	kube(method, path, { query, body, contentType } = {}) {
		const answer = this.call("charm/kube@1.request", {
			method, path, query, body: body === undefined || typeof body === "string" ? body : JSON.stringify(body), content_type: contentType,
		}) ?? {};
		return { status: answer.status ?? 0, body: answer.body ?? "" };
	}

	/** package and service are of the unit's machine: what they do returns the state afterwards. */
	package(name) { return verbs(this, "charm/package@1", name, ["ensure", "remove", "info"]); }
	service(name) { return verbs(this, "charm/service@1", name, ["start", "stop", "restart", "reload", "enable", "disable", "status"]); }

	secret(id) { return new Secret(this, id, ""); }
	secretByLabel(label) { return new Secret(this, "", label); }

	addSecret(spec) {
		const answer = this.call("charm/secret@1.add", { unit: spec.unit || undefined, ...secretRequest(spec) });
		return new Secret(this, answer.id, spec.label ?? "");
	}

	setResult(key, value) { (this.#action().results ??= {})[key] = String(value); }

	fail(message) { Object.assign(this.#action(), { failed: true, message: String(message) }); }

	#action() { return this.#writes.action ??= {}; }

	actionLog(message) { this.call("charm/action@1.log", { message: String(message) }); }
	debug(message) { this.#log("DEBUG", message); }
	info(message) { this.#log("INFO", message); }
	warn(message) { this.#log("WARNING", message); }
	error(message) { this.#log("ERROR", message); }

	#log(level, message) {
		try {
			this.call("charm/log@1.log", { level, message: String(message) });
		} catch { /* a log that cannot be written fails no hook */ }
	}

	/** call makes one call of the ABI and returns its value; an error that the host answers is thrown. */
	call(name, request) {
		const answer = this.#host(name, JSON.stringify(request));
		if (!answer) return undefined;
		const value = JSON.parse(answer);
		if (value.error) throw new CallError(value.error.class, value.error.message);
		return value.ok;
	}
}

function verbs(ctx, module, name, list) {
	return Object.fromEntries(list.map((verb) => [verb, () => ctx.call(`${module}.${verb}`, { name })]));
}

/** Relation is one relation of the unit. */
export class Relation {
	#ctx;
	#view;
	#unit = {};
	#app = {};

	constructor(ctx, view) {
		this.#ctx = ctx;
		this.#view = view;
		this.id = view.id ?? 0;
		this.endpoint = view.endpoint ?? "";
		this.remoteApp = view.remote_app ?? "";
	}

	get units() { return (this.#view.members ?? []).map((m) => m.unit); }
	get broken() { return this.#view.broken === true; }

	/** read is the databag of a unit or an application; own bags hold the handler's own writes. */
	read(owner) {
		const view = this.#view;
		if (owner === this.#ctx.unit) return overlay(view.local_unit, this.#unit);
		if (owner === this.#ctx.app && view.local_app_readable) return overlay(view.local_app, this.#app);
		if ((this.#ctx.view.on_demand ?? []).includes(`bag/${this.id}/${owner}`)) return this.#fetch(owner);
		if (owner === this.remoteApp) return { ...view.remote_app_bag };
		for (const member of [...view.members ?? [], ...view.departed ?? []]) {
			if (member.unit === owner) return { ...member.bag };
		}
		return this.#fetch(owner);
	}

	#fetch(owner) {
		return this.#ctx.call("charm/bag@1.get", { relation_id: this.id, owner, app: !owner.includes("/") || undefined }) ?? {};
	}

	set(key, value) { this.#unit[key] = String(value); }
	setApp(key, value) { this.#app[key] = String(value); }

	/** written lists what the event wrote, as the changeset has it. */
	written() {
		const bags = [];
		if (Object.keys(this.#unit).length) bags.push({ relation_id: this.id, set: this.#unit });
		if (Object.keys(this.#app).length) bags.push({ relation_id: this.id, app: true, set: this.#app });
		return bags;
	}
}

/** Container is one container of the charm: its supervisor, reached by the host. */
export class Container {
	#ctx;

	constructor(ctx, name) {
		this.#ctx = ctx;
		this.name = name;
	}

	get root() { return this.#field("root"); }
	get socket() { return this.#field("socket"); }
	#field(name) { return (this.#ctx.view.containers ?? []).find((c) => c.name === this.name)?.[name] ?? ""; }

	/** request makes one request to the supervisor's API and returns {status, body}. */
	request(method, path, query = "", body = "") {
		const answer = this.#ctx.call("charm/supervisor@1.request",
			{ container: this.name, method, path, query: query || undefined, body: body || undefined }) ?? {};
		return { status: answer.status ?? 0, body: answer.body ?? "" };
	}

	/** api makes a request and opens the supervisor's envelope; an answer of type error is thrown. */
	api(method, path, query, body) {
		const envelope = JSON.parse(this.request(method, path, query, body === undefined ? "" : JSON.stringify(body)).body);
		if (envelope.type === "error") throw new CallError("INVALID", envelope.result?.message ?? "the supervisor refused");
		return envelope;
	}

	canConnect() {
		try {
			this.api("GET", "/v1/system-info");
			return true;
		} catch {
			return false;
		}
	}

	/**
	 * addLayer adds a layer to the plan, or merges it into the layer of that label; it starts nothing: replan does. Services
	 * replace those of the same name and are enabled unless they say otherwise; a command may be a list of words.
	 */
	addLayer(label, { summary, services = {}, ...rest }) {
		const written = Object.fromEntries(Object.keys(services).sort().map((name) => [name, service(services[name])]));
		const layer = JSON.stringify({ summary: summary || undefined, services: written, ...rest });
		this.api("POST", "/v1/layers", "", { action: "add", combine: true, label, format: "yaml", layer });
	}

	replan() { this.#services("replan"); }
	start(...names) { this.#services("start", names); }
	stop(...names) { this.#services("stop", names); }
	restart(...names) { this.#services("restart", names); }

	#services(action, services) {
		const { change } = this.api("POST", "/v1/services", "", { action, services });
		const { err, tasks } = this.api("GET", `/v1/changes/${change}/wait`, "timeout=60s").result ?? {};
		if (!err) return;
		const lines = err.split(":\n- "); // the heading says nothing, and the first line is what status shows
		const text = lines.length > 1 && !lines[0].includes("\n") ? lines.slice(1).join(":\n- ") : err;
		throw new CallError("INVALID", [text, ...(tasks ?? []).flatMap((t) => t.log ?? [])].join("\n"));
	}

	/** services lists services as {name, startup, current, running}; no names = all. */
	services(...names) {
		const list = this.api("GET", "/v1/services", names.map((n) => "names=" + encodeURIComponent(n)).join("&")).result ?? [];
		return list.map((s) => ({ name: s.name, startup: s.startup, current: s.current, running: s.current === "active" }));
	}

	sendSignal(signal, ...services) { this.api("POST", "/v1/signals", "", { signal, services }); }

	/** push writes a file whole; options are makeDirs, permissions, user, group. */
	push(path, content, options = {}) {
		this.#ctx.call("charm/supervisor@1.push", {
			container: this.name, path, content: content || undefined, make_dirs: options.makeDirs || undefined,
			permissions: options.permissions, user: options.user, group: options.group,
		});
	}

	pull(path) {
		const answer = this.#ctx.call("charm/supervisor@1.pull", { container: this.name, path }) ?? {};
		return answer.content_base64 ? latin1(answer.content_base64) : answer.content ?? "";
	}

	/** exec runs a command and returns {exitCode, stdout, stderr}; a code that is not 0 is not thrown. */
	exec(words, options = {}) {
		const answer = this.#ctx.call("charm/supervisor@1.exec", {
			container: this.name, command: words, environment: options.environment, working_dir: options.workingDir,
			stdin: options.stdin, user: options.user, group: options.group, timeout_ms: options.timeoutMs,
		}) ?? {};
		return { exitCode: answer.exit_code ?? 0, stdout: answer.stdout ?? "", stderr: answer.stderr ?? "" };
	}
}

/** Secret is one secret: known by its URI, or by the label that its owner or the unit gave it. */
export class Secret {
	#ctx;

	constructor(ctx, id, label) {
		this.#ctx = ctx;
		this.id = id;
		this.label = label;
	}

	content() { return this.#read({}); }
	peek() { return this.#read({ peek: true }); }
	refresh() { return this.#read({ refresh: true }); }

	#name() { return this.id ? { id: this.id } : { label: this.label }; }

	#read(how) {
		const answer = this.#ctx.call("charm/secret@1.get", { ...this.#name(), ...how }) ?? {};
		const content = { ...answer.content };
		for (const [key, value] of Object.entries(answer.content_base64 ?? {})) content[key] = latin1(value);
		return content;
	}

	info() { return this.#ctx.call("charm/secret@1.info", this.#name()); }

	#write(name, request) {
		if (!this.id) this.id = "secret:" + this.info().id.replace(/^secret:/, "");
		this.#ctx.call("charm/secret@1." + name, { id: this.id, ...request });
	}

	set(content) { this.update({ content }); }
	update(spec) { this.#write("set", secretRequest(spec)); }
	grant(relation, unit) { this.#write("grant", { relation_id: relation.id, unit }); }
	revoke(relation) { this.#write("revoke", { relation_id: relation.id }); }
	revokeFrom(target) { this.#write("revoke", target.includes("/") ? { unit: target } : { app: target }); }
	remove(revision) { this.#write("remove", { revision }); }
}

function secretRequest({ label, description, rotate, expire, content }) {
	return { label: label || undefined, description, rotate, expire, content };
}

/** command joins words into a service's command, quoting those that need it. */
export function command(...words) {
	return words.map(String).map((word) => /^[A-Za-z0-9\-_/.:=,]+$/.test(word) ? word : JSON.stringify(word)).join(" ");
}

function service({ override = "replace", summary, command: words, startup = "enabled", environment = {}, ...rest }) {
	const variables = Object.keys(environment).sort().map((name) => [name, String(environment[name])]);
	return { override, summary, command: Array.isArray(words) ? command(...words) : words, startup,
		environment: variables.length ? Object.fromEntries(variables) : undefined, ...rest };
}

function overlay(base, set) {
	const out = { ...base };
	for (const [key, value] of Object.entries(set)) value === "" ? delete out[key] : out[key] = value;
	return out;
}

function utf8(text) {
	const bytes = [];
	for (const c of encodeURIComponent(text).matchAll(/%(..)|([^])/g)) bytes.push(c[1] ? parseInt(c[1], 16) : c[2].charCodeAt(0));
	return bytes;
}

/** latin1 has one character for each byte. */
function latin1(base64) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	let out = "", bits = 0, n = 0;
	for (const c of base64.replace(/=+$/, "")) {
		bits = bits << 6 | digits.indexOf(c);
		if ((n += 6) >= 8) out += String.fromCharCode(bits >> (n -= 8) & 255);
	}
	return out;
}

function changeset(ctx) {
	const { unitStatus, appStatus, version, open, close, state, leader, storage, action } = ctx.writes;
	const out = { unit_status: unitStatus, app_status: appStatus, workload_version: version, action };
	const bags = ctx.relations().flatMap((r) => r.written());
	const set = {}, gone = [];
	for (const [key, value] of state) value === undefined ? gone.push(key) : set[key] = value;
	const parts = { bags, open_ports: open, close_ports: close, state_set: set, state_delete: gone.sort(), leader_settings: leader, storage_add: storage };
	for (const [name, value] of Object.entries(parts)) {
		if (Object.keys(value).length) out[name] = value;
	}
	return out;
}

const meant = (err) => err instanceof CallError || err?.constructor === Error;

/** describe is an error's message, and below it where it came from. What a charm throws on purpose is its message alone. */
export function describe(err) {
	if (!(err instanceof Error)) return String(err);
	const stack = err.stack ?? "";
	if (meant(err)) return `${err.message}\n${stack}`;
	const [where] = /charm\.js:\d+/.exec(stack) ?? [];
	return `${err.name}: ${err.message}${where ? ` (${where})` : ""}\n${stack}`;
}

// What follows is the WASM host's end; on node nobody calls it.

const host = globalThis.__bangle_host;

if (host) {
	globalThis.console = Object.fromEntries(["log", "info", "debug", "warn", "error"].map((name) => [name, (...words) =>
		host("print", words.map((w) => typeof w === "string" ? w : w instanceof Error ? describe(w) : JSON.stringify(w)).join(" "))]));

	let seed; // memory is as it was before the first event, so each event's first number asks for one
	Math.random = () => {
		seed ??= Number(host("random"));
		seed = seed + 0x6D2B79F5 | 0; // mulberry32
		let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
		t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
		return ((t ^ t >>> 14) >>> 0) / 4294967296;
	};

	globalThis.__bangle_dispatch = () => {
		globalThis.__bangle_charm.dispatch(JSON.parse(host("input")), host)
			.then((output) => host("output", output === undefined ? "" : JSON.stringify(output)))
			.catch((err) => {
				if (Number.isInteger(err?.exitCode)) host("code", String(err.exitCode));
				host("error", describe(err));
			});
	};
}

/** serve makes a charm the one that events go to. */
export function serve(charm) {
	if (!(charm instanceof Charm)) throw new TypeError("charm.js must export its charm: export default charm");
	globalThis.__bangle_charm = charm;
}
