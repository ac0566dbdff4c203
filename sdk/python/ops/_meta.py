"""A charm's metadata: metadata.yaml, actions.yaml and config.yaml as objects."""

from __future__ import annotations

import os

from ._meta_parts import (
    ActionMeta,
    ConfigMeta,
    ContainerMeta,
    JujuAssumes,
    MetadataLinks,
    PayloadMeta,
    RelationMeta,
    RelationRole,
    ResourceMeta,
    StorageMeta,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from typing import Any, Dict, List, Literal, TextIO


class CharmMeta:
    """Everything that a charm says of itself.

    Args:
        raw: metadata.yaml.
        actions_raw: actions.yaml.
        config_raw: config.yaml.

    Raises:
        RuntimeError: for an option without a type.
    """

    __module__ = 'ops.charm'

    def __init__(
        self,
        raw: Dict[str, Any] | None = None,
        actions_raw: Dict[str, Any] | None = None,
        config_raw: Dict[str, Any] | None = None,
    ):
        raw = raw or {}
        self._about(raw)
        self.requires: Dict[str, RelationMeta] = _endpoints(RelationRole.requires, raw)
        """Endpoints by name."""
        self.provides: Dict[str, RelationMeta] = _endpoints(RelationRole.provides, raw)
        """Endpoints by name."""
        self.peers: Dict[str, RelationMeta] = _endpoints(RelationRole.peer, raw)
        """Endpoints by name."""
        self.relations: Dict[str, RelationMeta] = {**self.requires, **self.provides, **self.peers}
        """All endpoints by name."""
        self.storages: Dict[str, StorageMeta] = _named(StorageMeta, raw.get('storage'))
        """Storage by name."""
        self.resources: Dict[str, ResourceMeta] = _named(ResourceMeta, raw.get('resources'))
        """Resources by name."""
        self.payloads: Dict[str, PayloadMeta] = _named(PayloadMeta, raw.get('payloads'))
        """Payloads by name."""
        self.containers: Dict[str, ContainerMeta] = _named(ContainerMeta, raw.get('containers'))
        """Containers by name."""
        self.extra_bindings: Dict[str, None] = raw.get('extra-bindings', {})
        """Networks beside those of the endpoints."""
        self.actions: Dict[str, ActionMeta] = _named(ActionMeta, actions_raw)
        """Actions by name."""
        self.config: Dict[str, ConfigMeta] = {}
        """Options by name."""
        for name, option in ((config_raw or {}).get('options') or {}).items():
            if 'type' not in option:
                raise RuntimeError(f'cannot read config.yaml: option {name} needs a `type`')
            self.config[name] = ConfigMeta(name, option['type'], option.get('default'), option.get('description'))

    def _about(self, raw: Dict[str, Any]) -> None:
        links = raw.get('links') or {}
        self.name: str = raw.get('name', '')
        """The charm's name."""
        self.summary: str = raw.get('summary', '')
        """What it is, in a line."""
        self.description: str = raw.get('description', '')
        """What it is."""
        self.maintainers: List[str] = [
            *([raw['maintainer']] if 'maintainer' in raw else []),
            *(raw.get('maintainers') or []),
            *_list(links.get('contact')),
        ]
        """Who looks after it."""
        self.links = MetadataLinks(
            websites=_list(raw.get('website') or links.get('website')),
            sources=_list(raw.get('source') or links.get('source')),
            issues=_list(raw.get('issues') or links.get('issues')),
            documentation=raw.get('docs') if raw.get('docs') is not None else links.get('documentation'),
        )
        """Where there is more."""
        self.tags: List[str] = raw.get('tags', [])
        """What it is about."""
        self.terms: List[str] = raw.get('terms', [])
        """What must be agreed to."""
        self.series: List[str] = raw.get('series', [])
        """What it runs on, in older charms."""
        self.subordinate: bool = raw.get('subordinate', False)
        """Whether its units belong to others."""
        self.min_juju_version: str | None = raw.get('min-juju-version')
        """The oldest Juju that will do."""
        self.assumes = JujuAssumes.from_list(raw.get('assumes') or [])
        """What it needs."""
        self.charm_user: Literal['root', 'sudoer', 'non-root'] = raw.get('charm-user', 'root')
        """Whom it runs as."""

    @staticmethod
    def from_charm_root(charm_root: pathlib.Path | str) -> CharmMeta:
        """Read the files of a charm. metadata.yaml must be there.

        Raises:
            FileNotFoundError: when it is not.
            ValueError: when a file is no YAML; it says where.
        """
        from . import _yaml

        files: list[Any] = []
        for name in ('metadata.yaml', 'actions.yaml', 'config.yaml'):
            path = os.path.join(charm_root, name)
            if name != 'metadata.yaml' and not os.path.exists(path):
                files.append(None)
                continue
            with open(path, encoding='utf-8') as f:
                try:
                    files.append(_yaml.load(f))
                except _yaml.YAMLError as e:
                    raise _yaml.YAMLError(f'{name}: {e}') from None
        return CharmMeta(*files)

    @classmethod
    def from_yaml(
        cls,
        metadata: str | TextIO,
        actions: str | TextIO | None = None,
        config: str | TextIO | None = None,
    ) -> CharmMeta:
        """Read texts or open files."""
        from . import _yaml

        return cls(*(None if source is None else _yaml.load(source) for source in (metadata, actions, config)))


def _list(value: Any) -> List[str]:
    """One text, a list of them, or nothing, as a list."""
    if not value:
        return []
    return [value] if isinstance(value, str) else list(value)


def _named(cls: Any, entries: Any) -> Dict[str, Any]:
    return {name: cls(name, raw) for name, raw in (entries or {}).items()}


def _endpoints(role: RelationRole, raw: Dict[str, Any]) -> Dict[str, RelationMeta]:
    section = 'peers' if role.is_peer() else role.value
    return {name: RelationMeta(role, name, entry) for name, entry in (raw.get(section) or {}).items()}
