"""The hook tools for secrets."""

from __future__ import annotations

import datetime
import logging

import ops

from .. import _time
from ._values import secret_id
from ._world import Held, secret_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._machine import Call
    from ._world import World

logger = logging.getLogger('ops-scenario.secrets')


class SecretTools:
    """A part of the machine."""

    world: World

    def _secret(self, call: Call) -> Held:
        """The secret that a call is about; with an id and a label, the label is a new one."""
        if self.world.juju < '3.0.2':
            call.fail('secrets are only available in juju >= 3.0.2: give Context a later juju_version')
        id, label = call.words[0] if call.words else None, call.flags.get('label')
        found = self.world.secret(id, label)
        if found is None:
            call.fail('secret "%s" not found' % (id or label))
        return found

    def _managed(self, call: Call) -> Held:
        """The secret that a call changes."""
        held = self._secret(call)
        may = self.world.owns(held) and (held.owner == self.world.unit or self.world.leader)
        if not may and not self.world.strict:
            if call.tool != 'secret-info-get':
                raise RuntimeError('this unit may not change secret %r: it does not own it, or is not leader' % held.id)
            call.fail('secret "%s" not found among those that this unit manages' % held.id)
        if not self.world.owns(held):
            call.fail('secret not found among those of this unit: You must own secret %r to change it' % held.id)
        if held.owner == self.world.app and not self.world.leader:
            call.fail('permission denied: only the leader manages the secrets of the application')
        return held

    def _secret_get(self, call: Call) -> Any:
        held = self._secret(call)
        if call.words and 'label' in call.flags:
            held.label = call.flags['label']
        # Before 3.3.1 owners always had the latest revision; 3.1.7 got the change early.
        eager = self.world.owns(held) and self.world.juju < '3.3.1' and not self.world.juju == '3.1.7'
        if call.on('refresh') or eager:
            held.track()
        content = held.latest_content if call.on('peek') else held.tracked_content
        key = call.words[1] if len(call.words) > 1 else None
        return dict(content) if key is None else content.get(key)

    def _secret_info_get(self, call: Call) -> Any:
        held = self._managed(call)
        about: dict[str, Any] = {
            'revision': held.latest,
            'label': held.label or '',
            'owner': 'application' if held.owner == self.world.app else 'unit',
            'rotation': 'never' if held.rotate is None else held.rotate.value,
        }
        if held.label is None:
            del about['label']
        if held.rotate is None:
            del about['rotation']
        if held.description is not None:
            about['description'] = held.description
        if held.expire is not None:
            about['expiry'] = _text(held.expire)
        return {held.id: about}

    def _secret_add(self, call: Call) -> str:
        if self.world.juju < '3.0.2':
            call.fail('secrets are only available in juju >= 3.0.2: give Context a later juju_version')
        of_app = call.flags.get('owner', 'application') != 'unit'
        if of_app and not self.world.leader and not self._lets_any_unit_add():
            call.fail('this unit is not the leader')
        held = Held(secret_id(), call.content or {}, self.world.app if of_app else self.world.unit)
        self._describe(call, held)
        self.world.secrets[secret_key(held.id)] = held
        return held.id

    def _lets_any_unit_add(self) -> bool:
        """Kept as tests have it: a unit may be made leader after it has added a secret."""
        return True

    def _describe(self, call: Call, held: Held) -> None:
        held.label = call.flags.get('label', held.label)
        held.description = call.flags.get('description', held.description)
        if 'expire' in call.flags:
            held.expire = _moment(call.flags['expire'])
        if 'rotate' in call.flags:
            held.rotate = ops.SecretRotate(call.flags['rotate'])

    def _secret_set(self, call: Call) -> None:
        label = call.flags.pop('label', None)
        held = self._managed(call)
        if label is not None:
            call.flags['label'] = label
        self._describe(call, held)
        if not call.content:
            return
        if call.content == held.latest_content:
            logger.warning('secret %s has that content already: there is no new revision', held.id)
            return
        held.set_content(call.content)

    def _grantee(self, call: Call, held: Held) -> tuple[int, str]:
        number = (call.flags.get('relation') or call.flags.get('r') or '').rpartition(':')[2]
        link = self.world.link(int(number)) if number.isdigit() else None
        if link is None:
            call.fail('relation not found: %s' % number)
        return link.id, call.flags.get('unit') or link.app

    def _secret_grant(self, call: Call) -> None:
        held = self._managed(call)
        number, who = self._grantee(call, held)
        held.grants.setdefault(number, set()).add(who)

    def _secret_revoke(self, call: Call) -> None:
        held = self._managed(call)
        number, who = self._grantee(call, held)
        held.grants.get(number, set()).discard(who)
        if not held.grants.get(number):
            held.grants.pop(number, None)

    def _secret_remove(self, call: Call) -> None:
        held = self._managed(call)
        text = call.flags.get('revision')
        if text is None:
            del self.world.secrets[secret_key(held.id)]
            return
        revision = int(text)
        if self.world.strict and revision in (held.tracked, held.latest):
            raise ValueError(
                'A charm should not remove the latest revision of a secret, nor the one that it reads: set new content,'
                ' and the old revision goes when nobody uses it'
            )
        self.world.told.removed_revisions.append(revision)
        if revision in held.revisions:
            held.revisions.remove(revision)
        if not held.revisions:
            del self.world.secrets[secret_key(held.id)]

    def _secret_ids(self, call: Call) -> list[str]:
        return [key for key, held in self.world.secrets.items() if self.world.owns(held)]


def _moment(text: str) -> datetime.datetime:
    """A time with or without a zone."""
    try:
        return _time.parse(text)
    except ValueError:
        return datetime.datetime.fromisoformat(text)


def _text(moment: datetime.datetime) -> str:
    return moment.isoformat() if moment.tzinfo else moment.isoformat() + 'Z'
