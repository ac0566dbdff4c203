import { Writer } from "./json";
import { Relation } from "./relation";

export class StatusWrite {
  constructor(public current: string, public message: string) {}
}

export class Action {
  results: Map<string, string> = new Map<string, string>();
  failed: bool = false;
  message: string = "";
}

/** The buffer of one event. */
export class Writes {
  unitStatus: StatusWrite | null = null;
  appStatus: StatusWrite | null = null;
  version: string | null = null;
  opened: string[] = [];
  closed: string[] = [];
  stateSet: Map<string, string> = new Map<string, string>();
  stateGone: Set<string> = new Set<string>();
  leader: Map<string, string> = new Map<string, string>();
  action: Action | null = null;
}

function writeStatus(w: Writer, name: string, s: StatusWrite | null): void {
  if (!s) return;
  w.name(name);
  w.open("{");
  w.member("current", s.current);
  w.member("message", s.message);
  w.close("}");
}

function writeBag(w: Writer, r: Relation, app: bool, opened: bool): bool {
  const set = app ? r.appWrites : r.unitWrites;
  if (set.size == 0) return opened;
  if (!opened) {
    w.name("bags");
    w.open("[");
  }
  w.open("{");
  w.int("relation_id", r.id);
  w.bool("app", app);
  w.map("set", set);
  w.close("}");
  return true;
}

/** Everything that was written, as the ABI's output. */
export function changeset(writes: Writes, relations: Relation[]): string {
  const w = Writer.object();
  writeStatus(w, "unit_status", writes.unitStatus);
  writeStatus(w, "app_status", writes.appStatus);
  const version = writes.version;
  if (version != null) {
    w.name("workload_version");
    w.string(version);
  }
  let opened = false;
  for (let i = 0; i < relations.length; i++) {
    opened = writeBag(w, relations[i], false, opened);
    opened = writeBag(w, relations[i], true, opened);
  }
  if (opened) w.close("]");
  w.strings("open_ports", writes.opened);
  w.strings("close_ports", writes.closed);
  w.map("state_set", writes.stateSet);
  w.strings("state_delete", writes.stateGone.values().sort());
  w.map("leader_settings", writes.leader);
  const action = writes.action;
  if (action) {
    w.name("action");
    w.open("{");
    w.map("results", action.results);
    w.bool("failed", action.failed);
    w.member("message", action.message);
    w.close("}");
  }
  w.close("}");
  return w.text;
}
