"""The context: a charm, and where it is deployed. It runs events, from state to state."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import tempfile
import weakref

from ._action import ActionFailed
from ._consistency import check_consistency
from ._dispatch import running
from ._events import CharmEvents, Event
from ._spec import found, given
from ._values import JujuLogLine
from .errors import AlreadyEmittedError, ContextSetupError, MetadataNotFoundError, NoObserverError, UncaughtCharmError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, Iterator, Mapping, TypeVar

    import ops

    from ._box import ExecArgs
    from ._dispatch import Run
    from ._state import State
    from ._world import World

    C = TypeVar('C', bound=ops.CharmBase)

    class _Of(Generic[C]):
        """What is generic over the charm's class."""

else:
    C = None

    class _Of:
        """What is generic over the charm's class: here it only lets itself be subscripted."""

        def __class_getitem__(cls, item):
            return cls


class Manager(_Of[C]):
    """A charm that was made and has not got its event yet. Use it in a `with` statement."""

    def __init__(self, ctx: Context[C], arg: Event, state_in: State):
        self._ctx = ctx
        self._event = arg
        self._state = state_in
        self._emitted = False
        self._stack: contextlib.ExitStack | None = None
        self.ops: Run | None = None

    @property
    def charm(self) -> C:
        """The charm."""
        if self.ops is None:
            raise RuntimeError('the charm is there within the `with` statement only')
        return self.ops.charm  # type: ignore[return-value]

    def __enter__(self) -> Manager[C]:
        self._stack = contextlib.ExitStack()
        self.ops = self._stack.enter_context(self._ctx._run(self._event, self._state))
        return self

    def run(self) -> State:
        """Emits the event, once; the state after it."""
        if self._emitted:
            raise AlreadyEmittedError('Can only run once.')
        if self.ops is None or self._stack is None:
            raise RuntimeError('a manager runs its event within the `with` statement')
        self._emitted = True
        with self._stack.pop_all():
            self.ops.run()
        assert self._ctx._output is not None
        return self._ctx._output

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._stack is None:
            return
        if self._emitted or kind is not None:
            self._stack.close()
        else:
            self.run()


class Context(_Of[C]):
    """A charm and where it is deployed. `run` gives it an event in a state and returns the state after it.

    What the charm tells that is no part of the state is in the attributes of the context. They are not cleared between
    two runs, so it is best to make a context for each.

    The metadata may be given as dictionaries: `meta` as in charmcraft.yaml (or metadata.yaml), `actions` and `config`
    as in their files. Otherwise the files above the directory of the charm's module are read.
    """

    on: CharmEvents = CharmEvents()
    """Makes the events to run."""

    def __init__(
        self,
        charm_type: type[C],
        meta: Mapping[str, Any] | None = None,
        *,
        actions: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        charm_root: str | pathlib.Path | None = None,
        juju_version: str = '3.6.14',
        capture_deferred_events: bool = False,
        capture_framework_events: bool = False,
        app_name: str | None = None,
        unit_id: int | None = 0,
        machine_id: str | None = None,
        availability_zone: str | None = None,
        principal_unit: str | None = None,
        app_trusted: bool = False,
    ):
        if any((meta, actions, config)):
            self._charm_spec = given(charm_type, meta, actions, config)
        else:
            try:
                self._charm_spec = found(charm_type)
            except MetadataNotFoundError as e:
                raise ContextSetupError('cannot test %s without metadata: give Context meta={…}' % charm_type) from e
        self.charm_root = charm_root
        self.juju_version = juju_version
        self.app_name = app_name or self._charm_spec.meta.get('name', '')
        self.unit_id = unit_id or 0
        self.app_trusted = app_trusted
        self.capture_deferred_events = capture_deferred_events
        self.capture_framework_events = capture_framework_events
        self._machine_id = machine_id
        self._availability_zone = availability_zone
        self._principal_unit = principal_unit
        self._output: State | None = None
        self._files = pathlib.Path(tempfile.mkdtemp(prefix='ops-testing-'))
        self._cleared = weakref.finalize(self, shutil.rmtree, str(self._files), True)
        self._told_nothing()

    def _told_nothing(self) -> None:
        self.juju_log: list[JujuLogLine] = []
        """What was logged."""
        self.app_status_history: list[ops.StatusBase] = []
        """The statuses of the application before the one it has now."""
        self.unit_status_history: list[ops.StatusBase] = []
        """The statuses of the unit before the one it has now."""
        self.exec_history: dict[str, list[ExecArgs]] = {}
        """The commands that were run, by container."""
        self.workload_version_history: list[str] = []
        """The versions of the workload before the one it has now."""
        self.removed_secret_revisions: list[int] = []
        """The revisions of secrets that were removed."""
        self.emitted_events: list[ops.EventBase] = []
        """The events that were emitted."""
        self.requested_storages: dict[str, int] = {}
        """How many storages were asked for, by name."""
        self.trace_data: list[Any] = []
        """Spans of tracing, of which this library makes none."""
        self.action_logs: list[str] = []
        """What the action logged."""
        self.action_results: dict[str, Any] | None = None
        """What the action gave as its results."""

    @property
    def charm_spec(self) -> Any:
        """The charm's class and metadata. Deprecated: `State.from_context` makes a state of them."""
        import warnings

        warnings.warn('Use State.from_context to generate a State from charm metadata.', DeprecationWarning, stacklevel=2)
        return self._charm_spec

    def _take(self, world: World) -> None:
        """What was told in a run."""
        told = world.told
        self.juju_log.extend(JujuLogLine(*line) for line in told.log)
        self.app_status_history.extend(told.statuses['app'])
        self.unit_status_history.extend(told.statuses['unit'])
        self.workload_version_history.extend(told.versions)
        self.removed_secret_revisions.extend(told.removed_revisions)
        self.requested_storages.update(told.requested_storages)
        self.action_logs.extend(told.action_logs)
        if told.action_results is not None:
            self.action_results = told.action_results
        world.told = type(told)()
        world.told.action_failure = told.action_failure

    def _container_root(self, name: str) -> pathlib.Path:
        return self._files / 'containers' / name

    def _storage_root(self, name: str, index: int) -> pathlib.Path:
        root = self._files / 'storages' / ('%s-%d' % (name, index))
        root.mkdir(parents=True, exist_ok=True)
        return root

    def close(self) -> None:
        """Removes the files of containers and storages, which otherwise go with the context."""
        self._cleared()

    def __enter__(self) -> Context[C]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, event: Event, state: State) -> Manager[C]:
        """The charm before its event: `with ctx(ctx.on.start(), State()) as manager: …; manager.run()`."""
        return Manager(self, event, state)

    def run_action(self, action: str, state: State) -> Any:
        """Has become `run`."""
        raise AttributeError(
            'call ctx.run(ctx.on.action(%r), state), and look at ctx.action_logs and ctx.action_results' % action
        )

    def run(self, event: Event, state: State) -> State:
        """Gives the charm an event in a state; the state after it.

        Raises InconsistentScenarioError if that cannot happen under Juju, UncaughtCharmError for an exception of the
        charm, and ActionFailed if the event is an action that fails.
        """
        if not isinstance(event, Event):
            raise TypeError(_how_to_call(event))
        with self._run(event, state) as run:
            run.run()
        assert self._output is not None
        return self._output

    @contextlib.contextmanager
    def _run(self, event: Event, state: State) -> Iterator[Run]:
        if event.action is not None:
            self.action_logs.clear()
            self.action_results = None
        check_consistency(state, event, self._charm_spec, self.juju_version, self.unit_id)
        made = None
        with _told_apart():
            with running(state, event, self) as made:
                try:
                    yield made
                except BaseException as e:
                    if not _ends_well(e):
                        raise
                    # It ended early and on purpose: what it wrote before counts.
                    made._close()
        assert made is not None
        self._output = made.state
        if made.world.told.action_failure is not None:
            raise ActionFailed(made.world.told.action_failure, state=self._output)


def _ends_well(error: BaseException) -> bool:
    from .._main import _Abort

    return isinstance(error, _Abort) and error.exit_code == 0


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """Exceptions of the charm come as such."""
    try:
        yield
    except (NoObserverError, ActionFailed):
        raise
    except Exception as e:
        bare = os.environ.get('SCENARIO_BARE_CHARM_ERRORS', 'false').lower()
        if bare == 'true' or bare.isdigit() and int(bare):
            raise
        raise UncaughtCharmError('Uncaught %s in charm: %r' % (type(e).__name__, e)) from e


_TAKES = {
    'relation': '(my_relation)',
    'storage': '(my_storage)',
    'secret': '(my_secret)',
}


def _how_to_call(event: Any) -> str:
    if not isinstance(event, str):
        what = getattr(event, '__name__', 'event')
        return 'an event is made by a call: You should call the event method, as ctx.on.%s(). Did you forget to add parentheses?' % what
    name = event.replace('-', '_')
    takes = '()'
    if name in ('secret_expired', 'secret_remove'):
        takes = '(my_secret, revision=1)'
    elif name == 'pebble_ready':
        takes = '(my_container)'
    elif name == 'pebble_custom_notice':
        takes = '(my_container, my_notice)'
    else:
        takes = _TAKES.get(name.partition('_')[0], '()')
    return 'call with an event from `ctx.on`, like `ctx.on.%s%s`' % (name if hasattr(CharmEvents, name) else 'event', takes)
