"""What the hook tools answer, as values."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence
from typing import Any, Dict, List, Literal, Union

from .._record import record
from .._time import parse

SecretRotate = Literal['never', 'hourly', 'daily', 'weekly', 'monthly', 'quarterly', 'yearly']
SettableStatusName = Literal['active', 'blocked', 'maintenance', 'waiting']
ReadOnlyStatusName = Literal['error', 'unknown']
StatusName = Union[SettableStatusName, ReadOnlyStatusName]


def _when(text: str | None) -> datetime.datetime | None:
    return parse(text) if text else None


@record
class Address:
    """One address of an interface."""

    hostname: str
    value: str
    cidr: str

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> Address:
        value = d['value'] if 'value' in d else d.get('address', '')
        return cls(hostname=d.get('hostname', ''), value=value, cidr=d.get('cidr', ''))


@record
class BindAddress:
    """The addresses of an interface."""

    mac_address: str
    interface_name: str
    addresses: List[Address] = []

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> BindAddress:
        addresses = [Address._from_dict(a) for a in d.get('addresses') or []]
        return cls(d.get('mac-address', ''), d.get('interface-name', ''), addresses)


@record
class CloudCredential:
    """A credential for a cloud."""

    auth_type: str
    attributes: Dict[str, str] = {}
    redacted: List[str] = []

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> CloudCredential:
        return cls(d['auth-type'], dict(d.get('attrs') or {}), list(d.get('redacted') or []))


@record
class CloudSpec:
    """A cloud, and how to get at it."""

    type: str
    name: str
    region: str | None = None
    endpoint: str | None = None
    identity_endpoint: str | None = None
    storage_endpoint: str | None = None
    credential: CloudCredential | None = None
    ca_certificates: List[str] = []
    skip_tls_verify: bool = False
    is_controller_cloud: bool = False

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> CloudSpec:
        texts = ('region', 'endpoint', 'identity-endpoint', 'storage-endpoint')
        return cls(
            type=d['type'],
            name=d['name'],
            **{key.replace('-', '_'): d.get(key) or None for key in texts},  # type: ignore[arg-type]
            credential=CloudCredential._from_dict(d['credential']) if d.get('credential') else None,
            ca_certificates=list(d.get('cacertificates') or []),
            skip_tls_verify=bool(d.get('skip-tls-verify')),
            is_controller_cloud=bool(d.get('is-controller-cloud')),
        )


@record
class Goal:
    """What a unit, or an application, is on its way to."""

    status: str
    since: datetime.datetime

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> Goal:
        return cls(status=d['status'], since=parse(d['since']))


@record
class GoalState:
    """What is planned for an application and its relations."""

    units: Dict[str, Goal]
    relations: Dict[str, Dict[str, Goal]]

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> GoalState:
        def goals(raw: Dict[str, Any] | None) -> Dict[str, Goal]:
            return {name: Goal._from_dict(goal) for name, goal in (raw or {}).items()}

        relations = {name: goals(raw) for name, raw in (d.get('relations') or {}).items()}
        return cls(units=goals(d.get('units')), relations=relations)


@record
class Network:
    """Addresses of this unit on one network."""

    bind_addresses: Sequence[BindAddress]
    egress_subnets: Sequence[str]
    ingress_addresses: Sequence[str]

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> Network:
        bind = [BindAddress._from_dict(b) for b in d.get('bind-addresses') or []]
        return cls(bind, d.get('egress-subnets') or [], d.get('ingress-addresses') or [])


@record
class Port:
    """An open port, or a range of them."""

    protocol: Literal['tcp', 'udp', 'icmp'] | None = 'tcp'
    port: int | None = None
    """None for ICMP."""
    to_port: int | None = None
    """The last of a range."""
    endpoints: List[str] | None = None
    """The endpoints that it is open for, `*` for all; None when that was not asked."""


@record
class RelationModel:
    """The model on the other side of a relation."""

    uuid: str

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> RelationModel:
        return cls(uuid=d['uuid'])


@record
class SecretInfo:
    """What is known of a secret beside its content."""

    revision: int
    id: str = ''
    label: str = ''
    description: str = ''
    expiry: datetime.datetime | None = None
    rotation: SecretRotate | None = None
    rotates: datetime.datetime | None = None

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> SecretInfo:
        id, about = next(iter(d.items()))
        return cls(
            revision=about['revision'],
            id=id,
            label=about.get('label'),
            description=about.get('description'),
            expiry=_when(about.get('expiry')),
            rotation=about.get('rotation'),
            rotates=_when(about.get('rotates')),
        )


@record
class Storage:
    """A storage of this unit."""

    kind: str
    location: pathlib.Path

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> Storage:
        return cls(kind=d['kind'], location=pathlib.Path(d['location']))


@record
class UnitStatus:
    """How a unit is."""

    status: str = ''
    message: str = ''
    status_data: Dict[str, Any] = {}

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> UnitStatus:
        return cls(status=d['status'], message=d['message'], status_data=d.get('status-data') or {})


@record
class AppStatus:
    """How an application and its units are."""

    status: str = ''
    message: str = ''
    status_data: Dict[str, Any] = {}
    units: Dict[str, UnitStatus] = {}

    @classmethod
    def _from_dict(cls, d: Dict[str, Any]) -> AppStatus:
        own = d['application-status']
        raw = own.get('units') or d.get('units') or {}
        units = {name: UnitStatus._from_dict(unit) for name, unit in raw.items()}
        return cls(own['status'], own['message'], own.get('status-data') or {}, units)
