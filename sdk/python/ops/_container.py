"""Containers and what their supervisors tell."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping

from . import pebble
from ._errors import ModelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path, PurePath
    from typing import Any, BinaryIO, Dict, List, Literal, TextIO, TypeVar, overload

    from ._backend import _ModelBackend

    _V = TypeVar('_V')
    _Containers = Mapping[str, 'Container']
    _Services = Mapping[str, pebble.ServiceInfo]
    _Checks = Mapping[str, pebble.CheckInfo]

    class _ByName(Mapping[str, _V]):
        _items: Dict[str, _V]

        def __getitem__(self, key: str) -> _V: ...
        def __iter__(self) -> Iterator[str]: ...
        def __len__(self) -> int: ...
else:

    class _ByName(Mapping):
        """Things under their names."""

        def __getitem__(self, key):
            return self._items[key]

        def __iter__(self):
            return iter(self._items)

        def __len__(self):
            return len(self._items)

        def __repr__(self):
            return repr(self._items)

        def __class_getitem__(cls, item):
            return cls


logger = logging.getLogger('ops.model')


class MultiPushPullError(Exception):
    """Some of the files could not be copied; the others were."""

    __module__ = 'ops.model'

    def __init__(self, message: str, errors: list[tuple[str, Exception]]):
        self.message = message
        """What failed."""
        self.errors = errors
        """The sources that could not be copied, each with its error."""

    def __str__(self) -> str:
        source, error = self.errors[0]
        more = f' (and {len(self.errors) - 1} more)' if len(self.errors) > 1 else ''
        return f'{self.message}: {source}: {error}{more}'

    def __repr__(self) -> str:
        return f'MultiPushPullError({self.message!r}, {len(self.errors)} errors)'


class Container:
    """A container of this unit, through its supervisor.

    Raises, from every method but `can_connect`:
        pebble.ConnectionError: when the supervisor does not answer, as before pebble-ready.
        pebble.APIError: when it refuses.
    """

    __module__ = 'ops.model'

    def __init__(self, name: str, backend: _ModelBackend, pebble_client: pebble.Client | None = None):
        self.name = name
        """As in the metadata."""
        self._juju_version = backend._juju_context.version
        if pebble_client is None:
            pebble_client = backend.get_pebble(f'/charm/containers/{name}/pebble.socket')
        self._pebble = pebble_client

    def __repr__(self) -> str:
        return f'<{type(self).__module__}.{type(self).__name__} {self.name}>'

    @property
    def pebble(self) -> pebble.Client:
        """The client beneath, for what has no method here."""
        return self._pebble

    def can_connect(self) -> bool:
        """Whether the supervisor answers now. It says nothing of the next call."""
        try:
            self._pebble.get_system_info()
        except pebble.ConnectionError as e:
            logger.debug('Container %s does not answer yet: %s', self.name, e)
        except FileNotFoundError as e:
            logger.debug('Container %s has no socket yet: %s', self.name, e)
        except pebble.APIError as e:
            logger.warning('Container %s answers with an error: %s', self.name, e)
        else:
            return True
        return False

    # Services.

    def autostart(self) -> None:
        """Start every service that is to start by itself."""
        self._pebble.autostart_services()

    def replan(self) -> None:
        """Bring the services in line with the plan: restart what changed, start what is to start by itself."""
        self._pebble.replan_services()

    def start(self, *service_names: str) -> None:
        """Start services and what they require."""
        self._pebble.start_services(_some(service_names, 'start'))

    def restart(self, *service_names: str) -> None:
        """Restart services; those that do not run are started."""
        names = _some(service_names, 'restart')
        try:
            self._pebble.restart_services(names)
        except pebble.APIError as e:
            if e.code != 400:
                raise
            # A supervisor too old to restart: stop what runs, then start all.
            running = tuple(name for name, info in self.get_services(*names).items() if info.is_running())
            if running:
                self._pebble.stop_services(running)
            self._pebble.start_services(names)

    def stop(self, *service_names: str) -> None:
        """Stop services."""
        self._pebble.stop_services(_some(service_names, 'stop'))

    def add_layer(
        self, label: str, layer: str | pebble.LayerDict | pebble.Layer, *, combine: bool = False
    ) -> None:
        """Put a layer on top of the plan; with `combine`, into the one that has the label."""
        self._pebble.add_layer(label, layer, combine=combine)

    def get_plan(self) -> pebble.Plan:
        """All layers in one."""
        return self._pebble.get_plan()

    def get_services(self, *service_names: str) -> Mapping[str, pebble.ServiceInfo]:
        """How services are, of all or of these."""
        return ServiceInfoMapping(self._pebble.get_services(service_names or None))

    def get_service(self, service_name: str) -> pebble.ServiceInfo:
        """How one service is.

        Raises:
            ModelError: when the plan has none of that name.
        """
        return _only('service', service_name, self.get_services(service_name))

    def send_signal(self, sig: int | str, *service_names: str) -> None:
        """Send a signal, as `SIGHUP`, to services."""
        if not service_names:
            raise TypeError('send_signal expected at least 1 service name, got 0')
        self._pebble.send_signal(sig, service_names)

    # Checks and notices.

    def get_checks(self, *check_names: str, level: pebble.CheckLevel | None = None) -> CheckInfoMapping:
        """How checks are, of all or of these, of any level or of one."""
        return CheckInfoMapping(self._pebble.get_checks(names=check_names or None, level=level))

    def get_check(self, check_name: str) -> pebble.CheckInfo:
        """How one check is.

        Raises:
            ModelError: when the plan has none of that name.
        """
        return _only('check', check_name, self.get_checks(check_name))

    def start_checks(self, *check_names: str) -> List[str]:
        """Start checks; return which were not running."""
        return self._pebble.start_checks(_some(check_names, 'start-checks'))

    def stop_checks(self, *check_names: str) -> List[str]:
        """Stop checks; return which were running."""
        stopped = self._pebble.stop_checks(_some(check_names, 'stop-checks'))
        if stopped:
            from .log import security_event

            for name in stopped:
                security_event('WARN', 'sys_monitor_disabled', f'{os.getuid()},{name}', f'the charm stopped check {name}')
        return stopped

    def get_notice(self, id: str) -> pebble.Notice:
        """One notice.

        Raises:
            ModelError: when there is none of that id.
        """
        try:
            return self._pebble.get_notice(id)
        except pebble.APIError as e:
            if e.code == 404:
                raise ModelError(f'notice {id!r} not found') from e
            raise

    def get_notices(
        self,
        *,
        users: pebble.NoticesUsers | None = None,
        user_id: int | None = None,
        types: Iterable[pebble.NoticeType | str] | None = None,
        keys: Iterable[str] | None = None,
    ) -> List[pebble.Notice]:
        """Notices that fit all that is given."""
        return self._pebble.get_notices(users=users, user_id=user_id, types=types, keys=keys)

    # Files.

    if TYPE_CHECKING:

        @overload
        def pull(self, path: str | PurePath, *, encoding: None) -> BinaryIO: ...
        @overload
        def pull(self, path: str | PurePath, *, encoding: str = 'utf-8') -> TextIO: ...

    def pull(self, path: str | PurePath, *, encoding: str | None = 'utf-8') -> BinaryIO | TextIO:
        """Open a copy of a file: text, or bytes without an encoding."""
        return self._pebble.pull(path, encoding=encoding)  # type: ignore[call-overload]

    def push(
        self,
        path: str | PurePath,
        source: bytes | str | BinaryIO | TextIO,
        *,
        encoding: str = 'utf-8',
        make_dirs: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Write a file, in place of what was there; with `make_dirs` the directories above it too."""
        self._pebble.push(
            path,
            source,
            encoding=encoding,
            make_dirs=make_dirs,
            permissions=permissions,
            user_id=user_id,
            user=user,
            group_id=group_id,
            group=group,
        )

    def list_files(
        self, path: str | PurePath, *, pattern: str | None = None, itself: bool = False
    ) -> List[pebble.FileInfo]:
        """What a directory holds, or what a file is; with `itself` what the directory is."""
        return self._pebble.list_files(path, pattern=pattern, itself=itself)

    def exists(self, path: str | PurePath) -> bool:
        """Whether there is anything under the path."""
        return self._info(path) is not None

    def isdir(self, path: str | PurePath) -> bool:
        """Whether it is a directory."""
        info = self._info(path)
        return info is not None and info.type is pebble.FileType.DIRECTORY

    def _info(self, path: str | PurePath) -> pebble.FileInfo | None:
        try:
            return self._pebble.list_files(path, itself=True)[0]
        except pebble.APIError as e:
            if e.code == 404:
                return None
            raise

    def make_dir(
        self,
        path: str | PurePath,
        *,
        make_parents: bool = False,
        permissions: int | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
    ) -> None:
        """Make a directory; with `make_parents` those above it, and none that is there already is an error."""
        self._pebble.make_dir(
            path,
            make_parents=make_parents,
            permissions=permissions,
            user_id=user_id,
            user=user,
            group_id=group_id,
            group=group,
        )

    def remove_path(self, path: str | PurePath, *, recursive: bool = False) -> None:
        """Remove a file or an empty directory; with `recursive` anything, and nothing there is no error."""
        self._pebble.remove_path(path, recursive=recursive)

    def push_path(
        self, source_path: str | Path | Iterable[str | Path], dest_dir: str | PurePath
    ) -> None:
        """Copy files and directories from here into a directory of the container.

        A source is copied under its own name; of `dir/*` what is in it. Owners and permissions come along.

        Raises:
            MultiPushPullError: when some could not be copied.
        """
        from ._copy import push_tree

        push_tree(self, source_path, dest_dir)

    def pull_path(
        self, source_path: str | PurePath | Iterable[str | PurePath], dest_dir: str | Path
    ) -> None:
        """Copy files and directories of the container into a directory here; as `push_path`, without owners.

        Raises:
            MultiPushPullError: when some could not be copied.
        """
        from ._copy import pull_tree

        pull_tree(self, source_path, dest_dir)

    @staticmethod
    def _build_fileinfo(path: str | Path) -> pebble.FileInfo:
        from ._copy import describe

        return describe(path)

    @staticmethod
    def _list_recursive(list_func: Callable[[Any], Iterable[pebble.FileInfo]], path: Path) -> Iterator[pebble.FileInfo]:
        from ._copy import walk

        return walk(list_func, path)

    @staticmethod
    def _build_destpath(file_path: str | Path, source_path: str | Path, dest_dir: str | Path) -> Path:
        from ._copy import destination

        return destination(file_path, source_path, dest_dir)

    # Processes.

    if TYPE_CHECKING:

        @overload
        def exec(
            self,
            command: List[str],
            *,
            service_context: str | None = None,
            environment: Dict[str, str] | None = None,
            working_dir: str | PurePath | None = None,
            timeout: float | None = None,
            user_id: int | None = None,
            user: str | None = None,
            group_id: int | None = None,
            group: str | None = None,
            stdin: str | TextIO | None = None,
            stdout: TextIO | None = None,
            stderr: TextIO | None = None,
            encoding: str = 'utf-8',
            combine_stderr: bool = False,
        ) -> pebble.ExecProcess[str]: ...

        @overload
        def exec(
            self,
            command: List[str],
            *,
            service_context: str | None = None,
            environment: Dict[str, str] | None = None,
            working_dir: str | PurePath | None = None,
            timeout: float | None = None,
            user_id: int | None = None,
            user: str | None = None,
            group_id: int | None = None,
            group: str | None = None,
            stdin: bytes | BinaryIO | None = None,
            stdout: BinaryIO | None = None,
            stderr: BinaryIO | None = None,
            encoding: None,
            combine_stderr: bool = False,
        ) -> pebble.ExecProcess[bytes]: ...

    def exec(
        self,
        command: List[str],
        *,
        service_context: str | None = None,
        environment: Dict[str, str] | None = None,
        working_dir: str | PurePath | None = None,
        timeout: float | None = None,
        user_id: int | None = None,
        user: str | None = None,
        group_id: int | None = None,
        group: str | None = None,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        encoding: str | None = 'utf-8',
        combine_stderr: bool = False,
    ) -> pebble.ExecProcess[Any]:
        """Start a command in the container.

        Args:
            command: the program and its arguments.
            service_context: a service whose environment, user and directory it gets, unless others are given.
            environment: its variables.
            working_dir: where it starts.
            timeout: seconds after which it is ended.
            user_id, user, group_id, group: whom it runs as.
            stdin: what it reads: text, bytes or a file; a pipe when nothing is given.
            stdout, stderr: files that it writes to; pipes when nothing is given.
            encoding: of text; without one everything is bytes.
            combine_stderr: whether complaints go to its output.

        Returns:
            the process: `wait_output()` waits for it, fails with it and returns what it wrote.

        Raises:
            RuntimeError: for a context, where there are none yet.
        """
        if service_context is not None and not self._juju_version.supports_exec_service_context:
            raise RuntimeError(f'exec with service_context not supported on Juju version {self._juju_version}')
        return self._pebble.exec(  # type: ignore[call-overload,misc]
            command,
            service_context=service_context,
            environment=environment,
            working_dir=working_dir,
            timeout=timeout,
            user_id=user_id,
            user=user,
            group_id=group_id,
            group=group,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding=encoding,
            combine_stderr=combine_stderr,
        )


def _some(names: tuple[str, ...], verb: str) -> tuple[str, ...]:
    """Names, of which there must be one: none would mean all to the supervisor."""
    if not names:
        raise TypeError(f'{verb} expected at least 1 argument, got 0')
    return names


def _only(word: str, name: str, found: Mapping[str, Any]) -> Any:
    if not found:
        raise ModelError(f'{word} {name!r} not found')
    if len(found) > 1:
        raise RuntimeError(f'expected 1 {word}, got {len(found)}')
    return found[name]


class ContainerMapping(_ByName['Container']):
    """The unit's containers, each made when it is asked for."""

    __module__ = 'ops.model'

    def __init__(self, names: Iterable[str], backend: _ModelBackend):
        self._items: dict[str, Any] = dict.fromkeys(names)
        self._backend = backend

    def __getitem__(self, key: str) -> Container:
        container = self._items[key]
        if container is None:
            container = self._items[key] = Container(key, self._backend)
        return container


class ServiceInfoMapping(_ByName['pebble.ServiceInfo']):
    """How services are, by name."""

    __module__ = 'ops.model'

    def __init__(self, services: Iterable[pebble.ServiceInfo]):
        self._items = {service.name: service for service in services}


class CheckInfoMapping(_ByName['pebble.CheckInfo']):
    """How checks are, by name."""

    __module__ = 'ops.model'

    def __init__(self, checks: Iterable[pebble.CheckInfo]):
        self._items = {check.name: check for check in checks}


class _Loaded:
    """Stands for something of the supervisor that is fetched when more of it is wanted than the event tells."""

    _fields: frozenset[str] = frozenset()

    def _fetch(self) -> Any:
        raise NotImplementedError

    def __getattr__(self, item: str) -> Any:
        # Only what the supervisor's own object has. Anything else, as `__deepcopy__`, must not cause a call.
        if item not in self._fields:
            raise AttributeError(f'{type(self).__name__!r} object has no attribute {item!r}')
        if '_whole' not in self.__dict__:
            self.__dict__['_whole'] = self._fetch()
        return getattr(self.__dict__['_whole'], item)


class LazyNotice(_Loaded):
    """The notice of an event: what the event does not tell is fetched when it is looked at."""

    __module__ = 'ops.model'
    id: str
    type: pebble.NoticeType | str
    key: str
    if TYPE_CHECKING:
        user_id: int | None
        first_occurred: datetime.datetime
        last_occurred: datetime.datetime
        last_repeated: datetime.datetime
        occurrences: int
        last_data: Dict[str, str]
        repeat_after: datetime.timedelta | None
        expire_after: datetime.timedelta | None
    _fields = frozenset(
        'user_id first_occurred last_occurred last_repeated occurrences last_data repeat_after expire_after'.split()
    )

    def __init__(self, container: Container, id: str, type: str, key: str):
        self._container, self.id, self.key = container, id, key
        try:
            self.type = pebble.NoticeType(type)
        except ValueError:
            self.type = type

    def _fetch(self) -> Any:
        return self._container.get_notice(self.id)

    def __repr__(self) -> str:
        return f'LazyNotice(id={self.id!r}, type={self.type}, key={self.key!r})'


class LazyCheckInfo(_Loaded):
    """The check of an event: how it is now is fetched when it is looked at."""

    __module__ = 'ops.model'
    name: str
    if TYPE_CHECKING:
        level: pebble.CheckLevel | str | None
        startup: pebble.CheckStartup
        status: pebble.CheckStatus | str
        successes: int | None
        failures: int
        threshold: int
        change_id: pebble.ChangeID | None
    _fields = frozenset('level startup status successes failures threshold change_id'.split())

    def __init__(self, container: Container, name: str):
        self._container, self.name = container, name

    def _fetch(self) -> Any:
        return self._container.get_check(self.name)

    def __repr__(self) -> str:
        return f'LazyCheckInfo(name={self.name!r})'
