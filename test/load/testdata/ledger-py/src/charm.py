#!/usr/bin/env python3
"""What the charm ledger does, in Python on plain hook tools. env.json is written by the test: log is a directory outside of the model."""

import fcntl
import json
import os
import subprocess
import sys

import frame  # what most charms load; the test puts it into venv

HERE = os.environ["JUJU_CHARM_DIR"]
HOOK = os.environ["JUJU_DISPATCH_PATH"].rpartition("/")[2]
UNIT = os.environ["JUJU_UNIT_NAME"]
RELATION = os.environ.get("JUJU_RELATION", "")
REMOTE = os.environ.get("JUJU_REMOTE_UNIT", "")
THEM = f"{RELATION}.{REMOTE.replace('/', '-')}"


def tool(*argv):
    """Call a hook tool; one that fails fails the hook."""
    return subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True).stdout


def ask(*argv):
    """Call one that answers JSON."""
    return json.loads(tool(*argv, "--format=json"))


def note(name, text):
    """Leave a line outside of the model, whether the hook is committed or not."""
    with open(os.path.join(LOG, name), "a", buffering=1) as f:
        f.write(text + "\n")


def tell(identity):
    """Say the tick in a relation."""
    tool("relation-set", "-r", identity, f"tick={TICK}")
    if not identity.startswith("ring:") and ask("is-leader"):
        tool("relation-set", "-r", identity, "--app", f"tick={TICK}")


def count(key, by):
    """Add to a counter."""
    BOOK[key] = str(int(BOOK.get(key) or 0) + by)


def changed():
    """Follow the configuration."""
    if CONFIG.get("trip") == UNIT:
        sys.exit(1)
    BOOK["tick"] = TICK
    for endpoint in ("ring", "in", "out"):
        for identity in ask("relation-ids", endpoint):
            tell(identity)


def heard():
    """Note what another side says."""
    if REMOTE:
        BOOK["saw." + THEM] = tool("relation-get", "tick").strip("\n")
    else:
        BOOK[f"app.{RELATION}.{os.environ['JUJU_REMOTE_APP']}"] = tool("relation-get", "--app", "tick").strip("\n")


def elected():
    """Speak for the application."""
    count("led", 1)
    for endpoint in ("in", "out"):
        for identity in ask("relation-ids", endpoint):
            tool("relation-set", "-r", identity, "--app", f"tick={TICK}")


def main():
    """Keep the book."""
    was = dict(BOOK)
    note("runs", f"{UNIT} {BOOK.get('n') or 0}")
    if HOOK == "show":
        tool("action-set", "book=" + json.dumps(BOOK), "leader=" + tool("is-leader", "--format=json").strip())
    if HOOK == "once":
        task = os.environ["JUJU_ACTION_UUID"]
        note("once", task)
        count("once." + task, 1)
    count("n", 1)
    if HOOK == "config-changed":
        changed()
    elif HOOK == "leader-elected":
        elected()
    elif HOOK.endswith("-relation-created"):
        tell(os.environ["JUJU_RELATION_ID"])
    elif HOOK.endswith("-relation-joined"):
        count("in." + THEM, 1)
    elif HOOK.endswith("-relation-departed"):
        count("in." + THEM, -1)
    elif HOOK.endswith("-relation-changed"):
        heard()
    new = {k: v for k, v in BOOK.items() if was.get(k) != v}
    subprocess.run(["state-set", "--file", "-"], input=json.dumps(new), check=True, text=True)
    if HOOK != "remove":
        tool("status-set", "active", TICK)


if __name__ == "__main__":
    with open(os.path.join(HERE, "env.json")) as f:
        LOG = json.load(f)["log"]
    lock = open(os.path.join(LOG, UNIT.replace("/", "-") + ".lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # two runs of one unit at once
        note("clash", f"{UNIT} {HOOK} {os.getpid()}")
    CONFIG = ask("config-get")
    TICK = CONFIG["tick"]
    BOOK = ask("state-get") or {}
    main()
