"""Tracing, as far as it is here: charms that set it up work, and nothing is recorded or sent.

Where the package `ops_tracing` is installed, `ops.tracing` is that package and not this module.
"""

from __future__ import annotations

import logging

from .framework import Object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .charm import CharmBase

__all__ = ['Tracing', 'set_destination']

logger = logging.getLogger(__name__)


class Tracing(Object):
    """Says where traces would go.

    Args:
        charm: the charm.
        tracing_relation_name: the endpoint, of interface `tracing`, that tells where to.
        ca_relation_name: the endpoint, of interface `certificate_transfer`, that tells whom to trust.
        ca_data: certificates to trust, when there is no such endpoint.

    Raises:
        ValueError: when the charm has no such endpoint, or both sources of certificates are given.
    """

    def __init__(
        self,
        charm: CharmBase,
        tracing_relation_name: str,
        *,
        ca_relation_name: str | None = None,
        ca_data: str | None = None,
    ):
        super().__init__(charm, f'{tracing_relation_name}+{ca_relation_name}')
        if ca_data is not None and ca_relation_name:
            raise ValueError('ca_data and ca_relation_name are mutually exclusive')
        for name, interface in ((tracing_relation_name, 'tracing'), (ca_relation_name, 'certificate_transfer')):
            endpoint = charm.meta.relations.get(name or '')
            if name and endpoint is None:
                raise ValueError(f'the charm has no endpoint {name!r}')
            if endpoint is not None and endpoint.interface_name != interface:
                raise ValueError(f'endpoint {name!r} has interface {endpoint.interface_name!r}, needed is {interface!r}')
        logger.debug('This library records no traces.')


def set_destination(url: str | None, ca: str | None) -> None:
    """Say where traces would go.

    Raises:
        ValueError: when the address is none.
    """
    if url is not None and not url.startswith(('http://', 'https://')):
        raise ValueError('the destination of traces is an address that begins with http:// or https://')
