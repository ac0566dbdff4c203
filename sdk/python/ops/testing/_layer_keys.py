"""Which keys a layer may have."""

from __future__ import annotations

import logging

from .. import pebble
from ._box import refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

logger = logging.getLogger('ops-scenario.pebble')

# What supervisors know and `ops.pebble` does not: it passes in a layer that is text.
_SUPERVISOR = {
    'layer': ('workloads',),
    'service': (
        'workload',
        'one-shot',
        'stop-signal',
        'restart-limit',
        'exit-notice',
        'expand-variables',
        'secrets',
    ),
}
_BLOCKS = {
    'http': ('url', 'headers'),
    'tcp': ('port', 'host'),
    'exec': (
        'command',
        'service-context',
        'environment',
        'user-id',
        'user',
        'group-id',
        'group',
        'working-dir',
    ),
}
_SECTIONS = (
    ('services', 'service', pebble.Service),
    ('checks', 'check', pebble.Check),
    ('log-targets', 'log target', pebble.LogTarget),
)


def unknown_keys(raw: Any, *, text: bool) -> Iterator[str]:
    """What supervisors, or with text=False `ops.pebble`, would not know of a layer, in words."""
    more = _SUPERVISOR if text else {}
    if not isinstance(raw, dict):
        return
    known = {'summary', 'description', *(section for section, _, _ in _SECTIONS), *more.get('layer', ())}
    yield from ('unknown key "%s" in layer' % key for key in raw if key not in known)
    for section, what, kind in _SECTIONS:
        known = {key for key, _ in kind._keys.values()}.union(more.get(what, ()))
        entries = raw.get(section)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict):
                yield from ('unknown key "%s" in %s "%s"' % (key, what, name) for key in entry if key not in known)
                yield from _of_blocks(entry, name if what == 'check' else None)


def _of_blocks(entry: dict[str, Any], check: str | None) -> Iterator[str]:
    for block, known in _BLOCKS.items() if check is not None else ():
        inner = entry.get(block)
        for key in inner if isinstance(inner, dict) else ():
            if key not in known:
                yield 'unknown key "%s" in %s of check "%s"' % (key, block, check)


def check_keys(label: str, layer: Any) -> None:
    """Supervisors refuse a text with a key that they do not know. Of a dictionary they never see it: `Layer` leaves it out."""
    if isinstance(layer, str):
        from .. import _yaml

        wrong = list(unknown_keys(_yaml.load(layer), text=True))
        if wrong:
            raise refused(400, 'cannot parse layer "%s": %s' % (label, '; '.join(wrong)))
    elif isinstance(layer, dict):
        for what in unknown_keys(layer, text=False):
            logger.warning('this is left out of layer "%s", and no supervisor will see it: %s', label, what)
