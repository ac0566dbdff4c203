/**
 * The guest library for charms written in AssemblyScript and run as WASM; ../README.md shows a whole charm.
 *
 * What asks the host answers null or false when the host answered with an error, which ctx.error then says:
 * `if (!web.replan()) return false;`. Memory is scratch: what must last belongs into ctx.setState.
 */
export { charm, Charm, Handler } from "./charm";
export { ACTIVE, BLOCKED, Context, Event, Goal, MAINTENANCE, Resource, Storage, WAITING } from "./context";
export { command, Container, ExecOptions, ExecResult, Layer, PushOptions, Service } from "./container";
export { Json, parse, quote } from "./json";
export { http, HTTPOptions, kube, MachineService, Package, PackageState, Response, ServiceState } from "./outside";
export { Relation } from "./relation";
export { Secret, SecretInfo, SecretSpec } from "./secret";
