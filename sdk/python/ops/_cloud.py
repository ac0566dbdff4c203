"""Clouds, and models on the other side of a relation."""

from __future__ import annotations

from ._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List


@record
class RemoteModel:
    """The model on the other side of a relation."""

    __module__ = 'ops.model'
    uuid: str
    """Its identifier."""


@record
class CloudCredential:
    """A credential for a cloud."""

    __module__ = 'ops.model'
    auth_type: str
    """Of what kind it is."""
    attributes: Dict[str, str] = {}
    """What it consists of."""
    redacted: List[str] = []
    """Attributes that are there but not shown."""

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> CloudCredential:
        """Read what credential-get prints."""
        return cls(
            auth_type=d['auth-type'], attributes=dict(d.get('attrs') or {}), redacted=list(d.get('redacted') or [])
        )


@record
class CloudSpec:
    """A cloud, and how to get at it."""

    __module__ = 'ops.model'
    type: str
    """Of what kind it is."""
    name: str
    """What the controller calls it."""
    region: str | None = None
    """Its region."""
    endpoint: str | None = None
    """Where its API is."""
    identity_endpoint: str | None = None
    """Where its API for identities is."""
    storage_endpoint: str | None = None
    """Where its API for storage is."""
    credential: CloudCredential | None = None
    """What opens it."""
    ca_certificates: List[str] = []
    """Certificates to trust."""
    skip_tls_verify: bool = False
    """Whether to trust any certificate."""
    is_controller_cloud: bool = False
    """Whether the controller runs there too."""

    @classmethod
    def from_dict(cls, d: Dict[str, Any]) -> CloudSpec:
        """Read what credential-get prints."""
        credential = d.get('credential')
        return cls(
            type=d['type'],
            name=d['name'],
            region=d.get('region') or None,
            endpoint=d.get('endpoint') or None,
            identity_endpoint=d.get('identity-endpoint') or None,
            storage_endpoint=d.get('storage-endpoint') or None,
            credential=CloudCredential.from_dict(credential) if credential else None,
            ca_certificates=list(d.get('cacertificates') or []),
            skip_tls_verify=bool(d.get('skip-tls-verify')),
            is_controller_cloud=bool(d.get('is-controller-cloud')),
        )
