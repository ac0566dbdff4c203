"""The model over a fake of the hook tools: what is asked, in what words, and what comes of the answers."""

import dataclasses
import datetime
import unittest

import fake

import ops
from ops import hookcmds

META = ops.CharmMeta.from_yaml(fake.METADATA, fake.ACTIONS, fake.CONFIG)


def model(**kwargs):
    backend = ops.model._ModelBackend()
    backend._hook_is_running = 'start'
    return ops.Model(META, backend, **kwargs)


class TestModel(unittest.TestCase):
    maxDiff = None

    def test_names(self):
        with fake.here(on_socket=True):
            m = model()
            self.assertEqual((m.name, m.uuid, m.unit.name, m.app.name), ('m', '0a1b', 'web/0', 'web'))
            self.assertIs(m.unit, m.get_unit('web/0'))
            self.assertIs(m.get_unit('pg/3').app, m.get_app('pg'))
            self.assertEqual(str(m.juju_version), '3.6.14')

    def test_config_is_asked_for_once(self):
        with fake.here({'config-get': {'port': 80, 'on': True}}, on_socket=True) as tools:
            m = model()
            self.assertEqual((m.config['port'], m.config.get('no'), len(m.config)), (80, None, 2))
            self.assertEqual(tools.calls(), [['config-get', '--format=json']])

    def test_status(self):
        with fake.here({'status-get': {'status': 'waiting', 'message': 'x', 'status-data': {}}}, on_socket=True) as tools:
            m = model()
            self.assertEqual(m.unit.status, ops.WaitingStatus('x'))
            m.unit.status = ops.ActiveStatus('-dash')
            self.assertEqual(m.unit.status, ops.ActiveStatus('-dash'))
            self.assertEqual(
                tools.calls(),
                [
                    ['status-get', '--include-data', '--format=json', '--application=false'],
                    ['status-set', '--application=False', 'active', '--', '-dash'],
                ],
            )
            for wrong in ('active', ops.ActiveStatus, None):
                with self.assertRaises(ops.InvalidStatusError):
                    m.unit.status = wrong
            with self.assertRaises(ops.InvalidStatusError):
                m.unit.status = ops.ErrorStatus('x')
            self.assertEqual(m.get_unit('pg/0').status, ops.UnknownStatus())
            with self.assertRaises(RuntimeError):
                m.get_unit('pg/0').status = ops.ActiveStatus()
            with self.assertRaises(RuntimeError):
                m.app.status = ops.ActiveStatus()
            tools.answers['is-leader'] = True
            m = model()
            m.app.status = ops.BlockedStatus()
            self.assertEqual(tools.calls()[-1], ['status-set', '--application=True', 'blocked', '--', ''])

    def test_status_compares(self):
        self.assertEqual(ops.ActiveStatus('a'), ops.ActiveStatus('a'))
        self.assertNotEqual(ops.ActiveStatus('a'), ops.WaitingStatus('a'))
        self.assertEqual(ops.StatusBase.from_name('unknown', 'x'), ops.UnknownStatus())
        self.assertEqual(repr(ops.BlockedStatus('why')), "BlockedStatus('why')")
        with self.assertRaises(TypeError):
            ops.StatusBase('x')

    def test_leadership_holds_for_a_while(self):
        with fake.here({'is-leader': True}, on_socket=True) as tools:
            m = model()
            self.assertTrue(m.unit.is_leader() and m.unit.is_leader())
            self.assertEqual(len(tools.calls()), 1)
            m._backend._leader_check_time -= 31
            tools.answers['is-leader'] = False
            self.assertFalse(m.unit.is_leader())
            with self.assertRaises(RuntimeError):
                m.get_unit('web/1').is_leader()

    def test_ports(self):
        with fake.here({'opened-ports': ['80/tcp', '53/udp', 'icmp']}, on_socket=True) as tools:
            unit = model().unit
            self.assertEqual(unit.opened_ports(), {ops.Port('tcp', 80), ops.Port('udp', 53), ops.Port('icmp', None)})
            tools.calls()
            unit.set_ports(80, 8080, ops.Port('udp', 53))
            self.assertEqual(
                tools.calls(),
                [['opened-ports', '--format=json'], ['close-port', 'icmp'], ['open-port', '8080/tcp']],
            )
            unit.open_port('TCP', 1)
            unit.close_port('icmp')
            self.assertEqual(tools.calls(), [['open-port', '1/tcp'], ['close-port', 'icmp']])

    def test_ranges(self):
        with fake.here({'opened-ports': ['1-9/tcp (a, b)', '80/udp (*)', 'icmp (*)']}, on_socket=True) as tools:
            self.assertEqual(
                hookcmds.opened_ports(endpoints=True),
                [
                    hookcmds.Port('tcp', 1, 9, ['a', 'b']),
                    hookcmds.Port('udp', 80, None, ['*']),
                    hookcmds.Port('icmp', None, None, ['*']),
                ],
            )
            hookcmds.open_port('tcp', 1, to_port=9, endpoints=['a', 'b'])
            self.assertEqual(tools.calls()[-1], ['open-port', '--endpoints', 'a,b', '1-9/tcp'])
            with self.assertRaises(TypeError):
                hookcmds.close_port()

    def test_network(self):
        answer = {
            'bind-addresses': [
                {'interface-name': 'eth0', 'addresses': [
                    {'value': '10.0.0.2', 'cidr': '10.0.0.0/24'}, {'address': 'fe80::1', 'cidr': ''}]},
                {'interface-name': 'lo', 'addresses': None},
            ],
            'ingress-addresses': ['10.0.0.3', 'web.example.com'],
            'egress-subnets': ['10.0.0.2/32'],
        }  # fmt: skip
        with fake.here({'network-get': answer}, on_socket=True) as tools:
            network = model().get_binding('site').network
            self.assertEqual(str(network.bind_address), '10.0.0.2')
            self.assertEqual(str(network.interfaces[1].subnet), 'fe80::1/128')
            self.assertEqual(str(network.interfaces[0].subnet), '10.0.0.0/24')
            self.assertEqual([str(a) for a in network.ingress_addresses], ['10.0.0.3', 'web.example.com'])
            self.assertEqual(network.egress_subnets[0].num_addresses, 1)
            self.assertEqual(tools.calls(), [['network-get', '--format=json', 'site']])

    def test_resources_and_storage(self):
        meta = ops.CharmMeta({'resources': {'conf': {'type': 'file'}}, 'storage': {'data': {'type': 'block'}}})
        answers = {'resource-get': '/r/conf', 'storage-list': [], 'goal-state': {'units': {
            'web/0': {'status': 'active', 'since': '2020-01-01T00:00:00Z'},
            'web/1': {'status': 'dying', 'since': '2020-01-01T00:00:00Z'}}, 'relations': {}}}  # fmt: skip
        with fake.here(answers, on_socket=True) as tools:
            m = ops.Model(meta, ops.model._ModelBackend())
            self.assertEqual(str(m.resources.fetch('conf')), '/r/conf')
            with self.assertRaises(NameError):
                m.resources.fetch('other')
            m.storages.request('data', 2)
            self.assertEqual(tools.calls()[-1], ['storage-add', 'data=2'])
            self.assertEqual(m.storages['data'], [])
            for wrong in (lambda: m.storages['no'], lambda: m.storages.request('no')):
                with self.assertRaises((KeyError, ops.ModelError)):
                    wrong()
            self.assertEqual(m.app.planned_units(), 1)
            self.assertEqual(hookcmds.goal_state().units['web/1'].status, 'dying')

    def test_what_tools_complain_about(self):
        answers = {
            'config-get': RuntimeError('no more'),
            'relation-list': RuntimeError('invalid value "db:9" for option -r: relation not found'),
            'secret-get': RuntimeError('secret "x" not found'),
            'secret-info-get': RuntimeError('permission denied'),
        }
        with fake.here(answers, on_socket=True) as tools:
            m = model()
            with self.assertRaisesRegex(ops.ModelError, 'no more'):
                m.config['x']
            with self.assertRaises(ops.SecretNotFoundError):
                m.get_secret(id='x')
            with self.assertRaises(ops.ModelError):
                ops.Secret(m._backend, id='x').get_info()
            tools.answers['relation-ids'] = ['db:9']
            relation = m.get_relation('db', 9)
            self.assertEqual((relation.active, relation.units), (False, set()))
            with self.assertRaises(hookcmds.Error) as caught:
                hookcmds.config_get()
            self.assertEqual(
                (caught.exception.returncode, caught.exception.cmd, caught.exception.stderr),
                (1, ['config-get', '--format=json'], 'ERROR no more\n'),
            )


class TestRelations(unittest.TestCase):
    maxDiff = None
    ANSWERS = {
        'relation-ids': ['db:7'], 'relation-ids peers --format=json': ['peers:1'],
        'relation-list': ['pg/0', 'pg/1'], 'relation-list --format=json -r peers:1': ['web/1'],
        'relation-get --format=json -r db:7 - pg/0': {'host': 'a'},
        'relation-get --format=json -r db:7 --app - pg': {'users': '["a", "b"]', 'max-size': '7', 'more': '1'},
        'relation-get --format=json -r db:7 - web/0': {'old': '1'},
        'relation-get --format=json -r peers:1 --app - web': {'token': 't'},
        'relation-get --format=json -r db:7 --app - web': {},
        'relation-model-get': {'uuid': 'far'},
    }  # fmt: skip

    def test_read(self):
        with fake.here(self.ANSWERS, on_socket=True) as tools:
            m = model()
            db = m.get_relation('db')
            self.assertEqual((db.name, db.id, db.app.name, db.active), ('db', 7, 'pg', True))
            self.assertEqual({unit.name for unit in db.units}, {'pg/0', 'pg/1'})
            self.assertEqual(dict(db.data[m.get_unit('pg/0')]), {'host': 'a'})
            self.assertEqual(m.get_relation('peers').app, m.app)
            self.assertEqual(m.get_relation('peers').data[m.app]['token'], 't')
            self.assertEqual(db.remote_model.uuid, 'far')
            tools.answers['relation-ids'] = ['db:7', 'db:8']
            with self.assertRaises(ops.TooManyRelatedAppsError):
                model().get_relation('db')
            with self.assertRaises(ops.ModelError):
                m.get_relation('db', 'seven')
            tools.answers['relation-ids'] = []
            self.assertIsNone(model().get_relation('db'))
            with self.assertRaises(KeyError):
                m.relations['nothing']

    def test_write(self):
        with fake.here(self.ANSWERS, on_socket=True) as tools:
            m = model()
            data = m.get_relation('db').data[m.unit]
            tools.calls()
            data['new'] = 'x'
            data['old'] = '1'  # as it is
            del data['old']
            del data['never']
            self.assertEqual(
                [call for call in tools.calls() if call[0] == 'relation-set'],
                [
                    ['relation-set', '-r', 'db:7', '--file', '-', '{"new": "x"}'],
                    ['relation-set', '-r', 'db:7', '--file', '-', '{"old": ""}'],
                ],
            )
            self.assertEqual(dict(data), {'new': 'x'})
            with self.assertRaises(ops.RelationDataTypeError):
                data['n'] = 1

    def test_what_a_unit_may(self):
        with fake.here(self.ANSWERS, on_socket=True) as tools:
            m = model()
            db = m.get_relation('db')
            for owner in (m.get_unit('pg/0'), db.app, m.app):
                with self.assertRaises(ops.RelationDataAccessError):
                    db.data[owner]['k'] = 'v'
            with self.assertRaises(ops.RelationDataAccessError):
                db.data[m.app]['k']
            self.assertEqual(repr(db.data[m.app]), '<n/a>')
            m._backend._hook_is_running = ''
            db.data[m.app]['k'] = 'v'
            tools.answers['is-leader'] = True
            m = model()
            m.get_relation('db').data[m.app]['k'] = 'v'
            self.assertEqual(tools.calls()[-1], ['relation-set', '-r', 'db:7', '--app', '--file', '-', '{"k": "v"}'])

    def test_typed(self):
        @dataclasses.dataclass
        class Db:
            users: list
            size: int = dataclasses.field(default=0, metadata={'alias': 'max-size'})

        class Plain:
            size: int

            def __init__(self, **values):
                self.__dict__.update(values)

        with fake.here({**self.ANSWERS, 'is-leader': True}, on_socket=True) as tools:
            m = model()
            db = m.get_relation('db')
            self.assertEqual(db.load(Db, db.app), Db(['a', 'b'], 7))
            self.assertEqual(vars(db.load(Plain, db.app, extra=2)), {'users': ['a', 'b'], 'max-size': 7, 'more': 1, 'extra': 2})
            self.assertEqual(db.load(Plain, m.get_unit('pg/0'), decoder=str.upper).host, 'A')
            db.save(Db(['z'], 3), m.app)
            self.assertEqual(tools.calls()[-1][-1], '{"max-size": "3", "users": "[\\"z\\"]"}')
            plain = Plain()
            plain.size = 4
            db.save(plain, m.unit, encoder=str)
            self.assertEqual(tools.calls()[-1][-1], '{"size": "4"}')


class TestSecrets(unittest.TestCase):
    maxDiff = None

    def test_life(self):
        answers = {
            'secret-add': 'secret:new\n', 'secret-get': {'password': 'old'},
            'secret-info-get': {'new': {'revision': 2, 'label': 'l', 'owner': 'application', 'rotation': 'daily',
                                        'expiry': '2030-01-02T03:04:05Z'}},
        }  # fmt: skip
        for on_socket in (True, False):
            with self.subTest(on_socket=on_socket), fake.here(answers, on_socket=on_socket) as tools:
                m = model()
                when = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
                secret = m.app.add_secret(
                    {'password': 'hunter2'}, label='l', description='d', expire=when, rotate=ops.SecretRotate.DAILY
                )
                self.assertEqual(secret.get_content(), {'password': 'hunter2'})
                secret.set_content({'password': 'new'})
                secret.set_info(description='e')
                info = secret.get_info()
                self.assertEqual((info.revision, info.expires, info.rotation), (2, when, ops.SecretRotate.DAILY))
                self.assertEqual(info.id, 'secret://0a1b/new')
                self.assertEqual(secret.peek_content(), {'password': 'old'})
                secret.get_content(refresh=True)
                secret.remove_all_revisions()
                content = [{'password': 'hunter2'}], [{'password': 'new'}]
                calls = tools.calls()
                self.assertNotIn('hunter2', str([call[:-1] for call in calls]))
                self.assertEqual(
                    calls,
                    [
                        ['secret-add', '--label', 'l', '--description', 'd', '--expire', '2030-01-02T03:04:05Z',
                         '--rotate', 'daily', '--owner', 'application', 'password#file', *content[0]],
                        ['secret-set', '--owner', 'application', 'secret:new', 'password#file', *content[1]],
                        ['secret-set', '--description', 'e', '--owner', 'application', 'secret:new'],
                        ['secret-info-get', '--format=json', 'secret:new'],
                        ['secret-get', '--format=json', 'secret:new', '--label', 'l', '--peek'],
                        ['secret-get', '--format=json', 'secret:new', '--label', 'l', '--refresh'],
                        ['secret-remove', 'secret:new'],
                    ],
                )  # fmt: skip

    def test_content(self):
        with fake.here(on_socket=True):
            app = model().app
            for wrong in ({}, {'Aa': 'x'}, {'ab': 'x'}, {'a--b': 'x'}, {'abc-': 'x'}, {'1ab': 'x'}):
                with self.assertRaises(ValueError, msg=str(wrong)):
                    app.add_secret(wrong)
            for wrong in (None, {'abc': 1}):
                with self.assertRaises(TypeError):
                    app.add_secret(wrong)
            with self.assertRaises(TypeError):
                app.add_secret({'abc': 'x'}, expire=3)

    def test_ids(self):
        with fake.here(on_socket=True):
            backend = model()._backend
            for id, canonical, own in (
                ('abc', 'secret://0a1b/abc', 'abc'), (' secret:abc ', 'secret:abc', 'abc'),
                ('secret://u/abc', 'secret://u/abc', 'abc'),
            ):  # fmt: skip
                secret = ops.Secret(backend, id=id)
                self.assertEqual((secret.id, secret.unique_identifier), (canonical, own))
            self.assertIsNone(ops.Secret(backend, label='x').unique_identifier)
            with self.assertRaises(TypeError):
                ops.Secret(backend)

    def test_before_3_6_everything_is_said_again(self):
        answers = {
            'secret-get': {'password': 'p'},
            'secret-info-get': {'x': {'revision': 1, 'label': 'l', 'owner': 'unit', 'description': 'd'}},
        }
        with fake.here(answers, on_socket=True, JUJU_VERSION='3.5.9') as tools:
            ops.Secret(model()._backend, id='x').set_info(label='new')
            self.assertEqual(
                tools.calls()[-1],
                ['secret-set', '--label', 'new', '--description', 'd', '--owner', 'application', 'secret://0a1b/x',
                 'password#file', {'password': 'p'}],
            )  # fmt: skip


if __name__ == '__main__':
    unittest.main()
