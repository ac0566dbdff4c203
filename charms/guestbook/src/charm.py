"""Guestbook: whatever happened, make the workload be what configuration and relations say."""

import json
import os
import urllib.request
from pathlib import Path

import hooks
from supervisor import Container, SupervisorError

UNIT = os.environ["JUJU_UNIT_NAME"]
SETTINGS = Path(os.environ["JUJU_CHARM_DIR"]) / "guestbook.json"


def nats_urls():
    """Where the entries are kept: what the units of the related nats publish."""
    urls = []
    for relation in hooks.relations("nats"):
        if leaving(relation):
            continue
        for unit in hooks.members(relation):
            url = hooks.databag(relation, unit).get("url")
            if url:
                urls.append(url)
    return urls


def leaving(relation):
    """Say whether this very event ends a relation: it is still listed, and must not be used any more."""
    return (os.environ["JUJU_DISPATCH_PATH"].endswith("-relation-broken")
            and os.environ.get("JUJU_RELATION_ID") == relation)


def write_settings(settings):
    """Write the workload's file in one step and say whether it changed."""
    text = json.dumps(settings, indent=1, sort_keys=True)
    if SETTINGS.exists() and SETTINGS.read_text() == text:
        return False
    new = SETTINGS.with_suffix(".new")
    new.write_text(text)
    new.replace(SETTINGS)
    return True


def publish(port):
    """Tell the front doors where this unit is; called when it serves."""
    url = f"http://{hooks.address()}:{port}"
    for relation in hooks.relations("web"):
        if not leaving(relation):
            hooks.publish(relation, {"url": url, "title": hooks.config()["title"]})
    hooks.open_port(port)


def reconcile():
    """Compare what should be with what is, and mend the difference."""
    config = hooks.config()
    container = Container("guestbook")
    if not container.up():
        return hooks.status("waiting", "for the container")
    program = hooks.resource("workload")
    if not program:
        return hooks.status("blocked", "give the program: deploy --resource workload=PATH")
    urls = nats_urls()
    changed = write_settings({"title": config["title"], "accent": config["accent"], "unit": UNIT, "nats": urls})
    if not urls:
        return hooks.status("blocked", "integrate me with nats")
    was_running = container.running("guestbook")
    container.add_layer("guestbook", {"services": {"guestbook": {
        "override": "replace", "summary": "the guestbook", "startup": "enabled",
        "command": f"{program} --listen {hooks.address()}:{config['port']} --config {SETTINGS}",
        "backoff-delay": "100ms", "on-failure": "restart"}}})
    container.replan()
    if changed and was_running:
        container.signal("SIGHUP", "guestbook")
    publish(config["port"])
    hooks.version("1.0")
    return hooks.status("active", config["title"])


def stop():
    """Leave the front doors first, then stop."""
    try:
        Container("guestbook").stop("guestbook")
    except (OSError, SupervisorError) as error:
        hooks.log(f"nothing to stop: {error}")


def entries():
    """Answer the action: the newest entries, from the unit itself."""
    url = f"http://{hooks.address()}:{hooks.config()['port']}/entries"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found = json.load(answer)
    except OSError as error:
        return hooks.fail(f"cannot read the entries from {url}: {error}")
    found = found["entries"] if isinstance(found, dict) else found
    newest = found[-hooks.parameters()["limit"]:]
    return hooks.result(count=len(newest), entries=json.dumps(newest))


EVENTS = {"actions/entries": entries, "hooks/stop": stop, "hooks/remove": lambda: None, "hooks/install": lambda: (
    hooks.status("maintenance", "waiting for the container"))}

if __name__ == "__main__":
    EVENTS.get(os.environ["JUJU_DISPATCH_PATH"], reconcile)()
