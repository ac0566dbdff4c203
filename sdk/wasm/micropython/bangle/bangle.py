"""The guest library for charms written in Python, run by MicroPython. A charm is one file, charm.py:

    from bangle import Charm, ACTIVE

    charm = Charm()

    @charm.on("config-changed", "web-pebble-ready")
    def configure(ctx):
        ctx.container("web").replan()
        ctx.set_status(ACTIVE)

A handler reads the view that came with the event and writes into a buffer; what it wrote is applied in one transaction
when it has returned, and dropped when it raised. The exception's message is shown in status. Memory is scratch: the next
event sees it as it was after the script was evaluated, so what must last belongs into ctx.set_state.

On python3 the same file runs natively; charmtest.py has the harness for that.
"""

import binascii
import io
import json
import sys
from collections import OrderedDict

_loads, _dumps = json.loads, json.dumps  # under the WASM host long texts take another way, see _start

ACTIVE, BLOCKED, MAINTENANCE, WAITING = "active", "blocked", "maintenance", "waiting"


class CharmError(Exception):
    """What a charm raises to fail a hook with its message alone."""


class CallError(CharmError):
    """What the host answered instead of doing what it was asked: kind is NOT_FOUND, DENIED, INVALID, UNAVAILABLE, …"""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __str__(self):
        return self.message


class Charm:
    """A set of handlers. The script makes one and calls it charm."""

    def __init__(self):
        self._hooks = {}
        self._actions = {}
        self._other = []

    def on(self, *hooks):
        """Decorate the handler of hooks: "config-changed", "web-pebble-ready", "db-relation-changed", …"""
        return self._add(self._hooks, hooks)

    def action(self, *names):
        """Decorate the handler of actions. An exception fails the action, not the unit."""
        return self._add(self._actions, names)

    def other(self, handler):
        """Decorate the handler of every hook that has none of its own."""
        self._other.append(handler)
        return handler

    def _add(self, handlers, names):
        for name in names:
            if not isinstance(name, str):
                raise TypeError("the name of a hook or action must be a text: @charm.on(\"config-changed\")")

        def decorate(handler):
            for name in names:
                handlers.setdefault(name, []).append(handler)
            return handler

        return decorate

    def dispatch(self, given, host):
        """Run one event and return its output, None when there is no handler; host answers calls."""
        ctx = Context(given, host)
        event = ctx.event
        if event.kind == "action":
            handlers = self._actions.get(event.name)
        else:
            handlers = self._hooks.get(event.name, self._other)
        if not handlers:
            return None
        try:
            for handler in handlers:
                if hasattr(handler(ctx), "send"):
                    raise TypeError("a handler must be a plain function, neither async nor a generator")
        except Exception as err:
            if event.kind != "action":
                raise
            text = describe(err)
            if not _meant(err):
                ctx.error(text)
            ctx.fail(text.split("\n")[0])
        return ctx._changeset()


class Event:
    """What happened. Attributes that do not belong to its kind are empty."""

    _texts = ("id", "kind", "name", "endpoint", "remote_app", "remote_unit", "departing_unit", "container", "notice_id",
              "notice_type", "notice_key", "check_name", "storage_id", "secret_id", "secret_label", "task_id")
    _numbers = ("relation_id", "secret_revision", "attempt")

    def __init__(self, given):
        for name in self._texts:
            setattr(self, name, given.get(name, ""))
        for name in self._numbers:
            setattr(self, name, given.get(name, 0))


class Context:
    """One event's world: what the charm may read, and the buffer of what it writes."""

    def __init__(self, given, host):
        event = given.get("event", {})
        self.event = Event(event)
        self.params = event.get("action_params", {})
        self.view = given.get("view", {})
        self.config = self.view.get("config", {})
        self._host = host
        self._relations = None
        self._out = {}
        self._state = {}

    @property
    def unit(self):
        return self.view.get("unit", {}).get("name", "")

    @property
    def app(self):
        return self.unit.split("/")[0]

    @property
    def model(self):
        return self.view.get("model", {}).get("name", "")

    @property
    def address(self):
        return self.view.get("unit", {}).get("private_address", "")

    @property
    def dying(self):
        return self.view.get("unit", {}).get("life", "") not in ("", "alive")

    @property
    def ports(self):
        return list(self.view.get("ports", []))

    @property
    def environment(self):
        return dict(self.view.get("environment", {}))

    def stable_port(self, attempt=0):
        """A port from 20000 to 29999, the same in every event of a unit; attempts 1, 2, … give others."""
        total = 2166136261  # FNV-1a
        for c in (self.view.get("model", {}).get("uuid", "") + " " + self.unit).encode():
            total = ((total ^ c) * 16777619) & 0xFFFFFFFF
        return 20000 + ((total + attempt * 7919) & 0xFFFFFFFF) % 10000

    def is_leader(self):
        if not self.view.get("leadership", {}).get("leader"):
            return False
        return self.call("charm/leader@1.is_leader") is True

    def set_status(self, current, message=""):
        self._out["unit_status"] = _status(current, message)

    def set_app_status(self, current, message=""):
        self._out["app_status"] = _status(current, message)

    def show_status(self, current, message=""):
        """Set the status at once, for work that takes its time."""
        self.set_status(current, message)
        self.call("charm/status@1.set", current=current, message=message or None)

    def set_version(self, version):
        self._out["workload_version"] = str(version)

    def open_port(self, port):
        self._out.setdefault("open_ports", []).append(str(port))

    def close_port(self, port):
        self._out.setdefault("close_ports", []).append(str(port))

    def state(self, key):
        if key in self._state:
            return self._state[key] or ""
        return self.view.get("charm_state", {}).get(key, "")

    def all_state(self):
        return _overlay(self.view.get("charm_state", {}), self._state, None)

    def set_state(self, key, value):
        self._state[key] = str(value)

    def delete_state(self, key):
        self._state[key] = None

    def leader_settings(self):
        return _overlay(self.view.get("leader_settings", {}), self._out.get("leader_settings", {}), "")

    def set_leader_setting(self, key, value):
        self._out.setdefault("leader_settings", {})[key] = str(value)

    def resource(self, name):
        """A resource as {"name", "type", "path", "image"}, None when there is none."""
        for r in self.view.get("resources", []):
            if r.get("name") == name:
                found = {"name": name, "type": r.get("type", ""), "path": r.get("path", ""), "image": r.get("image", {})}
                if not found["path"] and found["type"] == "file":
                    found["path"] = (self.call("charm/resource@1.get", name=name) or {}).get("path", "")
                return found
        return None

    def storage(self, name):
        return [{"id": s.get("id", ""), "name": name, "kind": s.get("kind", ""), "location": s.get("location", "")}
                for s in self.view.get("storage", []) if s.get("name") == name]

    def add_storage(self, name, count=1):
        self._out.setdefault("storage_add", []).append({"name": name, "count": count})

    def network(self, binding):
        return self.call("charm/network@1.get", binding=binding)

    def relations(self, endpoint=None):
        if self._relations is None:
            self._relations = [Relation(self, r) for r in self.view.get("relations", [])]
        return [r for r in self._relations if endpoint is None or r.endpoint == endpoint]

    @property
    def relation(self):
        """The event's relation, None when it has none."""
        for r in self.relations():
            if r.id == self.event.relation_id:
                return r
        return None

    def goal(self):
        goal = self.call("charm/goal@1.get") or {}
        return {"units": goal.get("units", {}), "relations": goal.get("relations", {})}

    def container(self, name):
        return Container(self, name)

    def http(self, method, url, headers=None, body=None, timeout_ms=None):
        """Make a request to an origin that was granted and return {"status", "headers", "body"}; every status is an answer."""
        answer = self.call("charm/http@1.request", method=method, url=url, headers=headers, body=body, timeout_ms=timeout_ms) or {}
        text = answer.get("body", "")
        if "body_base64" in answer:
            text = binascii.a2b_base64(answer["body_base64"].encode())
        return {"status": answer.get("status", 0), "headers": answer.get("headers", {}), "body": text}

    def kube(self, method, path, query=None, body=None, content_type=None):
        """Make a request to the API of the cluster that the unit is in and return {"status", "body"}."""
        answer = self.call("charm/kube@1.request", method=method, path=path, query=query, body=body, content_type=content_type) or {}
        return {"status": answer.get("status", 0), "body": answer.get("body", "")}

    def package(self, action, name):
        """Do ensure, remove or info with a package of the unit's machine; what is returned is its state afterwards."""
        return self.call("charm/package@1." + action, name=name)

    def service(self, action, name):
        """Do start, stop, restart, reload, enable, disable or status with a service of the unit's machine."""
        return self.call("charm/service@1." + action, name=name)

    def secret(self, id):
        return Secret(self, id, "")

    def secret_by_label(self, label):
        return Secret(self, "", label)

    def add_secret(self, content, label="", description=None, rotate=None, expire=None, unit=False):
        answer = self.call("charm/secret@1.add", unit=unit or None, label=label or None, description=description, rotate=rotate,
                           expire=expire, **_content(content))
        return Secret(self, answer["id"], label)

    def set_result(self, key, value):
        self._out.setdefault("action", {}).setdefault("results", {})[key] = str(value)

    def fail(self, message):
        self._out.setdefault("action", {}).update({"failed": True, "message": str(message)})

    def action_log(self, message):
        self.call("charm/action@1.log", message=str(message))

    def debug(self, message):
        self._log("DEBUG", message)

    def info(self, message):
        self._log("INFO", message)

    def warn(self, message):
        self._log("WARNING", message)

    def error(self, message):
        self._log("ERROR", message)

    def _log(self, level, message):
        try:
            self.call("charm/log@1.log", level=level, message=str(message))
        except CallError:
            pass  # a log that cannot be written fails no hook

    def call(self, function, **request):
        """Make one call of the ABI and return its value; members that are None are left out. An error is raised."""
        answer = self._host(function, _dumps({k: v for k, v in request.items() if v is not None}))
        if not answer:
            return None
        value = _loads(answer)
        if "error" in value:
            raise CallError(value["error"].get("class", ""), value["error"].get("message", ""))
        return value.get("ok")

    def _changeset(self):
        out = dict(self._out)
        bags = [bag for r in self.relations() for bag in r._written()]
        if bags:
            out["bags"] = bags
        kept = {k: v for k, v in self._state.items() if v is not None}
        gone = sorted([k for k, v in self._state.items() if v is None])
        if kept:
            out["state_set"] = kept
        if gone:
            out["state_delete"] = gone
        return out


class Relation:
    """One relation of the unit."""

    def __init__(self, ctx, view):
        self._ctx = ctx
        self._view = view
        self._unit = {}
        self._app = {}
        self.id = view.get("id", 0)
        self.endpoint = view.get("endpoint", "")
        self.remote_app = view.get("remote_app", "")

    @property
    def units(self):
        return [m.get("unit", "") for m in self._view.get("members", [])]

    @property
    def broken(self):
        return self._view.get("broken", False)

    def read(self, owner):
        """The databag of a unit or an application; own bags hold the handler's own writes."""
        view = self._view
        if owner == self._ctx.unit:
            return _overlay(view.get("local_unit", {}), self._unit, "")
        if owner == self._ctx.app and view.get("local_app_readable"):
            return _overlay(view.get("local_app", {}), self._app, "")
        if "bag/%d/%s" % (self.id, owner) in self._ctx.view.get("on_demand", []):
            return self._fetch(owner)
        if owner == self.remote_app:
            return dict(view.get("remote_app_bag", {}))
        for member in view.get("members", []) + view.get("departed", []):
            if member.get("unit") == owner:
                return dict(member.get("bag", {}))
        return self._fetch(owner)

    def _fetch(self, owner):
        return self._ctx.call("charm/bag@1.get", relation_id=self.id, owner=owner, app=("/" not in owner) or None) or {}

    def set(self, key, value):
        """Write one key of the unit's own databag; "" deletes it."""
        self._unit[key] = str(value)

    def set_app(self, key, value):
        """Write one key of the application's databag; "" deletes it. The leader alone may."""
        self._app[key] = str(value)

    def _written(self):
        bags = []
        if self._unit:
            bags.append({"relation_id": self.id, "set": self._unit})
        if self._app:
            bags.append({"relation_id": self.id, "app": True, "set": self._app})
        return bags


class Container:
    """One container of the charm: its supervisor, reached by the host."""

    def __init__(self, ctx, name):
        self._ctx = ctx
        self.name = name

    @property
    def root(self):
        return self._field("root")

    @property
    def socket(self):
        return self._field("socket")

    def _field(self, name):
        for c in self._ctx.view.get("containers", []):
            if c.get("name") == self.name:
                return c.get(name, "")
        return ""

    def request(self, method, path, query="", body=""):
        """Make one request to the supervisor's API and return (status, body)."""
        answer = self._ctx.call("charm/supervisor@1.request", container=self.name, method=method, path=path,
                                query=query or None, body=body or None) or {}
        return answer.get("status", 0), answer.get("body", "")

    def api(self, method, path, query="", body=None):
        """Make a request and open the supervisor's envelope; an answer of type error is raised."""
        _, text = self.request(method, path, query, "" if body is None else _json(body))
        envelope = json.loads(text)
        if envelope.get("type") == "error":
            raise CallError("INVALID", (envelope.get("result") or {}).get("message", "the supervisor refused"))
        return envelope

    def can_connect(self):
        try:
            self.api("GET", "/v1/system-info")
            return True
        except (CallError, ValueError):
            return False

    def add_layer(self, label, services, summary=""):
        """Add services to the plan, by name, as layers write them; command may be a list. replan starts them."""
        layer = [("summary", summary)] if summary else []
        layer.append(("services", OrderedDict([(name, _service(services[name])) for name in sorted(services)])))
        self.api("POST", "/v1/layers", body=OrderedDict([
            ("action", "add"), ("combine", True), ("label", label), ("format", "yaml"), ("layer", _json(OrderedDict(layer)))]))

    def replan(self):
        """Restart what differs from the plan and start what is enabled, and wait for it."""
        self._services("replan")

    def start(self, *names):
        self._services("start", names)

    def stop(self, *names):
        self._services("stop", names)

    def restart(self, *names):
        self._services("restart", names)

    def _services(self, action, names=None):
        body = [("action", action)]
        if names is not None:
            body.append(("services", list(names)))
        change = self.api("POST", "/v1/services", body=OrderedDict(body)).get("change", "")
        result = self.api("GET", "/v1/changes/" + change + "/wait", "timeout=60s").get("result") or {}
        text = result.get("err", "")
        if not text:
            return
        head, found, rest = text.partition(":\n- ")
        if found and "\n" not in head:
            text = rest  # the heading says nothing, and the first line is what status shows
        for task in result.get("tasks") or []:
            for line in task.get("log") or []:
                text += "\n" + line
        raise CallError("INVALID", text)

    def services(self, *names):
        """List services as {"name", "startup", "current", "running"}; no names = all."""
        answer = self.api("GET", "/v1/services", "&".join(["names=" + n for n in names]))
        return [{"name": s["name"], "startup": s.get("startup", ""), "current": s.get("current", ""),
                 "running": s.get("current") == "active"} for s in answer.get("result") or []]

    def send_signal(self, signal, *names):
        self.api("POST", "/v1/signals", body=OrderedDict([("signal", signal), ("services", list(names))]))

    def push(self, path, content, make_dirs=False, permissions=None, user=None, group=None):
        """Write a file whole: content is str or bytes."""
        request = {"content": content or None}
        if isinstance(content, bytes):
            request = {"content_base64": _encode64(content)}
        self._ctx.call("charm/supervisor@1.push", container=self.name, path=path, make_dirs=make_dirs or None, permissions=permissions,
                       user=user, group=group, **request)

    def pull(self, path):
        """Read a file whole: str, or bytes when it is no UTF-8."""
        answer = self._ctx.call("charm/supervisor@1.pull", container=self.name, path=path) or {}
        if "content_base64" in answer:
            return binascii.a2b_base64(answer["content_base64"].encode())
        return answer.get("content", "")

    def exec(self, words, environment=None, working_dir=None, stdin=None, user=None, group=None, timeout_ms=None):
        """Run a command and return {"exit_code", "stdout", "stderr"}; a code that is not 0 is not raised."""
        answer = self._ctx.call("charm/supervisor@1.exec", container=self.name, command=list(words), environment=environment,
                                working_dir=working_dir, stdin=stdin, user=user, group=group, timeout_ms=timeout_ms) or {}
        return {"exit_code": answer.get("exit_code", 0), "stdout": answer.get("stdout", ""), "stderr": answer.get("stderr", "")}


class Secret:
    """One secret: known by its URI, or by the label that its owner or the unit gave it."""

    def __init__(self, ctx, id, label):
        self._ctx = ctx
        self.id = id
        self.label = label

    def content(self):
        """Read the revision that the unit tracks: the newest at the first time, and the same until refresh."""
        return self._read()

    def peek(self):
        return self._read(peek=True)

    def refresh(self):
        return self._read(refresh=True)

    def _name(self):
        return {"id": self.id} if self.id else {"label": self.label}

    def _read(self, **how):
        how.update(self._name())
        answer = self._ctx.call("charm/secret@1.get", **how) or {}
        content = dict(answer.get("content", {}))
        for key, value in answer.get("content_base64", {}).items():
            raw = binascii.a2b_base64(value.encode())
            try:
                content[key] = raw.decode()
            except (UnicodeError, ValueError):
                content[key] = raw
        return content

    def info(self):
        return self._ctx.call("charm/secret@1.info", **self._name())

    def _write(self, function, **request):
        if not self.id:
            id = self.info()["id"]
            self.id = id if id.startswith("secret:") else "secret:" + id
        self._ctx.call("charm/secret@1." + function, id=self.id, **request)

    def set(self, content):
        """Give an owned secret new content. What it holds already makes no revision."""
        self._write("set", **_content(content))

    def update(self, content=None, label=None, description=None, rotate=None, expire=None):
        self._write("set", label=label, description=description, rotate=rotate, expire=expire, **_content(content or {}))

    def grant(self, relation, unit=None):
        """Let the other side of a relation, or one unit of it, read an owned secret."""
        self._write("grant", relation_id=relation.id, unit=unit)

    def revoke(self, relation):
        self._write("revoke", relation_id=relation.id)

    def revoke_from(self, target):
        if "/" in target:
            self._write("revoke", unit=target)
        else:
            self._write("revoke", app=target)

    def remove(self, revision=None):
        self._write("remove", revision=revision)


def _json(value):
    """JSON without spaces and with letters as they are, on either Python."""
    if hasattr(sys, "print_exception"):
        return json.dumps(value, separators=(",", ":"))
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _service(given):
    rest = dict(given)
    words = rest.pop("command", None)
    environment = rest.pop("environment", {})
    out = OrderedDict([("override", rest.pop("override", "replace"))])
    if rest.get("summary"):
        out["summary"] = rest.pop("summary")
    if words:
        out["command"] = words if isinstance(words, str) else command(*words)
    out["startup"] = rest.pop("startup", "enabled")
    if environment:
        out["environment"] = OrderedDict([(name, str(environment[name])) for name in sorted(environment)])
    for name in sorted(rest):
        out[name] = rest[name]
    return out


def command(*words):
    """Join words into a service's command, quoting those that need it."""
    return " ".join([_quoted(str(word)) for word in words])


_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.:=,"


def _quoted(word):
    for c in word:
        if c not in _PLAIN:
            return json.dumps(word)
    return word or '""'


def _status(current, message):
    return {"current": current, "message": message} if message else {"current": current}


def _content(content):
    text = {k: v for k, v in content.items() if isinstance(v, str)}
    raw = {k: _encode64(v) for k, v in content.items() if not isinstance(v, str)}
    out = {}
    if text:
        out["content"] = text
    if raw:
        out["content_base64"] = raw
    return out


def _encode64(data):
    return binascii.b2a_base64(data).decode().strip()


def _overlay(base, changes, gone):
    out = dict(base)
    for key, value in changes.items():
        if value == gone:
            out.pop(key, None)
        else:
            out[key] = value
    return out


def _meant(err):
    return isinstance(err, CharmError) or type(err) is Exception


def describe(err):
    """An exception's message, and below it where it came from. What a charm raises on purpose is its message alone."""
    if hasattr(sys, "print_exception"):
        out = io.StringIO()
        sys.print_exception(err, out)
        trace = out.getvalue()
    else:
        import traceback
        trace = "".join(traceback.format_exception(type(err), err, err.__traceback__))
    if _meant(err):
        return str(err) + "\n" + trace
    message = type(err).__name__ + ": " + str(err)
    lines = trace.split('charm.py", line ')
    if len(lines) > 1:
        number = ""
        for c in lines[-1]:
            if not c.isdigit():
                break
            number += c
        message += " (charm.py:" + number + ")"
    return message + "\n" + trace


def _codec(host):
    """How values go over to the host and back: long texts are left there until they are looked at, and kept there."""

    def lift(value, prefix):
        if isinstance(value, str):
            return host("text", value) if value.startswith(prefix) else value
        if isinstance(value, dict):
            for key in value:
                value[key] = lift(value[key], prefix)
        elif isinstance(value, list):
            for n in range(len(value)):
                value[n] = lift(value[n], prefix)
        return value

    def loads(text):
        if text[0] != "\x01":
            return json.loads(text)
        _, prefix, text = text.split("\x01", 2)
        return lift(json.loads(text), prefix)

    def lower(value):
        if isinstance(value, str):
            return host("keep", value) if len(value) > 1024 else value
        if isinstance(value, dict):
            return {k: lower(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [lower(v) for v in value]
        return value

    def dumps(value):
        return json.dumps(lower(value))

    return loads, dumps


def _start(host):
    """The WASM host's end; on python3 nobody calls it. The charm's source is evaluated here, and its charm kept."""
    space = {"__name__": "charm"}
    exec(compile(host("script", ""), "charm.py", "exec"), space)
    charm = space.get("charm")
    if not isinstance(charm, Charm):
        raise CharmError("charm.py must name its charm: charm = Charm()")

    import random

    global _loads, _dumps
    _loads, _dumps = _codec(host)

    def dispatch():
        random.seed(int(host("random", "")))
        try:
            output = charm.dispatch(_loads(host("input", "")), host)
        except (Exception, SystemExit) as err:
            if isinstance(err, SystemExit) and err.args and isinstance(err.args[0], int):
                host("code", str(err.args[0]))
            host("error", describe(err))
        else:
            host("output", "" if output is None else _dumps(output))

    return dispatch
