// Runs a charm natively on node, without an agent and without WASM: the model is a view that the test fills, the containers
// are fakes that remember.
//
//	const h = new Harness("charm.js");
//	h.config.port = 4222;
//	h.container("web");
//	await h.hook("config-changed");
//	assert.deepEqual(h.status, { current: "active", message: "" });
//
// A successful event's writes are applied to the view, so that events told one after the other are a story. Every event
// evaluates the charm anew, as memory is scratch there too.
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CallError } from "./bangle.js";

const library = new URL("./bangle.js", import.meta.url).href;
register("data:text/javascript," + encodeURIComponent(`
	export const resolve = (name, context, next) =>
		name === "bangle" ? { url: ${JSON.stringify(library)}, shortCircuit: true } : next(name, context);`));

let loads = 0;

/** load evaluates a charm's file anew. */
export async function load(file) {
	const { default: charm } = await import(`${pathToFileURL(resolve(file)).href}?${++loads}`);
	if (!charm) throw new TypeError(`${file} must export its charm: export default charm`);
	return charm;
}

const error = (kind, message) => { throw new CallError(kind, message); };

/** Harness is one unit, app/0, and what it sees. */
export class Harness {
	#file;
	#containers = {};
	#events = 0;

	constructor(file) {
		this.#file = file;
		this.config = {};
		this.log = []; // "INFO text", of all events; an action's own lines too
		this.calls = []; // [function, request], of all events
		this.secrets = []; // {id, label, owner, revisions, access}
		this.answers = {}; // by function: what the host answers to calls that nothing here answers
		this.view = {
			model: { name: "test", uuid: "00000000-0000-4000-8000-000000000001" }, unit: { name: "app/0", life: "alive", private_address: "10.0.0.5" },
			application: { name: "app", life: "alive" }, config: this.config, relations: [], containers: [], charm_state: {}, ports: [],
			leadership: { leader: false }, leader_settings: {}, storage: [],
		};
	}

	get status() { return { message: "", ...this.view.unit.workload_status }; }
	leader(leads = true) { this.view.leadership = { leader: leads }; }

	/** container adds a container whose supervisor answers, and returns its fake. */
	container(name) {
		this.view.containers.push({ name, socket: `/run/test/${name}/pebble.socket` });
		return this.#containers[name] = new FakeContainer();
	}

	/** relation adds a relation with a remote application; join adds its units. */
	relation(endpoint, remoteApp) {
		const r = { id: this.view.relations.length + 1, endpoint, remote_app: remoteApp, life: "alive", members: [], local_unit: {}, local_app: {},
			local_app_readable: true, remote_app_bag: {} };
		this.view.relations.push(r);
		return r;
	}

	join(relation, unit, bag = {}) { relation.members.push({ unit, bag, version: 1 }); }

	/** secret makes a secret that somebody else owns and the unit may read; with an id it gets a new revision. */
	secret(content, id) {
		const known = this.secrets.find((s) => s.id === id);
		if (known) known.revisions.push(content);
		else this.secrets.push({ id: id ??= `secret:${String(this.secrets.length).padStart(20, "0")}`, label: "", owner: "", revisions: [content], access: [] });
		return id;
	}

	hook(name, event = {}) { return this.run({ kind: name, name, ...event }); }
	action(name, params = {}) { return this.run({ kind: "action", name, task_id: "1", action_params: params }); }

	/** relationEvent is "changed" and so on of a relation; unit is undefined for created and broken. */
	relationEvent(relation, kind, unit) {
		return this.run({ kind: "relation-" + kind, name: `${relation.endpoint}-relation-${kind}`, relation_id: relation.id,
			endpoint: relation.endpoint, remote_app: relation.remote_app, remote_unit: unit });
	}

	/** run runs one event and returns its changeset, undefined when the charm has no handler; a hook that fails throws. */
	async run(event) {
		const input = JSON.parse(JSON.stringify({ event: { id: `${++this.#events}-${event.name}`, ...event }, view: this.view }));
		const output = await (await load(this.#file)).dispatch(input, (name, request) => this.#answer(name, JSON.parse(request)));
		if (output === undefined) return undefined;
		const changes = JSON.parse(JSON.stringify(output));
		this.#apply(changes);
		return changes;
	}

	#answer(name, request) {
		this.calls.push([name, request]);
		try {
			const value = this.#value(name, request);
			return value === undefined ? undefined : JSON.stringify({ ok: value });
		} catch (err) {
			if (!(err instanceof CallError)) throw err;
			return JSON.stringify({ error: { class: err.class, message: err.message } });
		}
	}

	#value(name, request) {
		const [, capability, call] = /^charm\/(\w+)@1\.(\w+)$/.exec(name);
		switch (capability) {
			case "log": case "action":
				this.log.push(`${request.level ?? "INFO"} ${request.message}`);
				return undefined;
			case "status": return undefined;
			case "leader": return this.view.leadership.leader;
			case "secret": return this.#secretCall(call, request);
			case "supervisor": {
				const c = this.#containers[request.container] ?? error("NOT_FOUND", `there is no container ${request.container}`);
				return c[call](request);
			}
		}
		const answer = this.answers[name];
		return typeof answer === "function" ? answer(request) : answer ?? error("NOT_FOUND", `set answers["${name}"]`);
	}

	#secretCall(call, request) {
		if (call === "add") {
			if (!request.unit) this.#mustLead();
			if (this.secrets.some((s) => s.label && s.label === request.label)) error("ALREADY_EXISTS", `secret with label "${request.label}" already exists`);
			const id = this.secret(request.content);
			Object.assign(this.secrets.at(-1), { label: request.label ?? "", owner: request.unit ? "unit" : "application", description: request.description ?? "" });
			return { id };
		}
		const s = this.secrets.find((s) => request.id ? s.id === request.id : s.label === request.label)
			?? error("NOT_FOUND", `secret "${request.id ?? request.label}" not found`);
		switch (call) {
			case "get":
				if (request.refresh || !s.tracked) s.tracked = s.revisions.length;
				return { content: s.revisions[(request.peek ? s.revisions.length : s.tracked) - 1] };
			case "info": return { id: s.id.replace("secret:", ""), owner: s.owner, label: s.label, revision: s.revisions.length };
			case "set": return void (request.content && s.revisions.push(request.content));
			case "grant": return void s.access.push(request.unit ?? request.relation_id);
			case "revoke": return void (s.access = s.access.filter((a) => ![request.unit, request.app, request.relation_id].includes(a)));
			case "remove": return void this.secrets.splice(this.secrets.indexOf(s), 1);
		}
	}

	#mustLead() { if (!this.view.leadership.leader) error("DENIED", "this unit is not the leader"); }

	#apply(changes) {
		const view = this.view;
		if (changes.app_status || Object.keys(changes.leader_settings ?? {}).length || changes.bags?.some((b) => b.app)) this.#mustLead();
		if (changes.unit_status) view.unit.workload_status = changes.unit_status;
		if (changes.app_status) view.application.status = changes.app_status;
		if (changes.workload_version) view.application.workload_version = changes.workload_version;
		for (const { relation_id, app, set } of changes.bags ?? []) merge(view.relations.find((r) => r.id === relation_id)[app ? "local_app" : "local_unit"], set);
		view.ports = [...new Set([...view.ports, ...changes.open_ports ?? []])].filter((p) => !changes.close_ports?.includes(p)).sort();
		Object.assign(view.charm_state, changes.state_set);
		for (const key of changes.state_delete ?? []) delete view.charm_state[key];
		merge(view.leader_settings, changes.leader_settings ?? {});
	}
}

function merge(base, set) {
	for (const [key, value] of Object.entries(set)) value === "" ? delete base[key] : base[key] = value;
}

/** FakeContainer is a supervisor that remembers: its plan, what runs, files, signals. */
export class FakeContainer {
	down = false; // nobody answers
	plan = {};
	running = {}; // by service: the plan's entry that it was started with
	files = {};
	signals = [];
	starts = 0;
	failStart = () => ""; // (name, service): why it cannot start
	onExec = undefined; // ({command, …}) => ({exit_code, stdout, stderr})
	#change = "";

	request({ method, path, query, body }) {
		if (this.down) error("UNAVAILABLE", "connection refused");
		let envelope;
		try {
			envelope = { type: "sync", "status-code": 200, status: "OK", result: null, ...this.#serve(`${method} ${path}`, query ?? "", body && JSON.parse(body)) };
		} catch (err) {
			envelope = { type: "error", "status-code": 400, status: "Bad Request", result: { message: err.message } };
		}
		return { status: envelope["status-code"], body: JSON.stringify(envelope) };
	}

	#serve(what, query, body) {
		switch (what) {
			case "GET /v1/system-info": return { result: { version: "test" } };
			case "POST /v1/layers": return { result: Object.assign(this.plan, JSON.parse(body.layer).services) && true };
			case "POST /v1/services": return this.#act(body);
			case "GET /v1/changes/1/wait": return { result: { id: "1", ready: true, err: this.#change } };
			case "GET /v1/services": {
				const names = new URLSearchParams(query).getAll("names");
				return { result: Object.keys(this.plan).filter((n) => !names.length || names.includes(n)).sort()
					.map((name) => ({ name, startup: this.plan[name].startup ?? "", current: this.running[name] ? "active" : "inactive" })) };
			}
			case "POST /v1/signals": return { result: this.signals.push(...body.services.map((s) => `${body.signal} ${s}`)) > 0 };
		}
		throw new Error("the fake supervisor does not know " + what);
	}

	#act({ action, services }) {
		this.#change = "";
		if (action === "replan") services = Object.keys(this.plan).filter((n) => this.plan[n].startup === "enabled" && JSON.stringify(this.plan[n]) !== JSON.stringify(this.running[n]));
		for (const name of services) {
			if (!this.plan[name]) throw new Error(`cannot ${action} services: service "${name}" does not exist`);
			delete this.running[name];
			if (action === "stop") continue;
			const why = this.failStart(name, this.plan[name]);
			if (why) this.#change = `cannot perform the following tasks:\n- Start service "${name}" (${why})`;
			else this.running[name] = (this.starts++, this.plan[name]);
		}
		return { type: "async", "status-code": 202, status: "Accepted", change: "1" };
	}

	exec(request) { return this.onExec?.(request) ?? error("INVALID", `cannot run ${request.command}: set the container's onExec`); }
	push({ path, content = "" }) { return this.files[path] = content, {}; }
	pull({ path }) { return { content: this.files[path] ?? error("NOT_FOUND", `open ${path}: no such file or directory`) }; }
}
