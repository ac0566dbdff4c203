"""A charm for type checkers: what it asserts must be what they see of the library. It is not run."""

from __future__ import annotations

import dataclasses
import logging
import typing
from typing import assert_type

import ops
from ops import pebble, testing

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Config:
    port: int = 80


class ReadyEvent(ops.EventBase):
    """The library is ready."""


class LibEvents(ops.ObjectEvents):
    ready = ops.EventSource(ReadyEvent)


class Lib(ops.Object):
    on = LibEvents()  # type: ignore

    def __init__(self, charm: ops.CharmBase, name: str):
        super().__init__(charm, name)
        self.framework.observe(charm.on[name].relation_changed, self._changed)

    def _changed(self, event: ops.RelationChangedEvent):
        data = event.relation.data[event.app]
        assert_type(data.get('x'), typing.Optional[str])
        self.on.ready.emit()


class WebCharm(ops.CharmBase):
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(runs=0)
        self.lib = Lib(self, 'db')
        self.container = self.unit.get_container('web')
        framework.observe(self.on.start, self._start)
        framework.observe(self.on['web'].pebble_ready, self._ready)
        framework.observe(self.on.web_pebble_ready, self._ready)
        framework.observe(self.lib.on.ready, self._lib)
        framework.observe(self.on.backup_action, self._backup)
        framework.observe(self.on.collect_unit_status, self._status)

    def _lib(self, event: ReadyEvent) -> None: ...

    def _start(self, event: ops.StartEvent) -> None:
        self.unit.status = ops.ActiveStatus('x')
        self._stored.runs += 1
        config = self.load_config(Config)
        assert_type(config, Config)
        self.unit.set_ports(80, ops.Port('tcp', config.port))
        port = self.config['port']
        assert_type(port, typing.Union[bool, int, float, str])
        relation = self.model.get_relation('db')
        if relation is not None and relation.app is not None:
            relation.data[self.app]['a'] = 'b'
            for unit in relation.units:
                assert_type(unit, ops.Unit)
        for r in self.model.relations['db']:
            assert_type(r, ops.Relation)
        for s in self.model.storages['data']:
            print(s.location / 'x')
        secret = self.app.add_secret({'a': 'b'}, label='l')
        assert_type(secret.get_content(refresh=True), typing.Dict[str, str])
        binding = self.model.get_binding('db')
        if binding:
            print(binding.network.bind_address)
        self.model.resources.fetch('x').read_text()

    def _ready(self, event: ops.PebbleReadyEvent) -> None:
        container = event.workload
        layer: pebble.LayerDict = {'services': {'web': {'override': 'replace', 'command': 'x', 'startup': 'enabled'}}}
        container.add_layer('web', layer, combine=True)
        container.add_layer('web', ops.pebble.Layer({'summary': 'x'}), combine=True)
        container.replan()
        assert_type(container.pull('/a').read(), str)
        assert_type(container.pull('/a', encoding=None).read(), bytes)
        container.push('/a', 'text', make_dirs=True, user='x')
        container.push('/a', b'text', permissions=0o600)
        out, err = container.exec(['a', 'b'], timeout=1.5, environment={'a': 'b'}).wait_output()
        assert_type(out, str)
        assert_type(err, typing.Optional[str])
        raw, _ = container.exec(['a'], encoding=None, stdin=b'x').wait_output()
        assert_type(raw, bytes)
        assert_type(container.list_files('/')[0].name, str)
        assert_type(container.get_service('web'), pebble.ServiceInfo)
        if container.get_service('web').is_running() and container.exists('/x') and container.isdir('/'):
            container.remove_path('/x', recursive=True)
            container.make_dir('/y', make_parents=True)
        try:
            container.stop('web')
        except pebble.ChangeError as e:
            logger.error(e.err)
        for name, check in container.get_checks(level=pebble.CheckLevel.ALIVE).items():
            assert_type(name, str)
            assert_type(check, pebble.CheckInfo)

    def _backup(self, event: ops.ActionEvent) -> None:
        event.set_results({'x': event.params['y']})
        event.fail('no')

    def _status(self, event: ops.CollectStatusEvent) -> None:
        event.add_status(ops.BlockedStatus('x'))


def in_tests() -> None:
    ctx = testing.Context(WebCharm, meta={'name': 'web'})
    relation = testing.Relation('db', remote_app_data={'a': 'b'})
    state = testing.State(config={'port': 1}, relations={relation}, leader=True)
    out = ctx.run(ctx.on.relation_changed(relation), state)
    assert out.unit_status == testing.ActiveStatus('x')
    assert_type(out.get_relation(relation.id), testing.RelationBase)
    with ctx(ctx.on.start(), state) as manager:
        assert_type(manager.charm, WebCharm)
        manager.run()
    harness = testing.Harness(WebCharm, meta='name: x')
    harness.begin()
    assert_type(harness.charm, WebCharm)
    harness.add_relation('db', 'x', app_data={'a': 'b'})


if __name__ == '__main__':
    ops.main(WebCharm)
