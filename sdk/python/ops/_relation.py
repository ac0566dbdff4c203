"""Relations and their databags."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping

from ._errors import (
    ModelError,
    RelationDataAccessError,
    RelationDataTypeError,
    RelationNotFoundError,
    TooManyRelatedAppsError,
)
from ._lazy import LazyMapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Dict, List, TypeVar, Union

    from ._backend import _ModelBackend
    from .charm import RelationMeta
    from .model import Application, RemoteModel, Unit, _ModelCache

    _T = TypeVar('_T')
    _RelationLists = Mapping[str, List['Relation']]
    _Databags = Mapping[Union[Unit, Application], 'RelationDataContent']
    _Strings = MutableMapping[str, str]
else:
    _RelationLists, _Databags, _Strings = Mapping, Mapping, MutableMapping


class RelationMapping(_RelationLists):
    """The relations of each endpoint; the one that is being broken is not among them."""

    __module__ = 'ops.model'

    def __init__(
        self,
        relations_meta: Dict[str, RelationMeta],
        our_unit: Unit,
        backend: _ModelBackend,
        cache: _ModelCache,
        broken_relation_id: int | None,
        _remote_unit: Unit | None = None,
    ):
        self._peers = {name for name, meta in relations_meta.items() if meta.role.is_peer()}
        self._our_unit, self._remote_unit = our_unit, _remote_unit
        self._backend, self._cache = backend, cache
        self._broken_relation_id = broken_relation_id
        self._data: dict[str, list[Relation] | None] = dict.fromkeys(relations_meta)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __getitem__(self, relation_name: str) -> list[Relation]:
        known = self._data[relation_name]
        if known is None:
            known = self._data[relation_name] = [
                self._make(relation_name, id, True)
                for id in self._backend.relation_ids(relation_name)
                if id != self._broken_relation_id
            ]
        return known

    def _make(self, name: str, id: int, active: bool) -> Relation:
        return Relation(
            name,
            id,
            name in self._peers,
            self._our_unit,
            self._backend,
            self._cache,
            active=active,
            _remote_unit=self._remote_unit,
        )

    def _invalidate(self, relation_name: str) -> None:
        self._data[relation_name] = None

    def _get_unique(self, relation_name: str, relation_id: int | None = None) -> Relation | None:
        if relation_id is None:
            known = self[relation_name]
            if len(known) > 1:
                raise TooManyRelatedAppsError(relation_name, len(known), 1)
            return known[0] if known else None
        if not isinstance(relation_id, int):
            kind = type(relation_id).__name__
            raise ModelError(f'relation id {relation_id} must be int or None, not {kind}')
        for relation in self[relation_name]:
            if relation.id == relation_id:
                return relation
        return self._make(relation_name, relation_id, False)  # gone, or going: its data may still be read


class Relation:
    """A relation of the application with another one, or among its own units."""

    __module__ = 'ops.model'
    name: str
    """The endpoint."""
    id: int
    """Its number in the model."""
    app: Application
    """The other application; of a peer relation this one."""
    units: set[Unit]
    """The units that have joined: those of the other application, or the peers of this unit."""
    data: RelationData
    """The databags, under the unit or the application that each belongs to."""
    active: bool
    """False when it is being broken, or gone."""

    def __init__(
        self,
        relation_name: str,
        relation_id: int,
        is_peer: bool,
        our_unit: Unit,
        backend: _ModelBackend,
        cache: _ModelCache,
        active: bool = True,
        _remote_unit: Unit | None = None,
    ):
        self.name, self.id, self.active = relation_name, relation_id, active
        self._backend = backend
        self._remote_model: RemoteModel | None = None
        kind, app_kind = type(our_unit), type(our_unit.app)
        try:
            names = backend.relation_list(relation_id, relation_name=relation_name)
            self.units = {cache.get(kind, name) for name in names}
        except RelationNotFoundError:
            self.active, names = False, []
            self.units = set()
        app: Application | None = None
        if is_peer:
            app = our_unit.app
        elif names:
            app = cache.get(kind, names[0]).app
        else:
            app_name = backend.relation_remote_app_name(relation_id, relation_name=relation_name)
            app = cache.get(app_kind, app_name) if app_name is not None else None
        self.app = app  # type: ignore[assignment]
        leaving = _remote_unit
        if is_peer or app is None or (leaving is not None and leaving.app is not app):
            leaving = None
        self.data = RelationData(self, our_unit, backend, leaving)

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__name__} {self.name}:{self.id}>'

    @property
    def remote_model(self) -> RemoteModel:
        """The model on the other side, which may be this one."""
        if self._remote_model is None:
            from .model import RemoteModel

            answer = self._backend.relation_model_get(self.id, relation_name=self.name)
            self._remote_model = RemoteModel(uuid=answer['uuid'])
        return self._remote_model

    def load(
        self,
        cls: type[_T],
        src: Unit | Application,
        *args: Any,
        decoder: Callable[[str], Any] | None = None,
        **kwargs: Any,
    ) -> _T:
        """Make an object of a databag: `relation.load(DatabaseData, relation.app)`.

        Args:
            cls: a dataclass, a Pydantic class, or any class that takes the values by name. Fields may have an alias.
            src: whose databag it is. Keys that the class has no field for are left out.
            args: handed to the class first.
            decoder: what makes a value of a text; by default JSON.
            kwargs: values that the class gets beside those of the databag.
        """
        import copy

        from ._fields import arguments

        if decoder is None:
            import json

            decoder = json.loads
        fields = arguments(cls)
        values: dict[str, Any] = copy.deepcopy(kwargs)
        for key, text in sorted(self.data[src].items()):
            if fields is None:
                values[key] = decoder(text)
            elif key in fields:
                values[fields[key]] = decoder(text)
        return cls(*args, **values)

    def save(
        self, obj: object, dst: Unit | Application, *, encoder: Callable[[Any], str] | None = None
    ) -> None:
        """Write the fields of an object into a databag.

        Args:
            obj: of a class as `load` takes; any other class needs type annotations.
            dst: whose databag it is: that of this unit, or of the application when this unit leads.
            encoder: what makes a text of a value; by default JSON.

        Raises:
            RelationDataTypeError: when the encoder does not make a text.
            RelationDataAccessError: when this unit may not write that databag.
        """
        from ._fields import values

        if encoder is None:
            import json

            encoder = json.dumps
        absent = object()
        texts = {
            key: '' if value is absent else encoder(value) for key, value in sorted(values(obj, absent).items())
        }
        self.data[dst].update(texts)


class RelationData(_Databags):
    """The databags of a relation."""

    __module__ = 'ops.model'

    def __init__(
        self, relation: Relation, our_unit: Unit, backend: _ModelBackend, remote_unit: Unit | None = None
    ):
        self.relation: Relation = weakref.proxy(relation)
        owners: list[Any] = [our_unit, our_unit.app, *relation.units, relation.app, remote_unit]
        self._data: dict[Unit | Application, RelationDataContent] = {
            owner: RelationDataContent(self.relation, owner, backend) for owner in owners if owner is not None
        }

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Unit | Application]:
        return iter(self._data)

    def __getitem__(self, key: Unit | Application) -> RelationDataContent:
        if key is None and self.relation.app is None:
            raise KeyError(f'the other application of {self.relation} is not known, so it has no data here')
        return self._data[key]

    def __repr__(self) -> str:
        return repr(self._data)


class RelationDataContent(LazyMapping, _Strings):
    """One databag: strings by key. Setting an empty one deletes the key."""

    __module__ = 'ops.model'

    def __init__(self, relation: Relation, entity: Unit | Application, backend: _ModelBackend):
        self.relation, self._entity, self._backend = relation, entity, backend
        self._is_app = '/' not in entity.name

    def _load(self) -> dict[str, str]:
        try:
            return self._backend.relation_get(
                self.relation.id, self._entity.name, self._is_app, relation_name=self.relation.name
            )
        except RelationNotFoundError:
            return {}

    @property
    def _hook_is_running(self) -> bool:
        """Only a charm is held to the rules; a test that prepares a model outside of events is not."""
        return bool(self._backend._hook_is_running)

    def _validate_read(self) -> None:
        """Refuse the application's own databag to a unit that does not lead; peers read it through the model too."""
        if not self._hook_is_running or not self._is_app or self._backend.is_leader():
            return
        if self.relation.app is None:
            raise RelationDataAccessError(f'the other application of {self.relation} is not known, so its data is not')
        if self._entity.name == self._backend.app_name and self.relation.app.name != self._entity.name:
            name = self._backend.unit_name
            raise RelationDataAccessError(f'{name} is not leader and cannot read its own application databag')

    def _validate_write(self, data: Mapping[str, str]) -> None:
        for key, value in data.items():
            if not isinstance(key, str):
                raise RelationDataTypeError(f'relation data keys must be strings, not {type(key)}')
            if not isinstance(value, str):
                raise RelationDataTypeError(f'relation data values must be strings, not {type(value)}')
        if not self._hook_is_running:
            return
        owner, backend = self._entity.name, self._backend
        if not self._is_app:
            if owner != backend.unit_name:
                raise RelationDataAccessError(f'{backend.unit_name} cannot write databag of {owner}: not the same unit.')
        elif owner != backend.app_name:
            raise RelationDataAccessError(f'{backend.app_name} cannot write the data of remote application {owner}')
        elif not backend.is_leader():
            raise RelationDataAccessError(f'{backend.unit_name} is not leader and cannot write application data.')

    def __getitem__(self, key: str) -> str:
        self._validate_read()
        return super().__getitem__(key)

    def __setitem__(self, key: str, value: str) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        self.update({key: ''})

    def update(  # type: ignore[override]
        self, data: Mapping[str, str] | Iterable[tuple[str, str]] = (), **kwargs: str
    ) -> None:
        """Set several keys in one call. What is there already is not written again.

        Raises:
            RelationDataTypeError: when a key or value is no string.
            RelationDataAccessError: when this unit may not write this databag.
        """
        changes: dict[str, str] = {}
        for key, value in dict(data, **kwargs).items():
            if value != (self[key] if key in self else ''):
                changes[key] = value
        self._validate_write(changes)
        if changes:
            self._commit(changes)
            self._update_cache(changes)

    def _commit(self, data: Mapping[str, str]) -> None:
        self._backend.update_relation_data(
            relation_id=self.relation.id, entity=self._entity, data=data, relation_name=self.relation.name
        )

    def _update_cache(self, data: Mapping[str, str]) -> None:
        if self._lazy_data is None:
            return
        for key, value in data.items():
            if value:
                self._lazy_data[key] = value
            else:
                self._lazy_data.pop(key, None)

    def __repr__(self) -> str:
        try:
            self._validate_read()
        except RelationDataAccessError:
            return '<n/a>'
        return super().__repr__()
