import { call } from "./host";
import { Json, Writer } from "./json";
import { Context } from "./context";

// @ts-ignore: decorator
@external("charm/bag@1", "get") declare function host_bag(request: usize, n: usize, out: usize, cap: usize): i32;

/** What is read of a map after own writes: set values win, empty ones delete. */
export function overlay(base: Map<string, string>, set: Map<string, string>): Map<string, string> {
  const keys = set.keys();
  for (let i = 0; i < keys.length; i++) {
    const value = set.get(keys[i]);
    if (value == "") base.delete(keys[i]);
    else base.set(keys[i], value);
  }
  return base;
}

/** Relation is one relation of the unit. */
export class Relation {
  unitWrites: Map<string, string> = new Map<string, string>();
  appWrites: Map<string, string> = new Map<string, string>();

  constructor(private ctx: Context, private v: Json) {}

  get id(): i32 { return <i32>this.v.get("id").int; }
  get endpoint(): string { return this.v.get("endpoint").str; }
  get remoteApp(): string { return this.v.get("remote_app").str; }
  /** Whether this is the relation's last hook. */
  get broken(): bool { return this.v.get("broken").bool; }

  /** The remote units (of a peer relation the other units) that the charm has been told of. */
  get units(): string[] {
    const members = this.v.get("members").list, out: string[] = [];
    for (let i = 0; i < members.length; i++) out.push(members[i].get("unit").str);
    return out;
  }

  /** The databag of a unit or an application, own writes included. null: the unit has no right to it, or the host could not fetch it. */
  read(owner: string): Map<string, string> | null {
    if (owner == this.ctx.unit) return overlay(this.v.get("local_unit").map, this.unitWrites);
    if (owner == this.ctx.app && this.v.get("local_app_readable").bool) return overlay(this.v.get("local_app").map, this.appWrites);
    const section = "bag/" + this.id.toString() + "/" + owner, later = this.ctx.view("on_demand").list;
    for (let i = 0; i < later.length; i++) if (later[i].str == section) return this.fetch(owner);
    if (owner == this.remoteApp) return this.v.get("remote_app_bag").map;
    const members = this.v.get("members").list.concat(this.v.get("departed").list);
    for (let i = 0; i < members.length; i++) if (members[i].get("unit").str == owner) return members[i].get("bag").map;
    return this.fetch(owner);
  }

  private fetch(owner: string): Map<string, string> | null {
    const w = Writer.object();
    w.int("relation_id", this.id);
    w.member("owner", owner);
    const answer = call(this.ctx, host_bag, w);
    return answer ? answer.map : null;
  }

  /** Writes one key of the unit's own databag; "" deletes it. */
  set(key: string, value: string): void { this.unitWrites.set(key, value); }
  /** Writes one key of the application's databag; "" deletes it. The leader alone may. */
  setApp(key: string, value: string): void { this.appWrites.set(key, value); }
}
