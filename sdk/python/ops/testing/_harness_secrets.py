"""Secrets of a harness."""

from __future__ import annotations

import ops

from ._values import secret_id as new_id
from ._world import Held, secret_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._harness_world import HarnessWorld


class Secrets:
    """A part of the harness."""

    _world: HarnessWorld
    _charm: Any
    charm: Any

    if TYPE_CHECKING:

        def _emits(self) -> bool: ...

    def _held(self, secret_id: str) -> Held:
        held = self._world.secrets.get(secret_key(secret_id))
        if held is None:
            raise RuntimeError('Secret %r not found' % secret_id)
        return held

    def _own(self, secret_id: str, verb: str) -> Held:
        held = self._held(secret_id)
        if not self._world.owns(held):
            raise RuntimeError('cannot %s secret %r: it is %r that owns it, not the charm' % (verb, secret_id, held.owner))
        return held

    def _add_secret(self, owner: str, content: dict[str, str]) -> Held:
        ops.Secret._validate_content(content)
        held = Held(new_id(), content, owner)
        self._world.secrets[secret_key(held.id)] = held
        return held

    def add_model_secret(self, owner: Any, content: dict[str, str]) -> str:
        """Adds a secret of another application or unit; its id. The charm sees it once it is granted."""
        name = getattr(owner, 'name', owner)
        if name in (self._world.app, self._world.unit):
            raise RuntimeError('cannot add a secret of %r: secrets of the charm are added by the charm' % name)
        return self._add_secret(name, content).id

    def add_user_secret(self, content: dict[str, str]) -> str:
        """Adds a secret of a user; its id. The charm sees it once it is granted."""
        return self._add_secret(str(self._world.model_uuid), content).id

    def set_secret_content(self, secret_id: str, content: dict[str, str]) -> None:
        """The owner of a secret, somebody else, gives it a new revision."""
        ops.Secret._validate_content(content)
        held = self._held(secret_id)
        if self._world.owns(held):
            raise RuntimeError('cannot set the content of secret %r: the charm owns it and does so itself' % secret_id)
        held.set_content(content)
        if self._emits():
            self._charm.on.secret_changed.emit(secret_id, held.label)

    def grant_secret(self, secret_id: str, observer: Any) -> None:
        """The owner of a secret, somebody else, grants it to the charm."""
        held, name = self._not_own(secret_id, observer, 'grant')
        if held.owner == self._world.model_uuid:
            held.to_everybody.add(name)
        else:
            held.grants.setdefault(self._way(held), set()).add(name)

    def revoke_secret(self, secret_id: str, observer: Any) -> None:
        """The owner of a secret, somebody else, takes it from the charm."""
        held, name = self._not_own(secret_id, observer, 'revoke')
        if held.owner == self._world.model_uuid:
            held.to_everybody.discard(name)
        else:
            held.grants.get(self._way(held), set()).discard(name)

    def _not_own(self, secret_id: str, observer: Any, verb: str) -> tuple[Held, str]:
        held = self._held(secret_id)
        if self._world.owns(held):
            raise RuntimeError('cannot %s secret %r: the charm owns it and does so itself' % (verb, secret_id))
        return held, getattr(observer, 'name', observer)

    def _way(self, held: Held) -> int:
        """The relation that leads to the owner of a secret."""
        owner = (held.owner or '').partition('/')[0]
        for link in self._world.links.values():
            if link.app == owner:
                return link.id
        raise RuntimeError('there is no relation with %r, which owns secret %r: call add_relation first' % (owner, held.id))

    def get_secret_grants(self, secret_id: str, relation_id: int) -> set[str]:
        """Who was granted a secret through a relation."""
        return set(self._held(secret_id).grants.get(relation_id, set()))

    def get_secret_revisions(self, secret_id: str) -> list[int]:
        """The revisions of a secret that there are."""
        return list(self._held(secret_id).revisions)

    def trigger_secret_rotation(self, secret_id: str, *, label: str | None = None) -> None:
        """Tells the charm that it is time to rotate a secret of its own."""
        held = self._own(secret_id, 'rotate')
        self.charm.on.secret_rotate.emit(secret_id, label or held.label)

    def trigger_secret_removal(self, secret_id: str, revision: int, *, label: str | None = None) -> None:
        """Tells the charm that a revision of a secret of its own is not used any more."""
        held = self._own(secret_id, 'remove')
        self.charm.on.secret_remove.emit(secret_id, label or held.label, revision)

    def trigger_secret_expiration(self, secret_id: str, revision: int, *, label: str | None = None) -> None:
        """Tells the charm that a revision of a secret of its own has expired."""
        held = self._own(secret_id, 'expire')
        self.charm.on.secret_expired.emit(secret_id, label or held.label, revision)
