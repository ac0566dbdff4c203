"""Runs a charm natively on python3, without an agent and without WASM: the model is a view that the test fills, the
containers are fakes that remember.

    h = Harness("charm.py")
    h.config["port"] = 4222
    h.container("web")
    h.hook("config-changed")
    assert h.status == ("active", "")

A successful event's writes are applied to the view, so that events told one after the other are a story. Every event
evaluates the charm anew, as memory is scratch there too. MicroPython knows less than python3: a module that only python3
has is found out when the charm is deployed.
"""

import copy
import json
import os
import sys
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bangle import CallError, Charm


def load(file):
    """Evaluate a charm's file anew."""
    space = {"__name__": "charm"}
    with open(file) as f:
        exec(compile(f.read(), file, "exec"), space)
    if not isinstance(space.get("charm"), Charm):
        raise TypeError("%s must name its charm: charm = Charm()" % file)
    return space["charm"]


class Harness:
    """One unit, app/0, and what it sees."""

    def __init__(self, file):
        self._file = str(file)
        self._containers = {}
        self._events = 0
        self.config = {}
        self.log = []  # "INFO text", of all events; an action's own lines too
        self.calls = []  # (function, request), of all events
        self.secrets = []  # {"id", "label", "owner", "revisions", "access", "tracked"}
        self.answers = {}  # by function: what the host answers to calls that nothing here answers
        self.view = {
            "model": {"name": "test", "uuid": "00000000-0000-4000-8000-000000000001"},
            "unit": {"name": "app/0", "life": "alive", "private_address": "10.0.0.5"},
            "application": {"name": "app", "life": "alive"}, "config": self.config, "relations": [], "containers": [],
            "charm_state": {}, "ports": [], "leadership": {"leader": False}, "leader_settings": {}, "storage": [],
        }

    @property
    def status(self):
        status = self.view["unit"].get("workload_status", {})
        return status.get("current", ""), status.get("message", "")

    def leader(self, leads=True):
        self.view["leadership"] = {"leader": leads}

    def container(self, name):
        """Add a container whose supervisor answers, and return its fake."""
        self.view["containers"].append({"name": name, "socket": "/run/test/%s/pebble.socket" % name})
        self._containers[name] = FakeContainer()
        return self._containers[name]

    def relation(self, endpoint, remote_app):
        """Add a relation with a remote application; join adds its units."""
        r = {"id": len(self.view["relations"]) + 1, "endpoint": endpoint, "remote_app": remote_app, "life": "alive", "members": [],
             "local_unit": {}, "local_app": {}, "local_app_readable": True, "remote_app_bag": {}}
        self.view["relations"].append(r)
        return r

    def join(self, relation, unit, bag=None):
        relation["members"].append({"unit": unit, "bag": bag or {}, "version": 1})

    def secret(self, content, id=None):
        """Make a secret that somebody else owns and the unit may read; with an id it gets a new revision."""
        for s in self.secrets:
            if s["id"] == id:
                s["revisions"].append(content)
                return id
        id = id or "secret:%020d" % len(self.secrets)
        self.secrets.append({"id": id, "label": "", "owner": "", "revisions": [content], "access": [], "tracked": 0})
        return id

    def hook(self, name, **event):
        return self.run(dict(event, kind=name, name=name))

    def action(self, name, **params):
        return self.run({"kind": "action", "name": name, "task_id": "1", "action_params": params})

    def relation_event(self, relation, kind, unit=""):
        """kind is "changed" and so on; unit is empty for created and broken."""
        return self.run({"kind": "relation-" + kind, "name": "%s-relation-%s" % (relation["endpoint"], kind), "relation_id": relation["id"],
                         "endpoint": relation["endpoint"], "remote_app": relation["remote_app"], "remote_unit": unit})

    def run(self, event):
        """Run one event and return its changeset, None when the charm has no handler; a hook that fails raises."""
        self._events += 1
        event = dict(event, id="%d-%s" % (self._events, event["name"]))
        changes = load(self._file).dispatch(copy.deepcopy({"event": event, "view": self.view}), self._answer)
        if changes is not None:
            self._apply(changes)
        return changes

    def _answer(self, function, text):
        request = json.loads(text)
        self.calls.append((function, request))
        try:
            value = self._value(function, request)
        except CallError as err:
            return json.dumps({"error": {"class": err.kind, "message": err.message}})
        return None if value is None else json.dumps({"ok": value})

    def _value(self, function, request):
        capability, call = function[len("charm/"):].split("@1.")
        if capability in ("log", "action"):
            self.log.append("%s %s" % (request.get("level", "INFO"), request["message"]))
            return None
        if capability == "status":
            return None
        if capability == "leader":
            return self.view["leadership"]["leader"]
        if capability == "secret":
            return self._secret(call, request)
        if capability == "supervisor":
            if request["container"] not in self._containers:
                raise CallError("NOT_FOUND", "there is no container " + request["container"])
            return getattr(self._containers[request["container"]], call)(request)
        if function not in self.answers:
            raise CallError("NOT_FOUND", "set answers[%r]" % function)
        answer = self.answers[function]
        return answer(request) if callable(answer) else answer

    def _secret(self, call, request):
        if call == "add":
            if not request.get("unit"):
                self._must_lead()
            label = request.get("label", "")
            if label and any(s["label"] == label for s in self.secrets):
                raise CallError("ALREADY_EXISTS", 'secret with label "%s" already exists' % label)
            id = self.secret(request["content"])
            self.secrets[-1].update(label=label, owner="unit" if request.get("unit") else "application")
            return {"id": id}
        found = [s for s in self.secrets if s["id"] == request.get("id") or "id" not in request and s["label"] == request.get("label")]
        if not found:
            raise CallError("NOT_FOUND", 'secret "%s" not found' % (request.get("id") or request.get("label")))
        return getattr(self, "_secret_" + call)(found[0], request)

    def _secret_get(self, s, request):
        if request.get("refresh") or not s["tracked"]:
            s["tracked"] = len(s["revisions"])
        return {"content": s["revisions"][-1 if request.get("peek") else s["tracked"] - 1]}

    def _secret_info(self, s, _):
        return {"id": s["id"].replace("secret:", ""), "owner": s["owner"], "label": s["label"], "revision": len(s["revisions"])}

    def _secret_set(self, s, request):
        if "content" in request:
            s["revisions"].append(request["content"])

    def _secret_grant(self, s, request):
        s["access"].append(request.get("unit") or request["relation_id"])

    def _secret_revoke(self, s, request):
        gone = [request.get("unit"), request.get("app"), request.get("relation_id")]
        s["access"] = [a for a in s["access"] if a not in gone]

    def _secret_remove(self, s, _):
        self.secrets.remove(s)

    def _must_lead(self):
        if not self.view["leadership"]["leader"]:
            raise CallError("DENIED", "this unit is not the leader")

    def _apply(self, changes):
        view = self.view
        if changes.get("app_status") or changes.get("leader_settings") or any(b.get("app") for b in changes.get("bags", [])):
            self._must_lead()
        if "unit_status" in changes:
            view["unit"]["workload_status"] = changes["unit_status"]
        if "app_status" in changes:
            view["application"]["status"] = changes["app_status"]
        if "workload_version" in changes:
            view["application"]["workload_version"] = changes["workload_version"]
        for bag in changes.get("bags", []):
            relation = [r for r in view["relations"] if r["id"] == bag["relation_id"]][0]
            _merge(relation["local_app" if bag.get("app") else "local_unit"], bag["set"])
        ports = set(view["ports"]) | set(changes.get("open_ports", []))
        view["ports"] = sorted(ports - set(changes.get("close_ports", [])))
        view["charm_state"].update(changes.get("state_set", {}))
        for key in changes.get("state_delete", []):
            view["charm_state"].pop(key, None)
        _merge(view["leader_settings"], changes.get("leader_settings", {}))


def _merge(base, changes):
    for key, value in changes.items():
        if value == "":
            base.pop(key, None)
        else:
            base[key] = value


class FakeContainer:
    """A supervisor that remembers: its plan, what runs, files, signals."""

    def __init__(self):
        self.down = False  # nobody answers
        self.plan = {}
        self.running = {}  # by service: the plan's entry that it was started with
        self.files = {}
        self.signals = []
        self.starts = 0
        self.fail_start = lambda name, service: ""  # why it cannot start
        self.on_exec = None  # (request) -> {"exit_code", "stdout", "stderr"}
        self._change = ""

    def request(self, request):
        if self.down:
            raise CallError("UNAVAILABLE", "connection refused")
        body = json.loads(request["body"]) if request.get("body") else None
        envelope = {"type": "sync", "status-code": 200, "status": "OK", "result": None}
        try:
            envelope.update(self._serve(request["method"] + " " + request["path"], request.get("query", ""), body))
        except ValueError as err:
            envelope = {"type": "error", "status-code": 400, "status": "Bad Request", "result": {"message": str(err)}}
        return {"status": envelope["status-code"], "body": json.dumps(envelope)}

    def _serve(self, what, query, body):
        if what == "GET /v1/system-info":
            return {"result": {"version": "test"}}
        if what == "POST /v1/layers":
            self.plan.update(json.loads(body["layer"])["services"])
            return {"result": True}
        if what == "POST /v1/services":
            return self._act(body["action"], body.get("services", []))
        if what == "GET /v1/changes/1/wait":
            return {"result": {"id": "1", "ready": True, "err": self._change}}
        if what == "GET /v1/services":
            names = urllib.parse.parse_qs(query).get("names", [])
            return {"result": [{"name": n, "startup": self.plan[n].get("startup", ""), "current": "active" if n in self.running else "inactive"}
                               for n in sorted(self.plan) if not names or n in names]}
        if what == "POST /v1/signals":
            self.signals += ["%s %s" % (body["signal"], s) for s in body["services"]]
            return {"result": True}
        raise ValueError("the fake supervisor does not know " + what)

    def _act(self, action, services):
        self._change = ""
        if action == "replan":
            services = [n for n in self.plan if self.plan[n].get("startup") == "enabled" and self.plan[n] != self.running.get(n)]
        for name in services:
            if name not in self.plan:
                raise ValueError('cannot %s services: service "%s" does not exist' % (action, name))
            self.running.pop(name, None)
            if action == "stop":
                continue
            why = self.fail_start(name, self.plan[name])
            if why:
                self._change = 'cannot perform the following tasks:\n- Start service "%s" (%s)' % (name, why)
            else:
                self.starts += 1
                self.running[name] = self.plan[name]
        return {"type": "async", "status-code": 202, "status": "Accepted", "change": "1"}

    def exec(self, request):
        if self.on_exec is None:
            raise CallError("INVALID", "cannot run %s: set the container's on_exec" % request["command"])
        return self.on_exec(request)

    def push(self, request):
        self.files[request["path"]] = request.get("content", "")
        return {}

    def pull(self, request):
        if request["path"] not in self.files:
            raise CallError("NOT_FOUND", "open %s: no such file or directory" % request["path"])
        return {"content": self.files[request["path"]]}
