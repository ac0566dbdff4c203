"""Containers of a harness."""

from __future__ import annotations

import pathlib

import ops

from .. import pebble
from ._box import Box, ExecArgs, ExecResult, refused
from ._client import BoxClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any, Callable, Sequence


class Containers:
    """A part of the harness."""

    _meta: ops.CharmMeta
    _model: ops.Model
    _charm: Any
    _files: pathlib.Path
    charm: Any

    if TYPE_CHECKING:

        def _emits(self) -> bool: ...

    def _set_up_containers(self) -> None:
        self._boxes = {name: Box(name, self._files / 'containers' / name) for name in self._meta.containers}
        self._answers: dict[str, dict[tuple[str, ...], Callable[[ExecArgs], Any]]] = {n: {} for n in self._boxes}
        for name, box in self._boxes.items():
            box.reset_files({})
            box.run = lambda args, name=name: self._answer(name, args)  # type: ignore[misc]

    def _client_of(self, name: str, socket_path: str) -> BoxClient:
        return BoxClient(self._box(name), socket_path)

    def _box(self, container: Any) -> Box:
        name = getattr(container, 'name', container)
        if name not in self._boxes:
            raise KeyError('container %r is not in the metadata, which has %s' % (name, sorted(self._boxes)))
        return self._boxes[name]

    def set_can_connect(self, container: Any, val: bool) -> None:
        """Makes the supervisor of a container answer, or not."""
        self._box(container).can_connect = val

    def container_pebble_ready(self, container_name: str) -> None:
        """The supervisor of a container answers, and the charm is told if it is there."""
        self.set_can_connect(container_name, True)
        if self._charm is None:
            return
        self._charm.on[container_name].pebble_ready.emit(self._model.unit.get_container(container_name))

    def get_container_pebble_plan(self, container_name: str) -> pebble.Plan:
        """All layers of a container as they combine."""
        return self._box(container_name).plan()

    def get_filesystem_root(self, container: Any) -> pathlib.Path:
        """The directory that plays the files of a container."""
        return self._box(container).root

    def pebble_notify(
        self,
        container_name: str,
        key: str,
        *,
        data: dict[str, str] | None = None,
        repeat_after: datetime.timedelta | None = None,
        type: pebble.NoticeType = pebble.NoticeType.CUSTOM,
    ) -> str:
        """Something happens in a container, and the charm is told unless it was not long ago; the notice's id.

        A change-update whose key is the id of a change that has performed or recovered a check (which the data says,
        as `kind` and `check-name`) becomes the event of that check.
        """
        id, told = self._box(container_name).notify(type.value, key, data, repeat_after)
        if not told or not self._emits():
            return id
        container, on = self._model.unit.get_container(container_name), self._charm.on[container_name]
        if type is pebble.NoticeType.CUSTOM:
            on.pebble_custom_notice.emit(container, id, type.value, key)
        elif data:
            ended = (data.get('kind'), container.pebble.get_change(pebble.ChangeID(key)).status)
            if ended == ('perform-check', 'Error'):
                on.pebble_check_failed.emit(container, data['check-name'])
            elif ended == ('recover-check', 'Done'):
                on.pebble_check_recovered.emit(container, data['check-name'])
        return id

    def handle_exec(
        self,
        container: Any,
        command_prefix: Sequence[str],
        *,
        handler: Callable[[ExecArgs], ExecResult | None] | None = None,
        result: int | str | bytes | ExecResult | None = None,
    ) -> None:
        """Says what commands with a prefix answer; the longest prefix that fits is taken.

        Either a handler is called with the arguments of each call, or the result is always the same: an exit code,
        an output, or both in an ExecResult.
        """
        if (handler is None) == (result is None):
            raise TypeError('Either handler or result must be provided, but not both')
        if handler is None:
            fixed = _result(result)
            self._answers[self._box(container).name][tuple(command_prefix)] = lambda _: fixed
        else:
            self._answers[self._box(container).name][tuple(command_prefix)] = handler

    def _answer(self, name: str, args: ExecArgs) -> ExecResult:
        for n in range(len(args.command), -1, -1):
            handler = self._answers[name].get(tuple(args.command[:n]))
            if handler is not None:
                result = handler(args)
                if result is not None and not isinstance(result, ExecResult):
                    raise TypeError('a handler of commands returns an ExecResult or None, not %r' % (result,))
                return result or ExecResult()
        raise refused(
            500, 'mock for cmd %r not found: call harness.handle_exec(%r, %r, …)' % (args.command, name, args.command)
        )


def _result(result: Any) -> ExecResult:
    if isinstance(result, ExecResult):
        return result
    if isinstance(result, int):
        return ExecResult(result)
    if isinstance(result, (str, bytes)):
        return ExecResult(stdout=result)
    raise TypeError('the result of a command is an int, str, bytes or ExecResult, not %r' % (result,))
