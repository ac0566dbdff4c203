// The charm that the vectors of sdk/wasm drive: it does what the config option "do" says, one command a line.

import { charm, command, Context, ExecOptions, http, HTTPOptions, kube, Layer, MachineService, Package, PushOptions, Relation, Secret, SecretSpec, Service } from "../bangle";
export { charm_abi_1, charm_alloc, charm_dispatch, charm_last_error } from "../bangle/abi";

charm.onOther(obey).onAction("backup", obey);

function obey(ctx: Context): bool {
  const lines = ctx.config("do").text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (lines[i] != "" && !run(ctx, lines[i].split(" "))) return false;
  }
  return true;
}

function relation(ctx: Context, id: string): Relation {
  const all = ctx.relations("db");
  for (let i = 0; i < all.length; i++) if (all[i].id.toString() == id) return all[i];
  throw new Error("there is no relation " + id);
}

function one(map: Map<string, string>, key: string): string { return map.has(key) ? map.get(key) : ""; }

function run(ctx: Context, w: string[]): bool {
  const c = w[0];
  if (c == "status") ctx.setStatus(w[1], w[2]);
  else if (c == "state") ctx.setState(w[1], w[2]);
  else if (c == "bag") relation(ctx, w[1]).set(w[2], w[3]);
  else if (c == "app-bag") relation(ctx, w[1]).setApp(w[2], w[3]);
  else if (c == "copy-config") ctx.setState(w[2], ctx.config(w[1]).text);
  else if (c == "copy-state") ctx.setState(w[2], ctx.state(w[1]));
  else if (c == "delete-state") ctx.deleteState(w[1]);
  else if (c == "log") ctx.log("INFO", w[1]);
  else if (c == "result") ctx.setResult(w[1], w[2]);
  else if (c == "param") ctx.setResult(w[1], ctx.param(w[1]).text);
  else if (c == "action-fail") ctx.failAction(w[1]);
  else if (c == "open") ctx.openPort(w[1]);
  else if (c == "close") ctx.closePort(w[1]);
  else if (c == "version") ctx.setVersion(w[1]);
  else if (c == "show") return ctx.showStatus(w[1], w[2]);
  else if (c == "error") return ctx.fail(w.slice(1).join(" "));
  else if (c == "panic") throw new Error(w[1]);
  else return more(ctx, w);
  return true;
}

function more(ctx: Context, w: string[]): bool {
  const c = w[0];
  if (c == "copy-bag") {
    const bag = relation(ctx, w[1]).read(w[2]);
    if (!bag) return false;
    ctx.setState(w[4], one(bag, w[3]));
  } else if (c == "leader") {
    const leads = ctx.isLeader();
    if (leads < 0) return false;
    ctx.setState(w[1], leads ? "true" : "false");
  } else if (c == "goal") {
    const goal = ctx.goal();
    if (!goal) return false;
    ctx.setState("planned", goal.units.length.toString());
    ctx.setState(w[1], goal.unit(w[1]));
    ctx.setState(w[2], goal.relation("db", w[2]));
  } else if (c == "storage") {
    const all = ctx.storage(w[1]);
    for (let i = 0; i < all.length; i++) ctx.setState(all[i].id, all[i].location);
  } else if (c == "resource") {
    const r = ctx.resource(w[1]);
    if (!r) return false;
    ctx.setState("resource", r.path);
  } else if (c == "http" || c == "kube") {
    return request(ctx, w);
  } else if (c == "package" || c == "machine") {
    return machine(ctx, w);
  } else {
    return container(ctx, w);
  }
  return true;
}

function request(ctx: Context, w: string[]): bool {
  const o = new HTTPOptions();
  o.headers.set("Accept", "text/plain");
  o.timeoutMs = 2000;
  if (w.length > 3) o.body = w[3];
  const r = w[0] == "http" ? http(ctx, w[1], w[2], o) : kube(ctx, w[1], w[2], w[3], w[4]);
  if (!r) return false;
  ctx.setState(w[0], r.status.toString() + (w[0] == "http" ? " " + one(r.headers, "Server") : "") + " " + r.body);
  return true;
}

function machine(ctx: Context, w: string[]): bool {
  const action = w[1];
  if (w[0] == "package") {
    const p = new Package(ctx, w[2]), s = action == "ensure" ? p.ensure() : action == "remove" ? p.remove() : p.info();
    if (!s) return false;
    ctx.setState("package", s.installed.toString() + " " + s.version + " " + s.changed.toString());
    return true;
  }
  const m = new MachineService(ctx, w[2]);
  const s = action == "start" ? m.start() : action == "stop" ? m.stop() : action == "restart" ? m.restart() : action == "reload" ? m.reload()
    : action == "enable" ? m.enable() : action == "disable" ? m.disable() : m.status();
  if (!s) return false;
  ctx.setState(action, s.active + " " + s.enabled);
  return true;
}

function container(ctx: Context, w: string[]): bool {
  const web = ctx.container(w[1]);
  if (w[0] == "get") {
    const body = web.request("GET", w[2]);
    if (body == null) return false;
    ctx.setState("body", body);
  } else if (w[0] == "push") {
    const o = new PushOptions();
    o.makeDirs = true;
    return web.push(w[2], w[3], o);
  } else if (w[0] == "pull") {
    const text = web.pull(w[2]);
    if (text == null) return false;
    ctx.setState(w[3], text);
  } else if (w[0] == "exec") {
    const done = web.exec(w.slice(2), new ExecOptions());
    if (!done) return false;
    ctx.setState("exec", done.exitCode.toString() + " " + done.stdout);
  } else if (w[0] == "service") {
    return web.addLayer("obey", new Layer([new Service(w[2], command(w.slice(3)))])) && web.replan();
  } else if (w[0] == "running") {
    const running = web.running(w[2]);
    if (running < 0) return false;
    ctx.setState("running", running ? "true" : "false");
  } else {
    return secret(ctx, w, w[1].startsWith("secret:") ? ctx.secret(w[1]) : ctx.secretByLabel(w[1]));
  }
  return true;
}

function content(w: string[]): Map<string, string> {
  const out = new Map<string, string>();
  out.set(w[2], w[3]);
  return out;
}

function secret(ctx: Context, w: string[], s: Secret): bool {
  if (w[0] == "secret-add") {
    const spec = new SecretSpec();
    spec.label = w[1];
    spec.unit = true;
    spec.content = content(w);
    const added = ctx.addSecret(spec);
    if (!added) return false;
    ctx.setState("secret", added.id);
    return true;
  }
  if (w[0] == "secret-info") {
    const info = s.info();
    if (!info) return false;
    ctx.setState("info", info.owner + " " + info.revision.toString());
    return true;
  }
  if (w[0] == "secret-set") return s.set(content(w));
  if (w[0] == "secret-grant") return s.grant(relation(ctx, w[2]));
  if (w[0] == "secret-grant-unit") return s.grant(relation(ctx, w[2]), w[3]);
  if (w[0] == "secret-revoke") return s.revoke(relation(ctx, w[2]));
  if (w[0] == "secret-revoke-from") return s.revokeFrom(w[2]);
  if (w[0] == "secret-remove") return s.remove();
  if (!w[0].startsWith("secret-")) return ctx.fail("cannot obey " + w.join(" "));
  const read = w[0] == "secret-peek" ? s.peek() : w[0] == "secret-refresh" ? s.refresh() : s.content();
  if (!read) return false;
  ctx.setState(w[3], one(read, w[2]));
  return true;
}
