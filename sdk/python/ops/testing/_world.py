"""A model in memory: what hook tools read and write, in plain dictionaries and sets.

Both ways of testing are built on one. `Context` fills a world from a state before an event and makes a state of it
afterwards; `Harness` keeps one for as long as it lives and lets the test change it.
"""

from __future__ import annotations

import ops

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any

    from ._spec import CharmSpec


class Link:
    """A relation."""

    def __init__(self, id: int, endpoint: str, app: str, peer: bool = False, model_uuid: str | None = None):
        self.id = id
        self.endpoint = endpoint
        self.app = app
        """The other application; for peers, this one."""
        self.peer = peer
        self.model_uuid = model_uuid
        self.units: list[str] = []
        """The other units."""
        self.bags: dict[str, dict[str, str]] = {}
        """The databags by the name of the unit or application."""


class Held:
    """A secret."""

    def __init__(self, id: str, content: dict[str, str], owner: str | None):
        self.id = id
        self.owner = owner
        """The name of the unit or application that owns it; None for somebody else."""
        self.tracked_content = dict(content)
        self.latest_content = dict(content)
        self.tracked = 1
        self.latest = 1
        self.revisions = [1]
        self.label: str | None = None
        self.description: str | None = None
        self.expire: datetime.datetime | None = None
        self.rotate: Any = None
        self.grants: dict[int, set[str]] = {}
        """Who was granted it, by relation."""
        self.to_everybody: set[str] = set()
        """Who was granted it without a relation, as a user does."""

    def track(self) -> None:
        """From now on the latest revision is the one that is read."""
        self.tracked, self.tracked_content = self.latest, dict(self.latest_content)

    def set_content(self, content: dict[str, str]) -> None:
        """Adds a revision."""
        self.latest += 1
        self.revisions.append(self.latest)
        self.latest_content = dict(content)


def secret_key(id: str) -> str:
    """What is the same in all ways to write a secret's id."""
    return id.rpartition('/')[2].replace('secret:', '')


class World:
    """A model with one unit in it, the one under test."""

    strict = True
    """Whether what a charm should not do is an error even where Juju lets it pass."""

    def __init__(self, spec: CharmSpec, app: str, unit: int, juju: str):
        self.spec = spec
        self.app = app
        self.unit = '%s/%d' % (app, unit)
        self.juju = ops.JujuVersion(juju)
        self.leader = False
        self.trusted = False
        self.model_name: str | None = None
        self.model_uuid: str | None = None
        self.cloud: dict[str, Any] | None = None
        """What credential-get answers."""
        self.config: dict[str, Any] = {}
        self.links: dict[int, Link] = {}
        self.networks: dict[tuple[str, int | None], dict[str, Any]] = {}
        """What network-get answers, by binding and relation (None for all of the binding)."""
        self.storages: dict[tuple[str, int], str] = {}
        """The locations of the storages that are attached."""
        self.ports: set[tuple[str, int | None]] = set()
        self.secrets: dict[str, Held] = {}
        self.resources: dict[str, str] = {}
        self.statuses: dict[str, ops.StatusBase] = {'unit': ops.UnknownStatus(), 'app': ops.UnknownStatus()}
        self.version = ''
        self.planned: int | None = 1
        self.charm_state: dict[str, str] = {}
        self.action: Any = None
        """The action that runs."""
        self.told = Told()

    def endpoint(self, name: str) -> dict[str, Any] | None:
        """What the metadata says of an endpoint."""
        for found, _, meta in self.spec.endpoints():
            if found == name:
                return meta
        return None

    def link(self, id: int, endpoint: str | None = None) -> Link | None:
        """The relation of a number, unless it is of another endpoint."""
        found = self.links.get(id)
        return None if found is None or endpoint not in (None, found.endpoint) else found

    def secret(self, id: str | None, label: str | None) -> Held | None:
        """The secret of an id, else of a label, if this unit can know of it."""
        if id is not None:
            found = self.secrets.get(secret_key(id))
        else:
            found = next((s for s in self.secrets.values() if label is not None and s.label == label), None)
        return found if found is None or self.readable(found) else None

    def owns(self, held: Held) -> bool:
        """Whether a secret is of this unit or its application."""
        return held.owner in (self.unit, self.app)

    def readable(self, held: Held) -> bool:
        """Whether this unit may read a secret. In a state there are no others."""
        return True

    def network(self, binding: str, relation_id: int | None) -> dict[str, Any]:
        """What network-get answers for a binding that there is."""
        from ._values import Network

        return self.networks.get((binding, relation_id)) or self.networks.get((binding, None)) or Network('x')._to_tool()

    def resource(self, name: str) -> str:
        """The path of a resource."""
        if name not in self.resources:
            raise RuntimeError('resource %r is not in the state: give State a Resource(name=%r, path=…)' % (name, name))
        return self.resources[name]

    def pick_planned(self) -> int:
        """How many units the application is to have."""
        return 1 if self.planned is None else self.planned


class Told:
    """What the charm told that is no part of the model."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.statuses: dict[str, list[ops.StatusBase]] = {'unit': [], 'app': []}
        """The statuses that were replaced."""
        self.versions: list[str] = []
        """The versions that were replaced."""
        self.removed_revisions: list[int] = []
        self.requested_storages: dict[str, int] = {}
        self.action_logs: list[str] = []
        self.action_results: dict[str, Any] | None = None
        self.action_failure: str | None = None
        self.reboots = 0
        self.pod_spec: tuple[Any, Any] | None = None
