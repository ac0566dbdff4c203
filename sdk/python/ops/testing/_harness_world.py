"""The model of a harness: it has more in it than what the charm may see."""

from __future__ import annotations

import uuid

import ops

from ._world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._spec import CharmSpec
    from ._world import Held


class HarnessWorld(World):
    """A model that a test changes between events."""

    strict = False

    def __init__(self, spec: CharmSpec, app: str, juju: str):
        super().__init__(spec, app, 0, juju)
        self.model_uuid = str(uuid.uuid4())
        self.model_name = None
        self.planned = None
        self.next_relation = 0
        self.next_storage = 0
        self.detached: set[tuple[str, int]] = set()
        """Storages that there are and that the unit does not have."""
        self.leaving: set[tuple[int, str]] = set()
        """Units that are on their way out of a relation: not listed any more, their data still there."""
        self.statuses['unit'] = ops.MaintenanceStatus('')
        self.config = {name: option['default'] for name, option in spec.options().items() if option.get('default') is not None}

    def pick_planned(self) -> int:
        """What was set; else this unit and its peers."""
        if self.planned is not None:
            return self.planned
        peers = {unit for link in self.links.values() if link.peer for unit in link.units}
        return len(peers | {self.unit})

    def readable(self, held: Held) -> bool:
        """What is the charm's own, and what was granted to it."""
        mine = {self.app, self.unit}
        granted = held.to_everybody.union(*held.grants.values())
        return self.owns(held) or bool(granted & mine)

    def network(self, binding: str, relation_id: int | None) -> dict[str, Any]:
        """What the test has added for the binding, or for all."""
        for key in ((binding, relation_id), (binding, None), ('', None)):
            if key in self.networks:
                return self.networks[key]
        raise ops.RelationNotFoundError('no network was added for %r: call add_network' % binding)

    def resource(self, name: str) -> str:
        """The path of a resource that the test has added."""
        if name not in self.resources:
            unit = self.unit.replace('/', '-')
            raise ops.ModelError(
                'ERROR cannot download units/unit-%s/resources/%s: resource#%s/%s not found (call add_resource or'
                ' add_oci_resource)' % (unit, name, self.app, name)
            )
        return self.resources[name]
