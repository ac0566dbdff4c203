// Types of the guest library for charms in JavaScript; bangle.js says what they do.

export const Active: "active", Blocked: "blocked", Maintenance: "maintenance", Waiting: "waiting";
export type Status = "active" | "blocked" | "maintenance" | "waiting";
export type Handler = (ctx: Context) => void | Promise<void>;
export type Bag = Record<string, string>;

/** What the host answered instead of doing what it was asked: class is NOT_FOUND, DENIED, INVALID, UNAVAILABLE, … */
export class CallError extends Error {
	constructor(kind: string, message: string);
	class: string;
}

/** A set of handlers. The script makes one and has it as its default export. */
export class Charm {
	/** Handles the hook of that name: "config-changed", "web-pebble-ready", "db-relation-joined", … A second handler runs after the first. */
	on(hook: string, handler: Handler): this;
	/** Handles an action. An error fails the action with its message, not the unit. */
	onAction(name: string, handler: Handler): this;
	/** Handles every hook that has no handler of its own. */
	onOther(handler: Handler): this;
}

/** What happened. Only the members of its kind are there. */
export interface Event {
	readonly id: string;
	readonly kind: string;
	readonly name: string;
	readonly relation_id?: number;
	readonly endpoint?: string;
	readonly remote_app?: string;
	readonly remote_unit?: string;
	readonly departing_unit?: string;
	readonly container?: string;
	readonly notice_id?: string;
	readonly notice_type?: string;
	readonly notice_key?: string;
	readonly check_name?: string;
	readonly storage_id?: string;
	readonly secret_id?: string;
	readonly secret_label?: string;
	readonly secret_revision?: number;
	readonly task_id?: string;
	readonly attempt?: number;
}

/** One event's world: what the charm may read, and the buffer of what it writes. */
export interface Context {
	readonly event: Event;
	readonly config: Record<string, string | number | boolean>;
	readonly params: Record<string, any>;
	readonly unit: string;
	readonly app: string;
	readonly model: string;
	/** Where other units reach this one, "" when it has no address yet. */
	readonly address: string;
	readonly dying: boolean;
	/** What was open when the event began. */
	readonly ports: string[];
	readonly environment: Record<string, string>;
	/** A port from 20000 to 29999, the same in every event of a unit; attempts 1, 2, … give others. */
	stablePort(attempt?: number): number;
	isLeader(): boolean;
	setStatus(current: Status, message?: string): void;
	/** The leader alone may. */
	setAppStatus(current: Status, message?: string): void;
	/** Sets the status at once, for work that takes its time. */
	showStatus(current: Status, message?: string): void;
	setVersion(version: string): void;
	openPort(port: string): void;
	closePort(port: string): void;
	/** The charm's state, the handler's own writes included; "" when there is none. */
	state(key: string): string;
	allState(): Record<string, string>;
	setState(key: string, value: string | number | boolean): void;
	deleteState(key: string): void;
	leaderSettings(): Record<string, string>;
	setLeaderSetting(key: string, value: string): void;
	resource(name: string): { name: string; type: string; path: string; image: Record<string, string> } | undefined;
	storage(name: string): { id: string; name: string; kind: string; location: string }[];
	addStorage(name: string, count?: number): void;
	network(binding: string): any;
	relations(endpoint?: string): Relation[];
	/** The event's relation. */
	readonly relation: Relation | undefined;
	goal(): { units: Record<string, GoalStatus>; relations: Record<string, Record<string, GoalStatus>> };
	container(name: string): Container;
	/** A request to an origin that the charm declares under permissions and the user granted. Bytes that are no UTF-8 come as Latin-1. */
	http(method: string, url: string, options?: { headers?: Record<string, string>; body?: string; timeoutMs?: number }): { status: number; headers: Record<string, string>; body: string };
	/** A request to the API of the cluster that the unit is in; UNSUPPORTED elsewhere. */
	kube(method: string, path: string, options?: { query?: string; body?: string | object; contentType?: string }): { status: number; body: string };
	/** A package of the unit's own machine; UNSUPPORTED where it has none. */
	package(name: string): Record<"ensure" | "remove" | "info", () => { installed: boolean; version?: string; changed?: boolean }>;
	/** A systemd unit of the unit's own machine; UNSUPPORTED where it has none. */
	service(name: string): Record<"start" | "stop" | "restart" | "reload" | "enable" | "disable" | "status", () => { active: string; enabled?: string }>;
	secret(id: string): Secret;
	secretByLabel(label: string): Secret;
	/** Makes a secret when the hook has ended well; its id is known at once. */
	addSecret(spec: SecretSpec & { unit?: boolean }): Secret;
	setResult(key: string, value: string | number | boolean): void;
	fail(message: string): void;
	actionLog(message: string): void;
	debug(message: string): void;
	info(message: string): void;
	warn(message: string): void;
	error(message: string): void;
	/** One call of the ABI (sdk/wasm/abi.md). */
	call(name: string, request: object): any;
}

export interface GoalStatus { status: string; since: string }

export interface Relation {
	readonly id: number;
	readonly endpoint: string;
	readonly remoteApp: string;
	readonly units: string[];
	/** Whether this is the relation's last hook. */
	readonly broken: boolean;
	/** The databag of a unit or an application; own bags hold the handler's own writes. */
	read(owner: string): Bag;
	/** Writes one key of the unit's own databag; "" deletes it. */
	set(key: string, value: string | number | boolean): void;
	/** Writes one key of the application's databag; "" deletes it. The leader alone may. */
	setApp(key: string, value: string | number | boolean): void;
}

export interface Service {
	summary?: string;
	command: string | (string | number)[];
	startup?: "enabled" | "disabled";
	override?: "replace" | "merge";
	environment?: Record<string, string | number>;
	[option: string]: unknown;
}

export interface Container {
	readonly name: string;
	readonly root: string;
	readonly socket: string;
	canConnect(): boolean;
	request(method: string, path: string, query?: string, body?: string): { status: number; body: string };
	api(method: string, path: string, query?: string, body?: unknown): any;
	addLayer(label: string, layer: { summary?: string; services?: Record<string, Service>; [section: string]: unknown }): void;
	/** Restarts what differs from the plan and starts what is enabled, and waits for it. */
	replan(): void;
	start(...names: string[]): void;
	stop(...names: string[]): void;
	restart(...names: string[]): void;
	services(...names: string[]): { name: string; startup: string; current: string; running: boolean }[];
	sendSignal(signal: string, ...services: string[]): void;
	push(path: string, content: string, options?: { makeDirs?: boolean; permissions?: string; user?: string; group?: string }): void;
	pull(path: string): string;
	exec(words: string[], options?: { environment?: Record<string, string>; workingDir?: string; stdin?: string; user?: string; group?: string; timeoutMs?: number }):
		{ exitCode: number; stdout: string; stderr: string };
}

export interface SecretSpec {
	content?: Bag;
	label?: string;
	description?: string;
	rotate?: "never" | "hourly" | "daily" | "weekly" | "monthly" | "quarterly" | "yearly";
	/** RFC 3339, or a duration: "48h". */
	expire?: string;
}

export interface Secret {
	id: string;
	readonly label: string;
	/** The revision that the unit tracks: the newest at the first time, and the same until refresh. */
	content(): Bag;
	peek(): Bag;
	refresh(): Bag;
	info(): { id: string; owner: string; label: string; description: string; rotation: string; rotates: string; expiry: string; revision: number };
	set(content: Bag): void;
	update(spec: SecretSpec): void;
	grant(relation: Relation, unit?: string): void;
	revoke(relation: Relation): void;
	revokeFrom(target: string): void;
	remove(revision?: number): void;
}

/** Joins words into a service's command, quoting those that need it. */
export function command(...words: (string | number)[]): string;
