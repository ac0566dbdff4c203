import { call, Enter } from "./host";
import { base64, Json, Writer } from "./json";
import { Context } from "./context";
import { Relation } from "./relation";

// @ts-ignore: decorator
@external("charm/secret@1", "get") declare function host_get(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "info") declare function host_info(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "add") declare function host_add(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "set") declare function host_set(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "grant") declare function host_grant(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "revoke") declare function host_revoke(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/secret@1", "remove") declare function host_remove(request: usize, n: usize, out: usize, cap: usize): i32;

/**
 * SecretSpec says what a secret is; empty fields are left out, which in update means unchanged. Keys of the content have three
 * or more lower-case letters, digits and hyphens.
 */
export class SecretSpec {
  content: Map<string, string> = new Map<string, string>();
  label: string = "";
  description: string = "";
  /** never, hourly, daily, weekly, monthly, quarterly, yearly */
  rotate: string = "";
  /** RFC 3339, or a duration from now: "48h" */
  expire: string = "";
  /** The unit's own, not the application's; for a new one. */
  unit: bool = false;

  write(w: Writer): void {
    w.member("label", this.label);
    w.member("description", this.description);
    w.member("rotate", this.rotate);
    w.member("expire", this.expire);
    w.map("content", this.content);
  }
}

/** SecretInfo is what is known of an owned secret without reading it. */
export class SecretInfo {
  constructor(private v: Json) {}
  get id(): string { return this.v.get("id").str; }
  get owner(): string { return this.v.get("owner").str; }
  get label(): string { return this.v.get("label").str; }
  get description(): string { return this.v.get("description").str; }
  get rotation(): string { return this.v.get("rotation").str; }
  get rotates(): string { return this.v.get("rotates").str; }
  get expiry(): string { return this.v.get("expiry").str; }
  get revision(): i32 { return <i32>this.v.get("revision").int; }
}

export function addSecret(ctx: Context, spec: SecretSpec): Secret | null {
  const w = Writer.object();
  w.bool("unit", spec.unit);
  spec.write(w);
  const answer = call(ctx, host_add, w);
  return answer ? new Secret(ctx, answer.get("id").str, spec.label) : null;
}

/** Secret is one secret: known by its URI, "secret:…", or by the label that its owner or the unit gave it. */
export class Secret {
  constructor(private ctx: Context, public id: string, public label: string) {}

  /** Reads the revision that the unit tracks: the newest at the first time, and the same until refresh. */
  content(): Map<string, string> | null { return this.read(""); }
  /** Reads the newest revision this once. */
  peek(): Map<string, string> | null { return this.read("peek"); }
  /** Reads the newest revision, which is tracked from then on. */
  refresh(): Map<string, string> | null { return this.read("refresh"); }

  /** Begins a request with what the secret is known by. */
  private name(): Writer {
    const w = Writer.object();
    if (this.id != "") w.member("id", this.id);
    else w.member("label", this.label);
    return w;
  }

  private read(how: string): Map<string, string> | null {
    const w = this.name();
    if (how != "") w.bool(how, true);
    const answer = call(this.ctx, host_get, w);
    if (!answer) return null;
    const content = answer.get("content").map, raw = answer.get("content_base64");
    for (let i = 0; i < raw.names.length; i++) content.set(raw.names[i], base64(raw.list[i].str));
    return content;
  }

  /** What is known of an owned secret. */
  info(): SecretInfo | null {
    const v = call(this.ctx, host_info, this.name());
    return v ? new SecretInfo(v) : null;
  }

  /** Begins a request that changes an owned secret; one that is known by its label is looked up. */
  private owned(): Writer | null {
    if (this.id == "") {
      const info = this.info();
      if (!info) return null;
      this.id = "secret:" + info.id;
    }
    return this.name();
  }

  private change(enter: Enter, w: Writer): bool { return call(this.ctx, enter, w) != null; }

  /** Gives an owned secret new content. What it holds already makes no revision. */
  set(content: Map<string, string>): bool {
    const spec = new SecretSpec();
    spec.content = content;
    return this.update(spec);
  }

  /** Changes an owned secret. */
  update(spec: SecretSpec): bool {
    const w = this.owned();
    if (!w) return false;
    spec.write(w);
    return this.change(host_set, w);
  }

  /** Lets the other side of a relation read an owned secret, or one unit of it. */
  grant(r: Relation, unit: string = ""): bool {
    const w = this.owned();
    if (!w) return false;
    w.int("relation_id", r.id);
    w.member("unit", unit);
    return this.change(host_grant, w);
  }

  /** Takes back what grant gave. */
  revoke(r: Relation): bool {
    const w = this.owned();
    if (!w) return false;
    w.int("relation_id", r.id);
    return this.change(host_revoke, w);
  }

  /** Takes every grant of an application, "pg", or of a unit, "pg/0", back. */
  revokeFrom(target: string): bool {
    const w = this.owned();
    if (!w) return false;
    w.member(target.includes("/") ? "unit" : "app", target);
    return this.change(host_revoke, w);
  }

  /** Removes an owned secret, or one of its revisions. */
  remove(revision: i32 = 0): bool {
    const w = this.owned();
    if (!w) return false;
    w.int("revision", revision);
    return this.change(host_remove, w);
  }
}
