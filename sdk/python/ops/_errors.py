"""What the model raises. All of it is public as `ops.NAME` and `ops.model.NAME`."""

from __future__ import annotations


class ModelError(Exception):
    """The model refused, or has not what was asked for."""

    __module__ = 'ops.model'


class TooManyRelatedAppsError(ModelError):
    """One relation was asked for, and there are several."""

    __module__ = 'ops.model'

    def __init__(self, relation_name: str, num_related: int, max_supported: int):
        super().__init__(
            f'Too many remote applications on {relation_name} ({num_related} > {max_supported}):'
            ' say which relation by its id, or go through model.relations'
        )
        self.relation_name, self.num_related, self.max_supported = relation_name, num_related, max_supported


class RelationDataError(ModelError):
    """A databag was used in a way that it does not allow."""

    __module__ = 'ops.model'


class RelationDataTypeError(RelationDataError):
    """Keys and values of a databag are strings."""

    __module__ = 'ops.model'


class RelationDataAccessError(RelationDataError):
    """This unit may not read or write this databag."""

    __module__ = 'ops.model'


class RelationNotFoundError(ModelError):
    """There is no such relation (any more)."""

    __module__ = 'ops.model'


class InvalidStatusError(ModelError):
    """A status is one of the classes for it, and a charm may set four of them."""

    __module__ = 'ops.model'


class SecretNotFoundError(ModelError):
    """There is no such secret, or it was not granted to this unit."""

    __module__ = 'ops.model'
