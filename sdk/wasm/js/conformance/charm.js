// The charm that the vectors of sdk/wasm drive: it does what the config option "do" says, one command a line. Every guest
// library has it in its own language.
import { Charm } from "bangle";

const charm = new Charm();
export default charm;

charm.onOther(obey);
charm.onAction("backup", obey);

function obey(ctx) {
	for (const line of String(ctx.config.do ?? "").split("\n")) {
		if (line === "") continue;
		const [name, ...args] = line.split(" ");
		const act = commands[name] ?? secrets[name];
		if (!act) throw new Error("cannot obey " + line);
		act(ctx, ...args);
	}
}

const relation = (ctx, id) => ctx.relations("db").find((r) => r.id === Number(id));

const commands = {
	"status": (ctx, current, message) => ctx.setStatus(current, message),
	"show": (ctx, current, message) => ctx.showStatus(current, message),
	"state": (ctx, key, value) => ctx.setState(key, value),
	"delete-state": (ctx, key) => ctx.deleteState(key),
	"copy-state": (ctx, from, to) => ctx.setState(to, ctx.state(from)),
	"bag": (ctx, id, key, value) => relation(ctx, id).set(key, value),
	"app-bag": (ctx, id, key, value) => relation(ctx, id).setApp(key, value),
	"copy-bag": (ctx, id, owner, key, to) => ctx.setState(to, relation(ctx, id).read(owner)[key] ?? ""),
	"copy-config": (ctx, option, to) => ctx.setState(to, ctx.config[option] ?? ""),
	"size-config": (ctx, option, to) => ctx.setState(to, String(ctx.config[option] ?? "").length),
	"version": (ctx, version) => ctx.setVersion(version),
	"open": (ctx, port) => ctx.openPort(port),
	"close": (ctx, port) => ctx.closePort(port),
	"log": (ctx, message) => ctx.info(message),
	"leader": (ctx, to) => ctx.setState(to, ctx.isLeader()),
	"goal": (ctx, unit, app) => {
		const { units, relations } = ctx.goal();
		ctx.setState("planned", Object.keys(units).length);
		ctx.setState(unit, units[unit]?.status ?? "");
		ctx.setState(app, relations.db?.[app]?.status ?? "");
	},
	"result": (ctx, key, value) => ctx.setResult(key, value),
	"param": (ctx, name) => ctx.setResult(name, ctx.params[name] ?? ""),
	"action-fail": (ctx, message) => ctx.fail(message),
	"get": (ctx, container, path) => ctx.setState("body", ctx.container(container).request("GET", path).body),
	"push": (ctx, container, path, content) => ctx.container(container).push(path, content, { makeDirs: true }),
	"pull": (ctx, container, path, to) => ctx.setState(to, ctx.container(container).pull(path)),
	"exec": (ctx, container, ...words) => {
		const { exitCode, stdout } = ctx.container(container).exec(words);
		ctx.setState("exec", `${exitCode} ${stdout}`);
	},
	"service": (ctx, container, name, ...words) => {
		const c = ctx.container(container);
		c.addLayer("obey", { services: { [name]: { command: words } } });
		c.replan();
	},
	"running": (ctx, container, name) => {
		const list = ctx.container(container).services(name);
		ctx.setState("running", list.length === 1 && list[0].running);
	},
	"storage": (ctx, name) => ctx.storage(name).forEach((s) => ctx.setState(s.id, s.location)),
	"http": (ctx, method, url, body) => {
		const r = ctx.http(method, url, { headers: { Accept: "text/plain" }, body, timeoutMs: 2000 });
		ctx.setState("http", `${r.status} ${r.headers.Server ?? ""} ${r.body}`);
	},
	"kube": (ctx, method, path, query, body) => {
		const r = ctx.kube(method, path, { query, body });
		ctx.setState("kube", `${r.status} ${r.body}`);
	},
	"package": (ctx, action, name) => {
		const p = ctx.package(name)[action]();
		ctx.setState("package", `${p.installed} ${p.version ?? ""} ${p.changed ?? false}`);
	},
	"machine": (ctx, action, name) => {
		const s = ctx.service(name)[action]();
		ctx.setState(action, `${s.active} ${s.enabled ?? ""}`);
	},
	"resource": (ctx, name) => ctx.setState("resource", ctx.resource(name)?.path ?? ""),
	"error": (ctx, ...words) => { throw new Error(words.join(" ")); },
	"panic": (ctx, word) => { throw new Error("panic: " + word); },
	"fail": (ctx, code) => { throw Object.assign(new Error("exit"), { exitCode: Number(code) }); },
	"big": (ctx, size) => ctx.setState("big", "x".repeat(Number(size))),
	"hang": (ctx) => {
		ctx.info("hanging");
		for (;;);
	},
};

const secret = (ctx, name) => name.startsWith("secret:") ? ctx.secret(name) : ctx.secretByLabel(name);

const secrets = {
	"secret-add": (ctx, label, key, value) => ctx.setState("secret", ctx.addSecret({ label, unit: true, content: { [key]: value } }).id),
	"secret-get": (ctx, name, key, to) => ctx.setState(to, secret(ctx, name).content()[key] ?? ""),
	"secret-peek": (ctx, name, key, to) => ctx.setState(to, secret(ctx, name).peek()[key] ?? ""),
	"secret-refresh": (ctx, name, key, to) => ctx.setState(to, secret(ctx, name).refresh()[key] ?? ""),
	"secret-info": (ctx, name) => {
		const { owner, revision } = secret(ctx, name).info();
		ctx.setState("info", `${owner} ${revision}`);
	},
	"secret-set": (ctx, name, key, value) => secret(ctx, name).set({ [key]: value }),
	"secret-grant": (ctx, name, id) => secret(ctx, name).grant(relation(ctx, id)),
	"secret-grant-unit": (ctx, name, id, unit) => secret(ctx, name).grant(relation(ctx, id), unit),
	"secret-revoke": (ctx, name, id) => secret(ctx, name).revoke(relation(ctx, id)),
	"secret-revoke-from": (ctx, name, target) => secret(ctx, name).revokeFrom(target),
	"secret-remove": (ctx, name) => secret(ctx, name).remove(),
};
