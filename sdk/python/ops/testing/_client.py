"""The client of a container that is played: what charms get for `Container.pebble`."""

from __future__ import annotations

import io
import logging

from .. import pebble
from ..pebble._client import names_of
from ._box import ExecArgs, ExecResult, refused
from ._containers import service_infos
from ._files import BoxFiles
from ._layer_keys import check_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any, Iterable, Mapping

    from ._box import Box

logger = logging.getLogger('ops-scenario.pebble')

_INACTIVE = pebble.CheckStatus.INACTIVE


class BoxClient(BoxFiles, pebble.Client):
    """Answers from a box instead of a socket."""

    def __init__(self, box: Box, socket_path: str):
        super().__init__(socket_path)
        self._box = box

    def _reach(self) -> None:
        if not self._box.can_connect:
            raise pebble.ConnectionError(
                'cannot reach container %r: give Container can_connect=True, or with a Harness call set_can_connect'
                % self._box.name
            )

    def _request_raw(self, method: str, path: str, *_: Any, **__: Any) -> Any:
        self._reach()
        raise NotImplementedError('%s %s is not there in tests' % (method, path))

    # The supervisor and its changes.

    def get_system_info(self) -> pebble.SystemInfo:
        """What the supervisor says of itself."""
        self._reach()
        return pebble.SystemInfo('1.0.0')

    def get_warnings(self, select: pebble.WarningState = pebble.WarningState.PENDING) -> list[pebble.Warning]:
        """There are none."""
        self._reach()
        return []

    def ack_warnings(self, timestamp: datetime.datetime) -> int:
        """There were none."""
        self._reach()
        return 0

    def get_changes(
        self, select: pebble.ChangeState = pebble.ChangeState.IN_PROGRESS, service: str | None = None
    ) -> list[pebble.Change]:
        """The changes in a state."""
        self._reach()
        every = select is pebble.ChangeState.ALL
        return [c for c in self._box.changes.values() if every or c.ready == (select is pebble.ChangeState.READY)]

    def get_change(self, change_id: pebble.ChangeID) -> pebble.Change:
        """The change of an id."""
        self._reach()
        if change_id not in self._box.changes:
            raise refused(404, 'cannot find change with id "%s"' % change_id)
        return self._box.changes[change_id]

    def wait_change(
        self, change_id: pebble.ChangeID, timeout: float | None = 30.0, delay: float = 0.1
    ) -> pebble.Change:
        """The change: all of them are ready at once."""
        return self.get_change(change_id)

    # Services and layers.

    def _services_action(
        self, action: str, services: Iterable[str], timeout: float | None, delay: float
    ) -> pebble.ChangeID:
        names = names_of('service', services)
        self._reach()
        if not names and action in ('start', 'stop', 'restart'):
            raise refused(400, 'must specify services for %s action' % action)
        plan = self._box.plan()
        if action in ('autostart', 'replan'):
            names = [name for name, service in plan.services.items() if service.startup == 'enabled']
            if action == 'replan':
                self._replan_checks(plan)
        for name in names:
            if name not in plan.services:
                raise refused(400, 'service "%s" does not exist' % name)
        status = pebble.ServiceStatus.INACTIVE if action == 'stop' else pebble.ServiceStatus.ACTIVE
        self._box.statuses.update((name, status) for name in names)
        return self._box.done(action, '%s services %s' % (action.capitalize(), ', '.join(names)))

    def _replan_checks(self, plan: pebble.Plan) -> None:
        """A replan starts the checks that are to run from the start; those that were stopped too."""
        for name, check in plan.checks.items():
            known = self._box.checks.get(name)
            if check.startup is pebble.CheckStartup.DISABLED or known is not None and known.status is not _INACTIVE:
                continue
            self._box.start_check(name, check, pebble.CheckStatus.UP)

    def add_layer(self, label: str, layer: Any, *, combine: bool = False) -> None:
        """Adds a layer, or combines it with the one of that label."""
        if not isinstance(label, str):
            raise TypeError('label must be a str, not %s' % type(label).__name__)
        if not isinstance(layer, (str, dict, pebble.Layer)):
            raise TypeError('layer must be str, dict, or pebble.Layer, not %s' % type(layer).__name__)
        self._reach()
        check_keys(label, layer)
        new = pebble.Layer(layer.to_dict() if isinstance(layer, pebble.Layer) else layer)  # type: ignore[arg-type]
        known = self._box.layers.get(label)
        if known is not None and not combine:
            raise refused(400, 'layer "%s" already exists' % label)
        _check_overrides(label, new, known)
        if known is None:
            self._box.layers[label] = new
        else:
            self._box.layers[label] = _together(known, new)
        plan = self._box.plan()
        for name in new.checks:
            check = plan.checks[name]
            off = check.startup is pebble.CheckStartup.DISABLED
            self._box.start_check(name, check, _INACTIVE if off else pebble.CheckStatus.UP)

    def get_plan(self) -> pebble.Plan:
        """All layers as they combine."""
        self._reach()
        return self._box.plan()

    def get_services(self, names: Iterable[str] | None = None) -> list[pebble.ServiceInfo]:
        """What services are doing."""
        if isinstance(names, str):
            raise TypeError('names must be a list of names, not the one string %r' % names)
        self._reach()
        wanted = None if names is None else set(names)
        infos = service_infos(self._box.plan(), self._box.statuses)
        return [info for info in infos if not wanted or info.name in wanted]

    def send_signal(self, sig: int | str, services: Iterable[str]) -> None:
        """Checks that there is such a signal and that the services run; nothing gets it."""
        import signal

        from ..pebble._exec import signal_name

        names = names_of('service', services)
        if not names:
            raise TypeError('a signal is sent to at least one service')
        self._reach()
        name = signal_name(sig)
        if not hasattr(signal, name):
            raise refused(500, 'cannot send signal to "%s": invalid signal name "%s"' % (names[0], name))
        plan = self._box.plan()
        for service in names:
            running = self._box.statuses.get(service) == pebble.ServiceStatus.ACTIVE
            if service not in plan.services or not running:
                raise refused(500, 'cannot send signal to "%s": service is not running' % service)

    # Checks, notices, identities.

    def get_checks(
        self, level: pebble.CheckLevel | None = None, names: Iterable[str] | None = None
    ) -> list[pebble.CheckInfo]:
        """What checks found. A test of an event of a check may leave the container without an answer."""
        wanted = None if names is None else set(names)
        found = [c for _, c in sorted(self._box.checks.items())]
        return [c for c in found if level in (None, c.level) and (not wanted or c.name in wanted)]

    def _checks_action(self, action: str, checks: Iterable[str]) -> list[str]:
        names = names_of('check', checks)
        self._reach()
        missing = sorted(name for name in names if name not in self._box.checks)
        if missing:
            raise refused(400, 'cannot find checks in plan: %s' % ', '.join(missing))
        changed, plan = [], self._box.plan()
        for name in names:
            info = self._box.checks[name]
            if (info.status is _INACTIVE) != (action == 'start'):
                continue
            check = plan.checks.get(name) or pebble.Check(name)
            self._box.start_check(name, check, pebble.CheckStatus.UP if action == 'start' else _INACTIVE)
            changed.append(name)
        return changed

    def refresh_check(self, name: str) -> tuple[pebble.CheckInfo, str | None]:
        """What a check has found; it is not run."""
        self._reach()
        if name not in self._box.checks:
            raise refused(404, 'cannot find check with name "%s"' % name)
        return self._box.checks[name], None

    def notify(
        self,
        type: pebble.NoticeType,
        key: str,
        *,
        data: dict[str, str] | None = None,
        repeat_after: datetime.timedelta | None = None,
    ) -> str:
        """Records that something happened. The charm is not told: run the event for that."""
        self._reach()
        if type is not pebble.NoticeType.CUSTOM:
            raise refused(400, 'invalid type "%s" (can only add "custom" notices)' % type.value)
        return self._box.notify(type.value, key, data, repeat_after)[0]

    def get_notice(self, id: str) -> pebble.Notice:
        """The notice of an id."""
        self._reach()
        for notice in self._box.notices.values():
            if notice.id == id:
                return notice
        raise refused(404, 'cannot find notice with id "%s"' % id)

    def get_notices(
        self,
        *,
        users: pebble.NoticesUsers | None = None,
        user_id: int | None = None,
        types: Iterable[pebble.NoticeType | str] | None = None,
        keys: Iterable[str] | None = None,
    ) -> list[pebble.Notice]:
        """The notices that match; the charm is the user 0."""
        self._reach()
        if users is not None and user_id is not None:
            raise refused(400, 'cannot use both "users" and "user_id"')
        who = 0 if user_id is None else user_id
        kinds = {getattr(t, 'value', t) for t in types or ()}
        wanted = set(keys or ())
        found = [
            notice
            for (kind, key), notice in self._box.notices.items()
            if (users is not None or notice.user_id in (None, who))
            and (not kinds or kind in kinds)
            and (not wanted or key in wanted)
        ]
        return sorted(found, key=lambda notice: notice.last_repeated)

    def get_identities(self) -> dict[str, pebble.Identity]:
        """The identities."""
        self._reach()
        return dict(self._box.identities)

    def replace_identities(self, identities: Mapping[str, Any]) -> None:
        """Sets identities; those that are None go."""
        self._reach()
        for name, identity in identities.items():
            if identity is None:
                self._box.identities.pop(name, None)
            else:
                raw = identity.to_dict() if isinstance(identity, pebble.Identity) else identity
                self._box.identities[name] = pebble.Identity.from_dict(raw)

    def remove_identities(self, identities: Iterable[str]) -> None:
        """Removes identities."""
        self._reach()
        for name in identities:
            if name not in self._box.identities:
                raise refused(400, 'identity "%s" does not exist' % name)
            del self._box.identities[name]

    # Commands.

    def _started(self, body: Any, command: list[str], encoding: Any, timeout: Any, files: Any) -> Any:
        self._reach()
        args = self._args(body, encoding, timeout)
        stdin, stdout, stderr = files
        if stdin is not None:
            args.stdin = stdin.read()
            if encoding is not None and isinstance(args.stdin, bytes):
                args.stdin = args.stdin.decode(encoding)
        try:
            result = self._box.run(args)
        except TimeoutError:
            if timeout is None:
                raise RuntimeError(
                    'what plays the command %r timed out, but the charm gave exec no timeout' % (command,)
                ) from None
            return Process(args, ExecResult(), stdin is not None, None, None, late=timeout)
        err = None if args.combine_stderr else result.stderr
        if args.combine_stderr and result.stderr:
            raise ValueError('what plays %r wrote to stderr, but the charm asked for combine_stderr' % (command,))
        out = _output(result.stdout, encoding, stdout)
        return Process(args, result, stdin is not None, out, None if err is None else _output(err, encoding, stderr))

    def _args(self, body: Any, encoding: Any, timeout: Any) -> ExecArgs:
        """The call with what the context service adds to it."""
        asked = {key: body[key] for key in ('working-dir', 'user-id', 'user', 'group-id', 'group')}
        environment = dict(body['environment'])
        if body['service-context'] is not None:
            service = self._box.plan().services.get(body['service-context'])
            if service is None:
                raise refused(500, 'context service "%s" not found' % body['service-context'])
            environment = {**service.environment, **environment}
            for key in asked:
                if asked[key] is None:
                    asked[key] = getattr(service, key.replace('-', '_'))
        return ExecArgs(
            command=body['command'],
            environment=environment,
            working_dir=asked['working-dir'],
            timeout=timeout,
            user_id=asked['user-id'],
            user=asked['user'],
            group_id=asked['group-id'],
            group=asked['group'],
            stdin=None,
            encoding=encoding,
            combine_stderr=not body['split-stderr'],
        )


def _check_overrides(label: str, new: pebble.Layer, known: pebble.Layer | None) -> None:
    """Supervisors refuse an entry that does not say how to combine. Here it passes where there is nothing to combine."""
    for section, words in (('services', 'service'), ('checks', 'check'), ('log_targets', 'log target')):
        for name, entry in getattr(new, section).items():
            if entry.override in ('merge', 'replace'):
                continue
            what = 'must define "override"' if not entry.override else 'has invalid "override" value'
            message = 'layer "%s" %s for %s "%s"' % (label, what, words, name)
            if known is not None:
                raise refused(400, message)
            logger.warning('a supervisor would refuse this layer: %s', message)


def _together(under: pebble.Layer, over: pebble.Layer) -> pebble.Layer:
    """Two layers of one label as one."""
    for section in ('services', 'checks', 'log_targets'):
        mine = getattr(under, section)
        for name, entry in getattr(over, section).items():
            if name in mine and entry.override == 'merge':
                mine[name]._merge(entry)
            else:
                mine[name] = entry
    return under


def _output(text: str | bytes, encoding: str | None, into: Any) -> Any:
    """An output as a stream, or nothing if it was written to the caller's file."""
    if encoding is None:
        text = text.encode() if isinstance(text, str) else text
    else:
        text = text.decode(encoding) if isinstance(text, bytes) else text
    if into is not None:
        into.write(text)
        return None
    return io.StringIO(text, newline='') if isinstance(text, str) else io.BytesIO(text)


class Process:
    """A command that has run before the charm waits for it."""

    def __init__(
        self, args: ExecArgs, result: ExecResult, fed: bool, stdout: Any, stderr: Any, late: float | None = None
    ):
        self._args = args
        self._result = result
        self._late = late
        self.stdin: Any = None if fed else io.StringIO(newline='') if args.encoding is not None else io.BytesIO()
        self.stdout = stdout
        self.stderr = stderr

    def __del__(self) -> None:
        self._note_input()

    def _note_input(self) -> None:
        """What the charm has written is told to the test."""
        if self.stdin is not None and not self.stdin.closed:
            self._args.stdin = self.stdin.getvalue()

    def _end(self, out: Any, err: Any) -> None:
        self._note_input()
        if self._late is not None:
            raise pebble.TimeoutError('timed out waiting for change (%s seconds)' % self._late)
        if self._result.exit_code:
            raise pebble.ExecError(list(self._args.command), self._result.exit_code, out, err)

    def wait(self) -> None:
        """Raises what the command's exit code asks for."""
        self._end(None, None)

    def wait_output(self) -> tuple[Any, Any]:
        """What the command wrote."""
        if self._late is None and self.stdout is None:
            raise TypeError('cannot use wait_output: exec was given a file for stdout; use wait')
        out = None if self.stdout is None else self.stdout.read()
        err = None if self.stderr is None else self.stderr.read()
        self._end(out, err)
        return out, err

    def send_signal(self, sig: int | str) -> None:
        """Too late: the command has ended."""
