"""Three charms for the tests of `ops.testing`: one on a machine, one with a workload, one of several units."""

import json

import ops

MACHINE = {
    'name': 'machine',
    'requires': {'db': {'interface': 'sql'}},
    'storage': {'data': {'type': 'filesystem', 'multiple': {'range': '0-'}}},
    'resources': {'bundle': {'type': 'file', 'filename': 'b.txt'}},
    'config': {
        'options': {
            'port': {'type': 'int', 'default': 8080},
            'name': {'type': 'string', 'default': ''},
            'quiet': {'type': 'boolean', 'default': False},
        }
    },
    'actions': {
        'backup': {'params': {'to': {'type': 'string'}, 'level': {'type': 'integer', 'default': 3}}, 'required': ['to']},
    },
}


class MachineCharm(ops.CharmBase):
    """Opens the port of its configuration, serves a database, backs up."""

    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(runs=0, attached=[])
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.start, self._on_start)
        framework.observe(self.on.db_relation_changed, self._on_db_changed)
        framework.observe(self.on.db_relation_departed, self._on_db_departed)
        framework.observe(self.on.db_relation_broken, self._on_db_broken)
        framework.observe(self.on.data_storage_attached, self._on_attached)
        framework.observe(self.on.data_storage_detaching, self._on_detaching)
        framework.observe(self.on.backup_action, self._on_backup)

    def _on_config_changed(self, event):
        self._stored.runs += 1
        if self.config['name'] == 'boom':
            raise ValueError('no such name')
        for port in self.unit.opened_ports():
            self.unit.close_port(port.protocol, port.port)
        self.unit.open_port('tcp', self.config['port'])
        self.unit.set_workload_version('1.%d' % self._stored.runs)
        self.unit.status = ops.MaintenanceStatus('configuring')
        self.unit.status = ops.ActiveStatus(self.config['name'])

    def _on_start(self, event):
        if not self.model.relations['db']:
            event.defer()
            self.unit.status = ops.WaitingStatus('for a database')
            return
        with open(self.model.resources.fetch('bundle')) as file:
            self.unit.status = ops.ActiveStatus(file.read())

    def _on_db_changed(self, event):
        data = event.relation.data
        if self.unit.is_leader():
            data[self.app]['version'] = '5'
        data[self.unit]['seen'] = ','.join(sorted(u.name for u in event.relation.units))
        binding = self.model.get_binding(event.relation)
        data[self.unit]['address'] = str(binding.network.bind_address)
        self.unit.status = ops.ActiveStatus('%s %s' % (data[event.app].get('url', '-'), event.unit and event.unit.name))

    def _on_db_departed(self, event):
        last = event.relation.data[event.unit].get('name')
        self.unit.status = ops.MaintenanceStatus('lost %s (%s)' % (event.departing_unit.name, last))

    def _on_db_broken(self, event):
        active = [r.id for r in self.model.relations['db'] if r.active]
        self.unit.status = ops.BlockedStatus('no database %s' % active)

    def _on_attached(self, event):
        (event.storage.location / 'mark').write_text('here')
        self._stored.attached = [*self._stored.attached, event.storage.full_id]

    def _on_detaching(self, event):
        self._stored.attached = [i for i in self._stored.attached if i != event.storage.full_id]

    def _on_backup(self, event):
        event.log('to %s' % event.params['to'])
        event.set_results({'size': {'bytes': 7, 'level': event.params.get('level')}})
        if event.params['to'] == 'nowhere':
            event.fail('there is no nowhere')


WORKLOAD = {
    'name': 'workload',
    'containers': {'web': {'resource': 'image', 'mounts': [{'storage': 'site', 'location': '/srv/site'}]}, 'side': {}},
    'resources': {'image': {'type': 'oci-image'}},
    'storage': {'site': {'type': 'filesystem'}},
    'config': {'options': {'mode': {'type': 'string', 'default': 'slow'}}},
}


class WorkloadCharm(ops.CharmBase):
    """Keeps a service with its configuration in the environment and in a file."""

    def __init__(self, framework):
        super().__init__(framework)
        self.web = self.unit.get_container('web')
        framework.observe(self.on.web_pebble_ready, self._on_ready)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.web_pebble_custom_notice, self._on_notice)
        framework.observe(self.on.web_pebble_check_failed, self._on_failed)
        framework.observe(self.on.collect_unit_status, self._on_collect)

    def layer(self):
        mode = self.config['mode']
        return {
            'services': {
                'web': {
                    'override': 'replace',
                    'command': 'serve',
                    'startup': 'enabled',
                    'environment': {'MODE': mode},
                }
            },
            'checks': {'up': {'override': 'replace', 'level': 'ready', 'threshold': 2, 'http': {'url': 'http://localhost'}}},
        }

    def _on_ready(self, event):
        version, _ = event.workload.exec(['serve', '--version']).wait_output()
        self.unit.set_workload_version(version.strip())
        self._apply(event.workload)

    def _on_config_changed(self, event):
        if self.web.can_connect():
            self._apply(self.web)

    def _apply(self, container):
        container.push('/etc/web/conf', json.dumps({'mode': self.config['mode']}), make_dirs=True, permissions=0o640)
        container.add_layer('web', self.layer(), combine=True)
        container.replan()

    def _on_notice(self, event):
        with event.workload.pull('/etc/web/conf') as file:
            mode = json.load(file)['mode']
        self.unit.set_workload_version('%s:%s:%s' % (event.notice.key, event.notice.last_data.get('k'), mode))

    def _on_failed(self, event):
        self.unit.set_workload_version('%s failed %d' % (event.info.name, event.info.failures))
        try:
            event.workload.exec(['repair'], timeout=5).wait()
        except ops.pebble.ExecError as e:
            self.unit.set_workload_version('cannot repair: %d' % e.exit_code)

    def _on_collect(self, event):
        if not self.web.can_connect():
            event.add_status(ops.WaitingStatus('for web'))
            return
        services = self.web.get_services('web')
        if not services or not services['web'].is_running():
            event.add_status(ops.BlockedStatus('web is down'))
        event.add_status(ops.ActiveStatus())


CLUSTER = {
    'name': 'cluster',
    'peers': {'ring': {'interface': 'ring'}},
    'provides': {'api': {'interface': 'http'}},
}


class Elected(ops.EventBase):
    """Somebody leads now."""

    def __init__(self, handle, who=''):
        super().__init__(handle)
        self.who = who

    def snapshot(self):
        return {'who': self.who}

    def restore(self, snapshot):
        self.who = snapshot['who']


class ElectionEvents(ops.ObjectEvents):
    """What an election emits."""

    elected = ops.EventSource(Elected)


class Election(ops.Object):
    """A library of the charm, with an event of its own."""

    on = ElectionEvents()

    def __init__(self, charm):
        super().__init__(charm, 'election')
        self.framework.observe(charm.on.leader_elected, self._on_leader_elected)

    def _on_leader_elected(self, event):
        self.on.elected.emit(self.model.unit.name)


class ClusterCharm(ops.CharmBase):
    """Shares a password among its units by a secret and tells others where it is."""

    def __init__(self, framework):
        super().__init__(framework)
        self.election = Election(self)
        framework.observe(self.election.on.elected, self._on_elected)
        framework.observe(self.on.ring_relation_changed, self._on_ring_changed)
        framework.observe(self.on.api_relation_created, self._on_api_created)
        framework.observe(self.on.secret_changed, self._on_secret_changed)
        framework.observe(self.on.secret_rotate, self._on_secret_rotate)
        framework.observe(self.on.secret_remove, self._on_secret_remove)

    def _on_elected(self, event):
        ring = self.model.get_relation('ring')
        if ring is None:
            self.unit.status = ops.WaitingStatus('for %s' % event.who)
            event.defer()
            return
        secret = self.app.add_secret({'password': 'one'}, label='password', rotate=ops.SecretRotate.DAILY)
        ring.data[self.app]['secret'] = secret.id
        ring.data[self.app]['leader'] = event.who
        self.app.status = ops.ActiveStatus('led by %s' % event.who)

    def _on_ring_changed(self, event):
        leader = event.relation.data[self.app].get('leader')
        self.unit.status = ops.ActiveStatus('%s of %d' % (leader, self.app.planned_units()))

    def _on_api_created(self, event):
        if not self.unit.is_leader():
            return
        secret = self.model.get_secret(label='password')
        secret.grant(event.relation)
        event.relation.data[self.app]['secret'] = secret.id

    def _on_secret_changed(self, event):
        tracked = event.secret.get_content()['token']
        fresh = event.secret.get_content(refresh=True)['token']
        self.unit.status = ops.ActiveStatus('%s to %s' % (tracked, fresh))

    def _on_secret_rotate(self, event):
        event.secret.set_content({'password': 'two'})

    def _on_secret_remove(self, event):
        event.remove_revision()
