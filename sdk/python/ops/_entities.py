"""Units and applications."""

from __future__ import annotations

import weakref

from ._errors import InvalidStatusError, ModelError
from ._status import StatusBase, UnknownStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from typing import Any, Dict, Literal

    from ._backend import _ModelBackend
    from ._container import Container
    from ._container_views import ContainerMapping
    from ._holdings import Port
    from ._meta import CharmMeta
    from ._secret import Secret, SecretRotate


class _ModelCache:
    """Units and applications, one object for each."""

    __module__ = 'ops.model'

    def __init__(self, meta: CharmMeta, backend: _ModelBackend):
        self._meta, self._backend = meta, backend
        self._known: weakref.WeakValueDictionary[tuple[type[Any], str], Any] = weakref.WeakValueDictionary()

    def get(self, entity_type: type[Any], name: str) -> Any:
        entity = self._known.get((entity_type, name))
        if entity is None:
            entity = self._known[entity_type, name] = entity_type(name, self._meta, self._backend, self)
        return entity


class _Entity:
    """What a unit and an application have in common."""

    __module__ = 'ops.model'
    _word = ''

    def __init__(self, name: str, backend: _ModelBackend, ours: str):
        self.name, self._backend = name, backend
        self._ours = name == ours
        self._status: StatusBase | None = None
        self._collected_statuses: list[StatusBase] = []

    def _invalidate(self) -> None:
        self._status = None

    def _read_status(self, is_app: bool) -> StatusBase:
        if not self._ours:
            return UnknownStatus()
        if self._status is None:
            raw = self._backend.status_get(is_app=is_app)
            self._status = StatusBase.from_name(raw['status'], raw['message'])
        return self._status

    def _write_status(self, value: StatusBase, is_app: bool) -> None:
        if not isinstance(value, StatusBase):
            raise InvalidStatusError(f'invalid value provided for {self._word} {self} status: {value}')
        if not self._ours:
            raise RuntimeError(f'cannot set status for a remote {self._word} {self}')
        if is_app:
            self._lead('set')
        self._backend.status_set(value.name, value.message, is_app=is_app)
        self._status = value

    def _lead(self, verb: str) -> None:
        if not self._backend.is_leader():
            from .log import security_event

            security_event('CRITICAL', 'authz_fail', f'status-{verb}', 'only the leader has the application status')
            raise RuntimeError(f'cannot {verb} application status as a non-leader unit')

    def _add_secret(
        self, owner: str, content: Dict[str, str], label: str | None, description: str | None, expire: Any, rotate: Any
    ) -> Secret:
        from ._secret import Secret, expiry

        Secret._validate_content(content)
        id = self._backend.secret_add(
            content, label=label, description=description, expire=expiry(expire), rotate=rotate, owner=owner
        )
        return Secret(self._backend, id=id, label=label, content=dict(content))

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__name__} {self.name}>'


class Application(_Entity):
    """An application: the charm's own, or one that it has a relation with."""

    __module__ = 'ops.model'
    name: str
    """What it was deployed as."""
    _word = 'application'

    def __init__(self, name: str, meta: CharmMeta, backend: _ModelBackend, cache: _ModelCache):
        super().__init__(name, backend, backend.app_name)
        self._is_our_app = self._ours

    @property
    def status(self) -> StatusBase:
        """How the application is. Only its leader knows and sets it; of others it is unknown.

        Raises:
            RuntimeError: for a unit that does not lead, or when it is set for another application.
            InvalidStatusError: when it is set to what is no status.
        """
        if self._ours:
            self._lead('get')
        return self._read_status(is_app=True)

    @status.setter
    def status(self, value: StatusBase) -> None:
        self._write_status(value, is_app=True)

    def planned_units(self) -> int:
        """How many units the application is meant to have: those that are not on their way out.

        Raises:
            RuntimeError: for another application.
        """
        if not self._ours:
            raise RuntimeError(f'cannot get planned units for a remote application {self}.')
        return self._backend.planned_units()

    def add_secret(
        self,
        content: Dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | datetime.timedelta | None = None,
        rotate: SecretRotate | None = None,
    ) -> Secret:
        """Create a secret of the application.

        Args:
            content: keys of lower-case letters, digits and dashes, with their values.
            label: a name for this application's own use.
            description: for people.
            expire: when, or in how long, the content should no longer be used.
            rotate: how often the charm wants to be asked for new content.

        Raises:
            ValueError, TypeError: for content that a secret cannot have.
            ModelError: for a unit that does not lead.
        """
        return self._add_secret('application', content, label, description, expire, rotate)


class Unit(_Entity):
    """A unit: the charm's own, a peer, or one of another application."""

    __module__ = 'ops.model'
    name: str
    """As `web/0`."""
    app: Application
    """Its application."""
    _word = 'unit'

    def __init__(self, name: str, meta: CharmMeta, backend: _ModelBackend, cache: _ModelCache):
        super().__init__(name, backend, backend.unit_name)
        self.app = cache.get(Application, name.partition('/')[0])
        self._is_our_unit = self._ours
        self._meta = meta
        self._containers: ContainerMapping | None = None

    @property
    def status(self) -> StatusBase:
        """How the unit is; of another unit it is unknown.

        Raises:
            RuntimeError: when it is set for another unit.
            InvalidStatusError: when it is set to what is no status.
        """
        return self._read_status(is_app=False)

    @status.setter
    def status(self, value: StatusBase) -> None:
        self._write_status(value, is_app=False)

    def is_leader(self) -> bool:
        """Whether this unit leads its application: true holds for 30 seconds at least.

        Raises:
            RuntimeError: for another unit.
        """
        if not self._ours:
            raise RuntimeError(f'leadership status of remote units ({self}) is not visible to other applications')
        return self._backend.is_leader()

    def set_workload_version(self, version: str) -> None:
        """Show users which version of the workload runs."""
        if not isinstance(version, str):
            raise TypeError(f'workload version must be a str, not {type(version).__name__}: {version!r}')
        self._backend.application_version_set(version)

    @property
    def containers(self) -> Mapping[str, Container]:
        """The unit's containers by name.

        Raises:
            RuntimeError: for another unit.
        """
        if not self._ours:
            raise RuntimeError(f'cannot get container for a remote unit {self}')
        if self._containers is None:
            from ._container_views import ContainerMapping

            self._containers = ContainerMapping(self._meta.containers, self._backend)
        return self._containers

    def get_container(self, container_name: str) -> Container:
        """One container.

        Raises:
            ModelError: when the charm's metadata has none of that name.
        """
        try:
            return self.containers[container_name]
        except KeyError:
            raise ModelError(f'container {container_name!r} not found') from None

    def add_secret(
        self,
        content: Dict[str, str],
        *,
        label: str | None = None,
        description: str | None = None,
        expire: datetime.datetime | datetime.timedelta | None = None,
        rotate: SecretRotate | None = None,
    ) -> Secret:
        """Create a secret of this unit; the arguments are those of `Application.add_secret`."""
        return self._add_secret('unit', content, label, description, expire, rotate)

    def open_port(self, protocol: Literal['tcp', 'udp', 'icmp'], port: int | None = None) -> None:
        """Open a port to the outside, once the application is exposed. See also `set_ports`."""
        self._backend.open_port(protocol.lower(), port)

    def close_port(self, protocol: Literal['tcp', 'udp', 'icmp'], port: int | None = None) -> None:
        """Close a port that this unit opened."""
        self._backend.close_port(protocol.lower(), port)

    def opened_ports(self) -> set[Port]:
        """The ports that this unit has open."""
        return self._backend.opened_ports()

    def set_ports(self, *ports: int | Port) -> None:
        """Have these ports open, a number meaning TCP, and no others."""
        from ._holdings import Port

        wanted = {Port('tcp', port) if isinstance(port, int) else Port(port.protocol, port.port) for port in ports}
        opened = self._backend.opened_ports()
        for port in opened - wanted:
            self._backend.close_port(port.protocol, port.port)
        for port in wanted - opened:
            self._backend.open_port(port.protocol, port.port)

    def reboot(self, now: bool = False) -> None:
        """Reboot the machine after this hook; or at once, which ends the charm here and runs the hook again after.

        Raises:
            RuntimeError: for another unit.
            ModelError: when it cannot be, as on Kubernetes.
        """
        if not self._ours:
            raise RuntimeError(f'cannot reboot a remote unit {self}')
        self._backend.reboot(now)
