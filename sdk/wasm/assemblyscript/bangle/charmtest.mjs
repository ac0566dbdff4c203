// Runs a charm that was compiled to WASM in node, without an agent: the model is what the test says, the host a fake that
// remembers. It needs nothing but node 18, and runs the charms of every language.
//
//   const t = new Harness();                       // $BANGLE_MODULE, or a path
//   t.config.port = 8080;
//   t.hook("config-changed");
//   assert.deepEqual(t.status, { current: "waiting", message: "for the container" });
//
// State, databags and the unit's status that an event wrote are there in the next event. Supervisors answer that all went
// well; t.answers[function] gives any call another answer.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

const decoder = new TextDecoder(), encoder = new TextEncoder();

/** One copy of the module; each event gets its own, as the host sets memory back after each. */
class Instance {
  constructor(module, answer) {
    this.said = "";
    let waiting = new Uint8Array();
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {};
      imports[from][name] = (request, n, out, cap) => {
        if (from === "wasi_snapshot_preview1") return name === "fd_write" ? this.say(n, out, cap) : 52;
        const bytes = from === "charm/answer@1" ? waiting : encoder.encode(answer(`${from}.${name}`, this.text(request, n)));
        waiting = bytes;
        if (bytes.length > cap) return -bytes.length;
        new Uint8Array(this.memory.buffer).set(bytes, out >>> 0);
        return bytes.length;
      };
    }
    const instance = new WebAssembly.Instance(module, imports);
    this.exports = instance.exports;
    this.memory = instance.exports.memory;
    this.exports._initialize?.();
    this.exports.charm_warm?.();
  }

  text(at, n) { return decoder.decode(new Uint8Array(this.memory.buffer, at >>> 0, n >>> 0)); }

  packed(value) { return this.text(Number(BigInt.asUintN(64, value) >> 32n), Number(value & 0xffffffffn)); }

  say(vectors, n, written) {
    const view = new DataView(this.memory.buffer);
    let size = 0;
    for (let i = 0; i < n; i++) {
      const length = view.getUint32(vectors + 8 * i + 4, true);
      this.said += this.text(view.getUint32(vectors + 8 * i, true), length);
      size += length;
    }
    view.setUint32(written, size, true);
    return 0;
  }

  /** {output}, {error} or {unhandled: true} */
  run(input) {
    const bytes = encoder.encode(input);
    try {
      const at = this.exports.charm_alloc(bytes.length);
      new Uint8Array(this.memory.buffer).set(bytes, at >>> 0);
      const result = this.exports.charm_dispatch(at, bytes.length);
      if (result === 0n) return { error: this.packed(this.exports.charm_last_error()) };
      const text = this.packed(result);
      return text === "" ? { unhandled: true } : { output: JSON.parse(text) };
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      return { error: this.said.trim() || error.message };
    }
  }
}

function load(file) { return new WebAssembly.Module(readFileSync(file ?? process.env.BANGLE_MODULE)); }

const ok = (value) => JSON.stringify({ ok: value });

/** Harness is one unit, app/0, and what it sees. */
export class Harness {
  config = {}; state = {}; relations = []; storage = []; leader = false;
  answers = {}; calls = []; files = {}; secrets = [];
  status = {}; events = 0; last = {};

  constructor(file) { this.module = load(file); }

  /** Adds a relation; its databags may be written: r.remote_app_bag, r.members, r.local_unit, r.local_app. */
  relation(id, endpoint, remoteApp) {
    const r = { id, endpoint, remote_app: remoteApp, members: [], remote_app_bag: {}, local_unit: {}, local_app: {}, local_app_readable: true };
    this.relations.push(r);
    return r;
  }

  /** Adds another's secret and returns its URI. */
  secret(content) { return "secret:" + String(this.secrets.push(content)).padStart(20, "0"); }

  /** Runs a hook; {output}, {error} or {unhandled: true}. */
  hook(name, more = {}) { return this.event({ kind: name, name, ...more }); }

  /** Runs a hook of a relation: "relation-changed". */
  relationHook(r, kind, unit) {
    return this.event({ kind, name: `${r.endpoint}-${kind}`, relation_id: r.id, endpoint: r.endpoint, remote_app: r.remote_app, remote_unit: unit });
  }

  /** Runs an action. */
  action(name, params = {}) { return this.event({ kind: "action", name, task_id: "1", action_params: params }); }

  event(event) {
    const view = { model: { name: "test", uuid: "0" }, unit: { name: "app/0", life: "alive", private_address: "10.0.0.5" }, config: this.config,
      charm_state: this.state, relations: this.relations, storage: this.storage, leadership: { leader: this.leader } };
    const input = JSON.stringify({ event: { id: String(++this.events), ...event }, view });
    this.last = new Instance(this.module, (fn, request) => this.call(fn, request)).run(input);
    if (this.last.output) this.apply(this.last.output);
    return this.last;
  }

  apply(cs) {
    this.status = cs.unit_status ? { current: cs.unit_status.current, message: cs.unit_status.message ?? "" } : this.status;
    Object.assign(this.state, cs.state_set);
    for (const key of cs.state_delete ?? []) delete this.state[key];
    for (const bag of cs.bags ?? []) {
      const r = this.relations.find((r) => r.id === bag.relation_id);
      Object.assign(bag.app ? r.local_app : r.local_unit, bag.set);
    }
  }

  call(fn, text) {
    const request = text ? JSON.parse(text) : {};
    this.calls.push({ function: fn, request });
    if (this.answers[fn]) return JSON.stringify(this.answers[fn]);
    switch (fn) {
      case "charm/supervisor@1.request": return this.supervisor(request);
      case "charm/supervisor@1.push": this.files[request.path] = request.content; return ok({});
      case "charm/leader@1.is_leader": return ok(this.leader);
      case "charm/secret@1.add": return ok({ id: this.secret(request.content) });
      case "charm/secret@1.get": {
        const content = this.secrets[Number(request.id?.slice(7)) - 1];
        return content ? ok({ content }) : JSON.stringify({ error: { class: "NOT_FOUND", message: "there is no such secret" } });
      }
    }
    return "";
  }

  supervisor({ method, path }) {
    let body = { type: "sync", result: true };
    if (method === "POST" && path === "/v1/services") body = { type: "async", change: "1" };
    else if (path === "/v1/services") body.result = [];
    else if (path.startsWith("/v1/changes/")) body.result = { err: "" };
    return ok({ status: 200, body: JSON.stringify(body) });
  }
}

/** Runs the events of a file of sdk/wasm/vectors; the list of what differs. */
export function vectors(file, moduleFile) {
  const module = load(moduleFile), wrong = [], all = JSON.parse(readFileSync(file, "utf8"));
  for (const v of all) {
    const expected = [...v.calls], say = (text) => wrong.push(`${v.name}: ${text}`);
    const got = new Instance(module, (fn, request) => {
      const want = expected.shift();
      if (!want) {
        say(`${fn} was called too many`);
        return "";
      }
      if (fn !== want.function || !isDeepStrictEqual(JSON.parse(request || "{}"), want.request)) say(`call ${fn} ${request}, want ${JSON.stringify(want)}`);
      return want.answer === null ? "" : JSON.stringify(want.answer);
    }).run(JSON.stringify(v.input));
    if ((got.error ?? "").split("\n")[0] !== (v.error ?? "")) say(`error ${got.error}, want ${v.error}`);
    if (!isDeepStrictEqual(got.output, v.output)) say(`output ${JSON.stringify(got.output)}, want ${JSON.stringify(v.output)}`);
    if (expected.length > 0) say(`not called: ${JSON.stringify(expected)}`);
  }
  if (all.length === 0) wrong.push(`${file} has no vectors`);
  return wrong;
}
