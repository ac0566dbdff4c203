// What lies outside of the model, as far as the charm declares it under `permissions` and the user grants it. What was not granted
// is an error of class DENIED, what the unit's place does not have one of class UNSUPPORTED.

import { call, Enter } from "./host";
import { base64, Json, Writer } from "./json";
import { Context } from "./context";

// @ts-ignore: decorator
@external("charm/http@1", "request") declare function host_http(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/kube@1", "request") declare function host_kube(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/package@1", "ensure") declare function host_ensure(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/package@1", "remove") declare function host_remove(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/package@1", "info") declare function host_info(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "start") declare function host_start(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "stop") declare function host_stop(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "restart") declare function host_restart(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "reload") declare function host_reload(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "enable") declare function host_enable(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "disable") declare function host_disable(request: usize, n: usize, out: usize, cap: usize): i32;
// @ts-ignore: decorator
@external("charm/service@1", "status") declare function host_status(request: usize, n: usize, out: usize, cap: usize): i32;

/** HTTPOptions are what a request may have beside its method and its URL. */
export class HTTPOptions {
  headers: Map<string, string> = new Map<string, string>();
  body: string = "";
  /** 0 = the host's limit */
  timeoutMs: i32 = 0;
}

/** Response is what a server answered; every status is an answer. Several headers of one name are joined with ", ". */
export class Response {
  constructor(public status: i32, public headers: Map<string, string>, public body: string) {}
}

/** PackageState is what there is of a package of the unit's machine; changed: by this call. */
export class PackageState {
  constructor(public installed: bool, public version: string, public changed: bool) {}
}

/** ServiceState is how a service of the machine is, in systemd's words. */
export class ServiceState {
  constructor(public active: string, public enabled: string) {}
}

function response(v: Json | null): Response | null {
  if (!v) return null;
  const packed = v.get("body_base64");
  return new Response(<i32>v.get("status").int, v.get("headers").map, packed.exists ? base64(packed.str) : v.get("body").str);
}

/** Makes one HTTP request. */
export function http(ctx: Context, method: string, url: string, o: HTTPOptions = new HTTPOptions()): Response | null {
  const w = Writer.object();
  w.member("method", method);
  w.member("url", url);
  w.map("headers", o.headers);
  w.member("body", o.body);
  w.int("timeout_ms", o.timeoutMs);
  return response(call(ctx, host_http, w));
}

/** Makes one request to the Kubernetes API of the cluster that the unit is in: "/api/v1/namespaces/web/pods"; body: JSON, of PATCH a merge patch. */
export function kube(ctx: Context, method: string, path: string, query: string = "", body: string = "", contentType: string = ""): Response | null {
  const w = Writer.object();
  w.member("method", method);
  w.member("path", path);
  w.member("query", query);
  w.member("body", body);
  w.member("content_type", contentType);
  return response(call(ctx, host_kube, w));
}

/** Package is one package of a machine of the unit's own. */
export class Package {
  constructor(private ctx: Context, public name: string) {}
  /** Installs it unless it is there. */
  ensure(): PackageState | null { return this.ask(host_ensure); }
  /** Removes it if it is there. */
  remove(): PackageState | null { return this.ask(host_remove); }
  /** Looks at it. */
  info(): PackageState | null { return this.ask(host_info); }

  private ask(enter: Enter): PackageState | null {
    const w = Writer.object();
    w.member("name", this.name);
    const v = call(this.ctx, enter, w);
    return v ? new PackageState(v.get("installed").bool, v.get("version").str, v.get("changed").bool) : null;
  }
}

/** MachineService is one systemd unit of a machine of the unit's own; without a suffix it is a .service. Those of containers are Container's. */
export class MachineService {
  constructor(private ctx: Context, public name: string) {}
  start(): ServiceState | null { return this.ask(host_start); }
  stop(): ServiceState | null { return this.ask(host_stop); }
  restart(): ServiceState | null { return this.ask(host_restart); }
  reload(): ServiceState | null { return this.ask(host_reload); }
  enable(): ServiceState | null { return this.ask(host_enable); }
  disable(): ServiceState | null { return this.ask(host_disable); }
  status(): ServiceState | null { return this.ask(host_status); }

  private ask(enter: Enter): ServiceState | null {
    const w = Writer.object();
    w.member("name", this.name);
    const v = call(this.ctx, enter, w);
    return v ? new ServiceState(v.get("active").str, v.get("enabled").str) : null;
  }
}
