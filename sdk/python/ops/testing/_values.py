"""The smaller parts of a state."""

from __future__ import annotations

import copy
import random
import string
import uuid

from ._piece import Counter, Piece, check_name, fresh, piece, strings
from .errors import StateValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    import pathlib
    from typing import Any, Iterable, Mapping, Sequence

    import ops

    from ._context import Context

next_storage_index = Counter(0)


@piece
class JujuLogLine(Piece):
    """A line that the charm logged."""

    _positional = 2

    level: str
    """The level, as "DEBUG"."""
    message: str
    """The line."""


@piece
class CloudCredential(Piece):
    """A credential for the cloud."""

    _positional = 0

    auth_type: str
    """How it authenticates."""
    attributes: Mapping[str, str] = fresh(dict)
    """Its parts."""
    redacted: Sequence[str] = ()
    """Names of parts that are secret."""

    def _settle(self) -> None:
        self._put(attributes=dict(self.attributes), redacted=strings(self.redacted, 'redacted'))


@piece
class CloudSpec(Piece):
    """The cloud that the model is in."""

    type: str
    name: str = 'localhost'
    region: str | None = None
    endpoint: str | None = None
    identity_endpoint: str | None = None
    storage_endpoint: str | None = None
    credential: CloudCredential | None = None
    ca_certificates: Sequence[str] = ()
    skip_tls_verify: bool = False
    is_controller_cloud: bool = False

    def _settle(self) -> None:
        self._put(ca_certificates=strings(self.ca_certificates, 'ca_certificates'))

    def _to_tool(self) -> dict[str, Any]:
        """As credential-get answers."""
        credential = self.credential
        out = {
            'type': self.type,
            'name': self.name,
            'region': self.region,
            'endpoint': self.endpoint,
            'identity-endpoint': self.identity_endpoint,
            'storage-endpoint': self.storage_endpoint,
            'cacertificates': list(self.ca_certificates),
            'skip-tls-verify': self.skip_tls_verify,
            'is-controller-cloud': self.is_controller_cloud,
        }
        if credential is not None:
            out['credential'] = {
                'auth-type': credential.auth_type,
                'attrs': dict(credential.attributes),
                'redacted': list(credential.redacted),
            }
        return {key: value for key, value in out.items() if value is not None}


def secret_id() -> str:
    """A new id for a secret."""
    return 'secret:' + ''.join(random.choice(string.ascii_lowercase + string.digits) for _ in range(20))


@piece
class Secret(Piece):
    """A secret that the charm can read, and manage if it owns it."""

    _key = 'id'

    tracked_content: Mapping[str, str]
    """What the charm gets unless it asks for the latest."""
    latest_content: Mapping[str, str] | None = None
    """What the owner has set last; the same unless given."""
    id: str = fresh(secret_id)
    """Its id, "secret:" and twenty letters and digits."""
    owner: str | None = None
    """"unit", "app", or None if somebody else owns it."""
    remote_grants: Mapping[int, Iterable[str]] = fresh(dict)
    """Who was granted it, by relation."""
    label: str | None = None
    """The charm's name for it."""
    description: str | None = None
    """What it is for."""
    expire: datetime.datetime | None = None
    """When the owner is told that it expires."""
    rotate: ops.SecretRotate | None = None
    """How often the owner is told to rotate it."""

    # How often the content was set. No fields: two secrets with the same content are the same.
    _tracked_revision = 1
    _latest_revision = 1

    def _settle(self) -> None:
        latest = self.tracked_content if self.latest_content is None else self.latest_content
        _check_content('tracked_content', self.tracked_content)
        _check_content('latest_content', latest)
        grants = {k: frozenset(strings(v, 'remote_grants[%r]' % k)) for k, v in self.remote_grants.items()}
        self._put(
            tracked_content=dict(self.tracked_content),
            latest_content=dict(latest),
            remote_grants=grants,
            id=secret_id() if self.id is None else self.id,
        )


def _check_content(what: str, content: Any) -> None:
    if not isinstance(content, dict):
        raise StateValidationError('Secret.%s must be a dict, not a %s' % (what, type(content).__name__))
    if not content:
        raise StateValidationError('Secret.%s is empty, and a secret has at least one key' % what)
    wrong = {k: v for k, v in content.items() if not isinstance(k, str) or not isinstance(v, str)}
    if wrong:
        raise StateValidationError('Secret.%s holds strings, not %r' % (what, wrong))


@piece
class Address(Piece):
    """An address of an interface."""

    value: str
    """The address."""
    hostname: str = ''
    """Its name."""
    cidr: str = ''
    """Its network."""

    @property
    def address(self) -> str:
        """The older name of `value`."""
        return self.value


@piece
class BindAddress(Piece):
    """An interface and its addresses."""

    addresses: Sequence[Address]
    """Its addresses."""
    interface_name: str = ''
    """Its name."""
    mac_address: str | None = None
    """Its hardware's address."""

    def _settle(self) -> None:
        self._put(addresses=list(self.addresses))


@piece
class Network(Piece):
    """What network-get answers for a binding, where the default will not do."""

    _positional = 2
    _key = 'binding_name'

    binding_name: str
    """An endpoint, or an extra binding of the metadata."""
    bind_addresses: Sequence[BindAddress] = fresh(lambda: [BindAddress([Address('192.0.2.0')])])
    """Where to listen."""
    ingress_addresses: Sequence[str] = ('192.0.2.0',)
    """What to tell others."""
    egress_subnets: Sequence[str] = ('192.0.2.0/24',)
    """Where others see this unit come from."""

    def _settle(self) -> None:
        self._put(
            bind_addresses=list(self.bind_addresses),
            ingress_addresses=strings(self.ingress_addresses, 'ingress_addresses'),
            egress_subnets=strings(self.egress_subnets, 'egress_subnets'),
        )

    def _to_tool(self) -> dict[str, Any]:
        """As network-get answers."""
        interfaces = []
        for bind in self.bind_addresses:
            addresses = [{'hostname': a.hostname, 'value': a.value, 'cidr': a.cidr} for a in bind.addresses]
            interface: dict[str, Any] = {'interface-name': bind.interface_name, 'addresses': addresses}
            if bind.mac_address:
                interface['mac-address'] = bind.mac_address
            interfaces.append(interface)
        return {
            'bind-addresses': interfaces,
            'egress-subnets': list(self.egress_subnets),
            'ingress-addresses': list(self.ingress_addresses),
        }


def _model_name() -> str:
    return ''.join(random.choice(string.ascii_letters + string.digits) for _ in range(20))


@piece
class Model(Piece):
    """The model that the charm is in."""

    name: str = fresh(_model_name)
    """Its name."""
    uuid: str = fresh(lambda: str(uuid.uuid4()))
    """Its id."""
    type: str = 'kubernetes'
    """"kubernetes" or "lxd"."""
    cloud_spec: CloudSpec | None = None
    """What credential-get answers, if the application is trusted."""


@piece
class StoredState(Piece):
    """What the charm keeps from one event to the next."""

    name: str = '_stored'
    """The attribute that it is stored under."""
    owner_path: str | None = None
    """The object that has the attribute, as "MyCharm" or "MyCharm/library"; None for the framework."""
    content: Mapping[str, Any] = fresh(dict)
    """What is stored: simple types only."""
    _data_type_name: str = 'StoredStateData'

    def _settle(self) -> None:
        self._put(content=copy.deepcopy(self.content))

    @property
    def _handle_path(self) -> str:
        path = '%s[%s]' % (self._data_type_name, self.name)
        if self.owner_path is None and 'event_count' in self.content:
            return path  # the framework's own counter of events
        return '%s/%s' % (self.owner_path or '', path)

    def __hash__(self) -> int:
        return hash(self._handle_path)


@piece
class Port(Piece):
    """An opened port. Make a TCPPort, UDPPort or ICMPPort."""

    port: int | None = None
    """Its number."""
    protocol: str = 'tcp'
    """Its protocol."""

    def _settle(self) -> None:
        if type(self) is Port:
            raise RuntimeError('a Port has no protocol yet: make a TCPPort, UDPPort or ICMPPort')
        if type(self) is ICMPPort:
            if self.port is not None:
                raise StateValidationError('ICMP has no ports, so `port` cannot be %r' % (self.port,))
        elif self.port is None:
            raise TypeError('%s needs the argument port' % type(self).__name__)
        elif not 1 <= self.port <= 65535:
            raise StateValidationError('`port` must be within 1 and 65535, not %r' % (self.port,))

    def __eq__(self, other: object) -> bool:
        mine = (self.protocol, self.port)
        return mine == (getattr(other, 'protocol', None), getattr(other, 'port', None))

    def __hash__(self) -> int:
        return hash((self.port, self.protocol))


class TCPPort(Port):
    """An opened TCP port."""

    _positional = 2


class UDPPort(Port):
    """An opened UDP port."""

    protocol = 'udp'

    def __init__(self, port: int | None = None, protocol: str = 'udp'):
        super().__init__(port, protocol=protocol)


class ICMPPort(Port):
    """That ICMP is let in."""

    protocol = 'icmp'

    def __init__(self, port: int | None = None, *, protocol: str = 'icmp'):
        super().__init__(port, protocol=protocol)


PORTS = {'tcp': TCPPort, 'udp': UDPPort, 'icmp': ICMPPort}
"""The class for each protocol."""


@piece
class Storage(Piece):
    """A storage that is attached."""

    name: str
    """Its name in the metadata."""
    index: int = fresh(next_storage_index)
    """Its number."""

    def _settle(self) -> None:
        check_name(self.name, 'storage')

    def __eq__(self, other: object) -> bool:
        return (self.name, self.index) == (getattr(other, 'name', None), getattr(other, 'index', None))

    def __hash__(self) -> int:
        return hash((self.name, self.index))

    def get_filesystem(self, ctx: Context[Any]) -> pathlib.Path:
        """The directory that plays the storage in a context."""
        return ctx._storage_root(self.name, self.index)


@piece
class Resource(Piece):
    """A resource, and a file that plays it."""

    _positional = 0

    name: str
    """Its name in the metadata."""
    path: str | pathlib.Path
    """The file."""


@piece
class DeferredEvent(Piece):
    """An event that an earlier run deferred. Make it with the `deferred` of an event."""

    _positional = 4

    handle_path: str
    owner: str
    observer: str
    snapshot_data: dict[Any, Any] = fresh(dict)

    def __hash__(self) -> int:
        return hash((self.handle_path, self.owner, self.observer))

    @property
    def name(self) -> str:
        """The event, as "config_changed"."""
        return self.handle_path.rpartition('/')[2].partition('[')[0]
