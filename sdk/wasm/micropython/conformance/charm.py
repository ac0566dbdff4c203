"""The charm that the vectors of sdk/wasm drive: it does what the config option "do" says, one command a line. Every guest
library has it in its own language."""

import sys

from bangle import Charm, CharmError

charm = Charm()


@charm.other
@charm.action("backup")
def obey(ctx):
    for line in ctx.config.get("do", "").split("\n"):
        if line == "":
            continue
        words = line.split(" ")
        if words[0] not in COMMANDS:
            raise CharmError("cannot obey " + line)
        COMMANDS[words[0]](ctx, *words[1:])


def relation(ctx, id):
    return [r for r in ctx.relations("db") if r.id == int(id)][0]


def shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def goal(ctx, unit, app):
    goal = ctx.goal()
    ctx.set_state("planned", len(goal["units"]))
    ctx.set_state(unit, goal["units"].get(unit, {}).get("status", ""))
    ctx.set_state(app, goal["relations"].get("db", {}).get(app, {}).get("status", ""))


def execute(ctx, container, *words):
    done = ctx.container(container).exec(words)
    ctx.set_state("exec", "%d %s" % (done["exit_code"], done["stdout"]))


def service(ctx, container, name, *words):
    c = ctx.container(container)
    c.add_layer("obey", {name: {"command": words}})
    c.replan()


def running(ctx, container, name):
    listed = ctx.container(container).services(name)
    ctx.set_state("running", shown(len(listed) == 1 and listed[0]["running"]))


def storage(ctx, name):
    for s in ctx.storage(name):
        ctx.set_state(s["id"], s["location"])


def http(ctx, method, url, body=None):
    r = ctx.http(method, url, headers={"Accept": "text/plain"}, body=body, timeout_ms=2000)
    text = r["body"] if isinstance(r["body"], str) else r["body"].decode()
    ctx.set_state("http", "%d %s %s" % (r["status"], r["headers"].get("Server", ""), text))


def kube(ctx, method, path, query=None, body=None):
    r = ctx.kube(method, path, query, body)
    ctx.set_state("kube", "%d %s" % (r["status"], r["body"]))


def package(ctx, action, name):
    p = ctx.package(action, name)
    ctx.set_state("package", "%s %s %s" % (shown(p["installed"]), p.get("version", ""), shown(p.get("changed", False))))


def machine(ctx, action, name):
    s = ctx.service(action, name)
    ctx.set_state(action, "%s %s" % (s["active"], s.get("enabled", "")))


def error(ctx, *words):
    raise CharmError(" ".join(words))


def panic(ctx, word):
    raise CharmError("panic: " + word)


def hang(ctx):
    ctx.info("hanging")
    while True:
        pass


def secret(ctx, name):
    return ctx.secret(name) if name.startswith("secret:") else ctx.secret_by_label(name)


def secret_info(ctx, name):
    info = secret(ctx, name).info()
    ctx.set_state("info", "%s %d" % (info["owner"], info["revision"]))


COMMANDS = {
    "status": lambda ctx, current, message: ctx.set_status(current, message),
    "show": lambda ctx, current, message: ctx.show_status(current, message),
    "state": lambda ctx, key, value: ctx.set_state(key, value),
    "delete-state": lambda ctx, key: ctx.delete_state(key),
    "copy-state": lambda ctx, key, to: ctx.set_state(to, ctx.state(key)),
    "bag": lambda ctx, id, key, value: relation(ctx, id).set(key, value),
    "app-bag": lambda ctx, id, key, value: relation(ctx, id).set_app(key, value),
    "copy-bag": lambda ctx, id, owner, key, to: ctx.set_state(to, relation(ctx, id).read(owner).get(key, "")),
    "copy-config": lambda ctx, option, to: ctx.set_state(to, shown(ctx.config.get(option, ""))),
    "size-config": lambda ctx, option, to: ctx.set_state(to, len(ctx.config.get(option, ""))),
    "version": lambda ctx, version: ctx.set_version(version),
    "open": lambda ctx, port: ctx.open_port(port),
    "close": lambda ctx, port: ctx.close_port(port),
    "log": lambda ctx, message: ctx.info(message),
    "leader": lambda ctx, to: ctx.set_state(to, shown(ctx.is_leader())),
    "goal": goal,
    "result": lambda ctx, key, value: ctx.set_result(key, value),
    "param": lambda ctx, name: ctx.set_result(name, shown(ctx.params.get(name, ""))),
    "action-fail": lambda ctx, message: ctx.fail(message),
    "get": lambda ctx, container, path: ctx.set_state("body", ctx.container(container).request("GET", path)[1]),
    "push": lambda ctx, container, path, content: ctx.container(container).push(path, content, make_dirs=True),
    "pull": lambda ctx, container, path, to: ctx.set_state(to, ctx.container(container).pull(path)),
    "exec": execute,
    "service": service,
    "running": running,
    "http": http,
    "kube": kube,
    "package": package,
    "machine": machine,
    "storage": storage,
    "resource": lambda ctx, name: ctx.set_state("resource", (ctx.resource(name) or {}).get("path", "")),
    "error": error,
    "panic": panic,
    "fail": lambda ctx, code: sys.exit(int(code)),
    "big": lambda ctx, size: ctx.set_state("big", "x" * int(size)),
    "hang": hang,
    "secret-add": lambda ctx, label, key, value: ctx.set_state("secret", ctx.add_secret({key: value}, label=label, unit=True).id),
    "secret-get": lambda ctx, name, key, to: ctx.set_state(to, secret(ctx, name).content().get(key, "")),
    "secret-peek": lambda ctx, name, key, to: ctx.set_state(to, secret(ctx, name).peek().get(key, "")),
    "secret-refresh": lambda ctx, name, key, to: ctx.set_state(to, secret(ctx, name).refresh().get(key, "")),
    "secret-info": secret_info,
    "secret-set": lambda ctx, name, key, value: secret(ctx, name).set({key: value}),
    "secret-grant": lambda ctx, name, id: secret(ctx, name).grant(relation(ctx, id)),
    "secret-grant-unit": lambda ctx, name, id, unit: secret(ctx, name).grant(relation(ctx, id), unit),
    "secret-revoke": lambda ctx, name, id: secret(ctx, name).revoke(relation(ctx, id)),
    "secret-revoke-from": lambda ctx, name, target: secret(ctx, name).revoke_from(target),
    "secret-remove": lambda ctx, name: secret(ctx, name).remove(),
}
