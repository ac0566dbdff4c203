"""A container, through its supervisor."""

from __future__ import annotations

import logging
import os
from functools import wraps

from . import pebble
from ._container_views import CheckInfoMapping, ServiceInfoMapping
from ._errors import ModelError
from .pebble import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path, PurePath
    from typing import Any, BinaryIO, Generic, List, TextIO, TypeVar, overload

    from typing_extensions import Concatenate, ParamSpec, Unpack

    from ._backend import _ModelBackend
    from .pebble._exec import ExecProcess
    from .pebble._files import _How, _Path

    _P = ParamSpec('_P')
    _R = TypeVar('_R')

    class _handed_on(Generic[_P, _R]):
        def __init__(self, method: Callable[Concatenate[Client, _P], _R]): ...
        def __get__(self, container: Container, owner: type[Container]) -> Callable[_P, _R]: ...
else:

    def _handed_on(method):
        """A method of the client as one of the container: signature and description are those of the client."""

        @wraps(method)
        def call(self, *args, **kwargs):
            return getattr(self._pebble, method.__name__)(*args, **kwargs)

        call.__module__, call.__qualname__ = 'ops.model', 'Container.' + method.__name__
        return call


logger = logging.getLogger('ops.model')


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
        def pull(self, path: _Path, *, encoding: None) -> BinaryIO: ...
        @overload
        def pull(self, path: _Path, *, encoding: str = 'utf-8') -> TextIO: ...
        def pull(self, path: _Path, *, encoding: str | None = 'utf-8') -> BinaryIO | TextIO: ...
    else:
        pull = _handed_on(Client.pull)

    push = _handed_on(Client.push)
    list_files = _handed_on(Client.list_files)
    make_dir = _handed_on(Client.make_dir)
    remove_path = _handed_on(Client.remove_path)

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
            stdin: str | TextIO | None = None,
            stdout: TextIO | None = None,
            stderr: TextIO | None = None,
            encoding: str = 'utf-8',
            **how: Unpack[_How],
        ) -> ExecProcess[str]: ...
        @overload
        def exec(
            self,
            command: List[str],
            *,
            stdin: bytes | BinaryIO | None = None,
            stdout: BinaryIO | None = None,
            stderr: BinaryIO | None = None,
            encoding: None,
            **how: Unpack[_How],
        ) -> ExecProcess[bytes]: ...
        def exec(self, command: List[str], **how: Any) -> Any: ...
    else:

        @wraps(Client.exec)
        def exec(self, command, *, service_context=None, **how):
            if service_context is not None and not self._juju_version.supports_exec_service_context:
                raise RuntimeError(f'exec with service_context not supported on Juju version {self._juju_version}')
            return self._pebble.exec(command, service_context=service_context, **how)

        exec.__module__, exec.__qualname__ = 'ops.model', 'Container.exec'


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
