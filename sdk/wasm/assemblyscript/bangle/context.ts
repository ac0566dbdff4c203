import { call } from "./host";
import { Json, Writer } from "./json";
import { overlay, Relation } from "./relation";
import { Container } from "./container";
import { addSecret, Secret, SecretSpec } from "./secret";
import { Action, changeset, StatusWrite, Writes } from "./changeset";

// @ts-ignore: decorator
@external("charm/log@1", "log") declare function host_log(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/status@1", "set") declare function host_status(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/action@1", "log") declare function host_action_log(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/leader@1", "is_leader") declare function host_is_leader(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/goal@1", "get") declare function host_goal(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/resource@1", "get") declare function host_resource(request: usize, n: usize, out: usize, cap: usize): i32;

/** Statuses that a charm may set. */
export const ACTIVE = "active";
export const BLOCKED = "blocked";
export const MAINTENANCE = "maintenance";
export const WAITING = "waiting";

/** Event is what happened. Only the fields of its kind are set. */
export class Event {
  constructor(private v: Json) {}
  get id(): string { return this.v.get("id").str; }
  get kind(): string { return this.v.get("kind").str; }
  get name(): string { return this.v.get("name").str; }
  get relationId(): i32 { return <i32>this.v.get("relation_id").int; }
  get endpoint(): string { return this.v.get("endpoint").str; }
  get remoteApp(): string { return this.v.get("remote_app").str; }
  get remoteUnit(): string { return this.v.get("remote_unit").str; }
  get departingUnit(): string { return this.v.get("departing_unit").str; }
  get container(): string { return this.v.get("container").str; }
  get noticeId(): string { return this.v.get("notice_id").str; }
  get noticeType(): string { return this.v.get("notice_type").str; }
  get noticeKey(): string { return this.v.get("notice_key").str; }
  get check(): string { return this.v.get("check_name").str; }
  get storageId(): string { return this.v.get("storage_id").str; }
  get secretId(): string { return this.v.get("secret_id").str; }
  get secretLabel(): string { return this.v.get("secret_label").str; }
  get secretRevision(): i32 { return <i32>this.v.get("secret_revision").int; }
  get taskId(): string { return this.v.get("task_id").str; }
  /** How many times it was already tried. */
  get attempt(): i32 { return <i32>this.v.get("attempt").int; }
}

/** Storage is one instance of a declared storage. */
export class Storage {
  constructor(public id: string, public name: string, public kind: string, public location: string) {}
}

/** Resource is a file or image that was deployed with the charm; path is "" when there is none. */
export class Resource {
  kind: string = "";
  path: string = "";
  image: Map<string, string> = new Map<string, string>();
}

/** Goal is what the model is heading for. */
export class Goal {
  constructor(private v: Json) {}
  /** The names of all units. */
  get units(): string[] { return this.v.get("units").names; }
  /** A unit's status. */
  unit(name: string): string { return this.v.get("units").get(name).get("status").str; }
  /** The status of an application or unit in the relations of an endpoint. */
  relation(endpoint: string, member: string): string { return this.v.get("relations").get(endpoint).get(member).get("status").str; }
}

/** Context is one event's world: what the charm may read, and the buffer of what it writes. */
export class Context {
  /** What happened. */
  event: Event;
  /** What failed last, and the class of what the host answered: NOT_FOUND, DENIED, … */
  error: string = "";
  errorClass: string = "";
  writes: Writes = new Writes();
  private all: Relation[] = [];

  constructor(private input: Json) {
    this.event = new Event(input.get("event"));
    const list = input.get("view").get("relations").list;
    for (let i = 0; i < list.length; i++) this.all.push(new Relation(this, list[i]));
  }

  view(section: string): Json { return this.input.get("view").get(section); }

  /** Makes the handler's failure: `return ctx.fail("no space")`. */
  fail(message: string): bool {
    this.error = message;
    this.errorClass = "";
    return false;
  }

  /** The unit's name, "web/0". */
  get unit(): string { return this.view("unit").get("name").str; }
  /** The application's name. */
  get app(): string { return this.unit.split("/")[0]; }
  /** The model's name. */
  get model(): string { return this.view("model").get("name").str; }
  /** Where other units reach this one, "" when it has no address yet. */
  get address(): string { return this.view("unit").get("private_address").str; }
  /** Whether the unit is being removed. */
  get dying(): bool {
    const life = this.view("unit").get("life").str;
    return life != "" && life != "alive";
  }

  /** A port from 20000 to 29999 for a unit that nobody gave one: the same in every event. When it is taken, try 1, 2, … give others. */
  stablePort(attempt: u32 = 0): u32 {
    const name = Uint8Array.wrap(String.UTF8.encode(this.view("model").get("uuid").str + " " + this.unit));
    let sum: u32 = 2166136261; // FNV-1a
    for (let i = 0; i < name.length; i++) sum = (sum ^ name[i]) * 16777619;
    return 20000 + (sum + attempt * 7919) % 10000;
  }

  /** One option's value: what was set, or the default. */
  config(option: string): Json { return this.view("config").get(option); }
  /** One of the action's parameters. */
  param(name: string): Json { return this.input.get("event").get("action_params").get(name); }
  /** What the substrate tells a charm: proxies and the like. */
  environment(name: string): string { return this.view("environment").get(name).str; }

  /** Whether the unit leads its application now: 1, 0, or -1 when the host could not say, which ctx.error then tells. */
  isLeader(): i32 {
    if (!this.view("leadership").get("leader").bool) return 0;
    const answer = call(this, host_is_leader, Writer.object());
    return answer ? <i32>answer.bool : -1;
  }

  /** Sets the unit's status when the hook has ended well. */
  setStatus(status: string, message: string = ""): void { this.writes.unitStatus = new StatusWrite(status, message); }
  /** Sets the application's status when the hook has ended well. The leader alone may. */
  setAppStatus(status: string, message: string = ""): void { this.writes.appStatus = new StatusWrite(status, message); }

  /** Sets the unit's status at once, for work that takes its time. */
  showStatus(status: string, message: string): bool {
    this.setStatus(status, message);
    const w = Writer.object();
    w.member("current", status);
    w.member("message", message);
    return call(this, host_status, w) != null;
  }

  /** Sets the workload's version as status shows it. */
  setVersion(version: string): void { this.writes.version = version; }
  /** Opens "80/tcp", "8000-8999/udp" or "icmp". */
  openPort(port: string): void { this.writes.opened.push(port); }
  /** Closes a port. */
  closePort(port: string): void { this.writes.closed.push(port); }

  /** One key of the charm's state, own writes included; "" when there is none. */
  state(key: string): string {
    if (this.writes.stateGone.has(key)) return "";
    return this.writes.stateSet.has(key) ? this.writes.stateSet.get(key) : this.view("charm_state").get(key).text;
  }

  /** Keeps a value for later events. */
  setState(key: string, value: string): void {
    this.writes.stateGone.delete(key);
    this.writes.stateSet.set(key, value);
  }

  /** Forgets a value. */
  deleteState(key: string): void {
    this.writes.stateSet.delete(key);
    this.writes.stateGone.add(key);
  }

  /** What the leader set for all units, own writes included. */
  leaderSettings(): Map<string, string> { return overlay(this.view("leader_settings").map, this.writes.leader); }
  /** Writes one of them; "" deletes. The leader alone may. */
  setLeaderSetting(key: string, value: string): void { this.writes.leader.set(key, value); }

  /** The relations of an endpoint by id. */
  relations(endpoint: string): Relation[] {
    const out: Relation[] = [];
    for (let i = 0; i < this.all.length; i++) if (this.all[i].endpoint == endpoint) out.push(this.all[i]);
    return out;
  }

  /** The event's relation. */
  relation(): Relation | null {
    for (let i = 0; i < this.all.length; i++) if (this.all[i].id == this.event.relationId) return this.all[i];
    return null;
  }

  /** One container of the charm. Whether it can be reached canConnect says. */
  container(name: string): Container { return new Container(this, name); }
  /** A secret by its URI, as it stands in a databag or in the configuration. */
  secret(id: string): Secret { return new Secret(this, id, ""); }
  /** A secret by its label. */
  secretByLabel(label: string): Secret { return new Secret(this, "", label); }
  /** Makes a secret when the hook has ended well. Its id is known at once. The application's is the leader's to make. */
  addSecret(spec: SecretSpec): Secret | null { return addSecret(this, spec); }

  /** The instances of one storage. */
  storage(name: string): Storage[] {
    const list = this.view("storage").list, out: Storage[] = [];
    for (let i = 0; i < list.length; i++) {
      const v = list[i];
      if (v.get("name").str == name) out.push(new Storage(v.get("id").str, name, v.get("kind").str, v.get("location").str));
    }
    return out;
  }

  /** A resource; an empty one when there is none. A file that was not fetched yet is fetched. */
  resource(name: string): Resource | null {
    const list = this.view("resources").list, out = new Resource();
    for (let i = 0; i < list.length; i++) {
      const v = list[i];
      if (v.get("name").str != name) continue;
      out.kind = v.get("type").str;
      out.path = v.get("path").str;
      out.image = v.get("image").map;
      if (out.path != "" || out.kind != "file") break;
      const w = Writer.object();
      w.member("name", name);
      const answer = call(this, host_resource, w);
      if (!answer) return null;
      out.path = answer.get("path").str;
    }
    return out;
  }

  /** What the model is heading for, as it is now. */
  goal(): Goal | null {
    const v = call(this, host_goal, Writer.object());
    return v ? new Goal(v) : null;
  }

  private action(): Action {
    if (!this.writes.action) this.writes.action = new Action();
    return this.writes.action as Action;
  }

  /** Adds to the action's results. Keys are dotted words in lower case. */
  setResult(key: string, value: string): void { this.action().results.set(key, value); }

  /** Marks the action as failed. */
  failAction(message: string): void {
    this.action().failed = true;
    this.action().message = message;
  }

  /** Adds a line to the action's log at once. */
  actionLog(message: string): bool {
    const w = Writer.object();
    w.member("message", message);
    return call(this, host_action_log, w) != null;
  }

  /** Writes to the unit's log at once: DEBUG, INFO, WARNING, ERROR. A log that cannot be written fails no hook. */
  log(level: string, message: string): void {
    const error = this.error, errorClass = this.errorClass, w = Writer.object();
    w.member("level", level);
    w.member("message", message);
    call(this, host_log, w);
    this.error = error;
    this.errorClass = errorClass;
  }

  changeset(): string { return changeset(this.writes, this.all); }
}
