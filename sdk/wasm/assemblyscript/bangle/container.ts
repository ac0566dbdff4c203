import { call } from "./host";
import { base64, Json, parse, quote, Writer } from "./json";
import { Context } from "./context";

// @ts-ignore: decorator
@external("charm/supervisor@1", "request") declare function host_request(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/supervisor@1", "exec") declare function host_exec(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/supervisor@1", "push") declare function host_push(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/supervisor@1", "pull") declare function host_pull(request: usize, n: usize, out: usize, cap: usize): i32;

/** Service is one service of a layer. It replaces one of the same name. */
export class Service {
  summary: string = "";
  /** Not started by replan. */
  disabled: bool = false;
  environment: Map<string, string> = new Map<string, string>();
  /** restart (the default), shutdown, success-shutdown, ignore */
  onFailure: string = "";
  /** "5s" */
  killDelay: string = "";
  /** For the command see command(). */
  constructor(public name: string, public command: string) {}
}

/** Layer is what addLayer adds. */
export class Layer {
  summary: string = "";
  constructor(public services: Service[]) {}

  /** The layer as JSON, which is YAML. */
  get text(): string {
    const w = Writer.object();
    w.member("summary", this.summary);
    w.name("services");
    w.open("{");
    for (let i = 0; i < this.services.length; i++) {
      const s = this.services[i];
      w.name(s.name);
      w.open("{");
      w.member("override", "replace");
      w.member("summary", s.summary);
      w.member("command", s.command);
      if (!s.disabled) w.member("startup", "enabled");
      w.map("environment", s.environment);
      w.member("on-failure", s.onFailure);
      w.member("kill-delay", s.killDelay);
      w.close("}");
    }
    w.close("}");
    w.close("}");
    return w.text;
  }
}

/** PushOptions change how a file is written. */
export class PushOptions {
  makeDirs: bool = false;
  /** "0644" */
  permissions: string = "";
  user: string = "";
  group: string = "";
}

/** ExecOptions change how a command is run. */
export class ExecOptions {
  environment: Map<string, string> = new Map<string, string>();
  workingDir: string = "";
  stdin: string = "";
  /** 0 = the host's limit */
  timeoutMs: i32 = 0;
}

/** ExecResult is what a command left. A code that is not 0 is no error. */
export class ExecResult {
  constructor(public exitCode: i32, public stdout: string, public stderr: string) {}
}

function plain(word: string): bool {
  for (let i = 0; i < word.length; i++) {
    const c = word.charCodeAt(i) | 0, letter = (c | 32) >= 97 && (c | 32) <= 122, digit = c >= 48 && c <= 57;
    if (!letter && !digit && !"-_/.:=,".includes(word.charAt(i))) return false;
  }
  return word.length > 0;
}

/** Joins words into a service's command, quoting those that need it. */
export function command(words: string[]): string {
  const out: string[] = [];
  for (let i = 0; i < words.length; i++) out.push(plain(words[i]) ? words[i] : quote(words[i]));
  return out.join(" ");
}

/** Container is one container of the charm: its supervisor, reached by the host. */
export class Container {
  /** The status of the last request. */
  status: i32 = 0;

  constructor(private ctx: Context, public name: string) {}

  private begin(): Writer {
    const w = Writer.object();
    w.member("container", this.name);
    return w;
  }

  /** Makes one request to the supervisor's API; its body, null when the supervisor could not be reached. */
  request(method: string, path: string, query: string = "", body: string = ""): string | null {
    const w = this.begin();
    w.member("method", method);
    w.member("path", path);
    w.member("query", query);
    w.member("body", body);
    const v = call(this.ctx, host_request, w);
    if (!v) return null;
    this.status = <i32>v.get("status").int;
    return v.get("body").str;
  }

  /** Makes a request and opens the supervisor's envelope; an answer of type error is an error. */
  private api(method: string, path: string, query: string = "", body: string = ""): Json | null {
    const text = this.request(method, path, query, body);
    if (text == null) return null;
    const v = parse(text);
    if (!v) {
      this.ctx.fail("cannot read the supervisor's answer to " + method + " " + path + ": it is not JSON");
      return null;
    }
    if (v.get("type").str == "error") {
      this.ctx.fail(v.get("result").get("message").str);
      return null;
    }
    return v;
  }

  /** Whether the supervisor answers. */
  canConnect(): bool {
    const error = this.ctx.error, errorClass = this.ctx.errorClass;
    const answer = this.api("GET", "/v1/system-info");
    this.ctx.error = error;
    this.ctx.errorClass = errorClass;
    return answer != null;
  }

  /** Adds a layer to the plan, or merges it into the layer of that label. It starts nothing: replan does. */
  addLayer(label: string, layer: Layer): bool {
    const w = Writer.object();
    w.member("action", "add");
    w.bool("combine", true);
    w.member("label", label);
    w.member("format", "yaml");
    w.member("layer", layer.text);
    w.close("}");
    return this.api("POST", "/v1/layers", "", w.text) != null;
  }

  /** Restarts what differs from the plan and starts what is enabled, and waits for it. */
  replan(): bool { return this.services("replan", []); }
  /** Starts services and waits until they are up. */
  start(names: string[]): bool { return this.services("start", names); }
  /** Stops services and waits until they are gone. */
  stop(names: string[]): bool { return this.services("stop", names); }
  /** Stops and starts services. */
  restart(names: string[]): bool { return this.services("restart", names); }

  private services(action: string, names: string[]): bool {
    const w = Writer.object();
    w.member("action", action);
    w.strings("services", names);
    w.close("}");
    const answer = this.api("POST", "/v1/services", "", w.text);
    return answer != null && this.wait(answer.get("change").str);
  }

  /** Waits for a change; one that failed is an error with the supervisor's words. */
  private wait(change: string): bool {
    const answer = this.api("GET", "/v1/changes/" + change + "/wait", "timeout=60s");
    if (!answer) return false;
    let text = answer.get("result").get("err").str;
    if (text == "") return true;
    const cut = text.indexOf(":\n- ");
    if (cut >= 0 && text.indexOf("\n") > cut) text = text.substring(cut + 4); // the heading says nothing, and the first line is what status shows
    const tasks = answer.get("result").get("tasks").list;
    for (let i = 0; i < tasks.length; i++) {
      const lines = tasks[i].get("log").list;
      for (let k = 0; k < lines.length; k++) text += "\n" + lines[k].text;
    }
    return this.ctx.fail(text);
  }

  /** Whether a service runs: 1, 0, or -1 when the supervisor could not say, which ctx.error then tells. */
  running(service: string): i32 {
    const answer = this.api("GET", "/v1/services", "names=" + service);
    if (!answer) return -1;
    const list = answer.get("result").list;
    for (let i = 0; i < list.length; i++) if (list[i].get("name").str == service && list[i].get("current").str == "active") return 1;
    return 0;
  }

  /** Sends a signal, "SIGHUP", to running services. */
  signal(signal: string, names: string[]): bool {
    const w = Writer.object();
    w.member("signal", signal);
    w.strings("services", names);
    w.close("}");
    return this.api("POST", "/v1/signals", "", w.text) != null;
  }

  /** Writes a file whole; a reader sees the old one or the new one. */
  push(path: string, content: string, o: PushOptions = new PushOptions()): bool {
    const w = this.begin();
    w.member("path", path);
    w.member("content", content);
    w.bool("make_dirs", o.makeDirs);
    w.member("permissions", o.permissions);
    w.member("user", o.user);
    w.member("group", o.group);
    return call(this.ctx, host_push, w) != null;
  }

  /** Reads a file whole. */
  pull(path: string): string | null {
    const w = this.begin();
    w.member("path", path);
    const v = call(this.ctx, host_pull, w);
    if (!v) return null;
    const packed = v.get("content_base64");
    return packed.exists ? base64(packed.str) : v.get("content").str;
  }

  /** Runs a command in the container and waits for it. */
  exec(words: string[], o: ExecOptions = new ExecOptions()): ExecResult | null {
    const w = this.begin();
    w.strings("command", words);
    w.map("environment", o.environment);
    w.member("working_dir", o.workingDir);
    w.member("stdin", o.stdin);
    w.int("timeout_ms", o.timeoutMs);
    const v = call(this.ctx, host_exec, w);
    return v ? new ExecResult(<i32>v.get("exit_code").int, v.get("stdout").str, v.get("stderr").str) : null;
  }
}
