"""What a charm says of itself."""

from __future__ import annotations

import copy
import pathlib
import warnings

from .errors import MetadataNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CharmSpec:
    """A charm's class and its metadata, configuration and actions, as their files have them."""

    def __init__(self, charm_type: Any, meta: Any, actions: Any = None, config: Any = None, found: bool = False):
        self.charm_type = charm_type
        self.meta: dict[str, Any] = meta
        self.actions: dict[str, Any] | None = actions
        self.config: dict[str, Any] | None = config
        self.is_autoloaded = found
        """Whether it was read from the files beside the charm."""

    def options(self) -> dict[str, Any]:
        """The options of the configuration."""
        return (self.config or {}).get('options') or {}

    def endpoints(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Every endpoint with its role and what the metadata says of it."""
        return [
            (name, role, meta or {})
            for role in ('requires', 'provides', 'peers')
            for name, meta in (self.meta.get(role) or {}).items()
        ]


def given(charm_type: Any, meta: Any, actions: Any, config: Any) -> CharmSpec:
    """What a test gives; `actions` and `config` may also be inside `meta`, but not in both places."""
    meta = copy.deepcopy(meta) if meta else {'name': charm_type.__name__}
    parts = {}
    for name, value in (('actions', actions), ('config', config)):
        inside = meta.pop(name, None)
        if value is not None and inside is not None:
            raise ValueError('cannot take %s from two places: once in meta and once as an argument' % name)
        parts[name] = inside if value is None else copy.deepcopy(value)
    return CharmSpec(charm_type, meta, **parts)


def found(charm_type: Any) -> CharmSpec:
    """What the files above the directory of the charm's module say."""
    import inspect

    root = pathlib.Path(inspect.getfile(charm_type)).parent.parent
    meta = _read(root / 'charmcraft.yaml') or {}
    if meta.get('type') == 'charm' and all(meta.get(key) is not None for key in ('name', 'summary', 'description')):
        for extension in meta.pop('extensions', None) or ():
            warnings.warn(
                'the charmcraft extension %r is not expanded here: expand it with charmcraft, or give the metadata'
                ' to Context' % extension,
                stacklevel=4,
            )
        return CharmSpec(charm_type, meta, meta.pop('actions', None), meta.pop('config', None), True)
    meta = _read(root / 'metadata.yaml')
    if not meta:
        raise MetadataNotFoundError('cannot find the metadata of %s: %s has no charmcraft.yaml nor metadata.yaml' % (
            charm_type.__name__, root
        ))  # fmt: skip
    return CharmSpec(charm_type, meta, _read(root / 'actions.yaml'), _read(root / 'config.yaml'), True)


def _read(path: pathlib.Path) -> Any:
    from .. import _yaml

    return _yaml.load(path.read_text(encoding='utf-8')) if path.exists() else None
