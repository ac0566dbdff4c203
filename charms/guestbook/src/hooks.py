"""The hook tools as Python functions: what a charm needs of the model, in a page."""

import json
import subprocess


def _run(tool, *args, text=None):
    """Run a hook tool and return what it prints; a tool that fails fails the hook."""
    done = subprocess.run([tool, *args], input=text, stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout


def _read(tool, *args):
    return json.loads(_run(tool, "--format=json", *args))


def config():
    """All options that have a value."""
    return _read("config-get")


def address():
    """The unit's own address."""
    return _run("unit-get", "private-address").strip()


def relations(endpoint):
    """Ids of the endpoint's relations, such as nats:3."""
    return _read("relation-ids", endpoint)


def members(relation):
    """Remote units that this unit has been told of."""
    return _read("relation-list", "-r", relation)


def app_of(relation):
    """The remote application."""
    return _read("relation-list", "--app", "-r", relation)


def databag(relation, owner, app=False):
    """The databag of a unit, or of an application."""
    return _read("relation-get", "-r", relation, *(["--app"] if app else []), "-", owner)


def publish(relation, values):
    """Merge into this unit's databag."""
    _run("relation-set", "-r", relation, "--file", "-", text=json.dumps(values))


def status(current, message=""):
    """Set the unit's status."""
    _run("status-set", "--", current, message)


def version(text):
    """Set the workload's version."""
    _run("application-version-set", "--", text)


def log(message, level="INFO"):
    """Write to the unit's log."""
    _run("juju-log", "--log-level", level, "--", message)


def open_port(port):
    """Ask for a port to be opened."""
    _run("open-port", str(port))


def resource(name):
    """Path of a file resource; None when none was given at deploy."""
    done = subprocess.run(["resource-get", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() or None


def parameters():
    """The parameters of the action that runs."""
    return _read("action-get")


def result(**values):
    """Set results of the action that runs."""
    _run("action-set", *(f"{key.replace('_', '-')}={value}" for key, value in values.items()))


def fail(message):
    """Say that the action failed."""
    _run("action-fail", message)
