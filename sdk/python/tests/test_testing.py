"""The two ways to test charms, on a charm for machines and one of a cluster."""

import copy
import dataclasses
import os
import pathlib
import tempfile
import unittest

from bases import ByHarness, ByState
from scripted import CLUSTER, MACHINE, ClusterCharm, Election, MachineCharm

import ops
from ops import testing
from ops.testing import errors


class MachineByState(ByState):
    def setUp(self):
        self.ctx = self.context(MachineCharm, MACHINE)

    def test_config(self):
        state = testing.State(config={'name': 'x'}, opened_ports=[testing.UDPPort(53)])
        before = copy.deepcopy(state)
        out = self.ctx.run(self.ctx.on.config_changed(), state)
        self.assertEqual(state, before)
        self.assertEqual(out.opened_ports, {testing.TCPPort(8080)})
        self.assertEqual((out.unit_status, out.workload_version), (testing.ActiveStatus('x'), '1.1'))
        self.assertEqual(self.ctx.unit_status_history, [ops.UnknownStatus(), ops.MaintenanceStatus('configuring')])
        self.assertEqual(out.get_stored_state('_stored', owner_path='MachineCharm').content['runs'], 1)
        again = self.ctx.run(self.ctx.on.config_changed(), dataclasses.replace(out, config={'port': 81}))
        self.assertEqual(again.opened_ports, {testing.TCPPort(81)})
        self.assertEqual((again.workload_version, self.ctx.workload_version_history), ('1.2', ['1.1']))

    def test_an_exception_of_the_charm(self):
        with self.assertRaises(errors.UncaughtCharmError) as caught:
            self.ctx.run(self.ctx.on.config_changed(), testing.State(config={'name': 'boom'}))
        self.assertIsInstance(caught.exception.__cause__, ValueError)
        self.assertNotIn('OPERATOR_DISPATCH', os.environ)
        self.assertNotIn('JUJU_UNIT_NAME', os.environ)
        os.environ['SCENARIO_BARE_CHARM_ERRORS'] = 'true'
        self.addCleanup(os.environ.pop, 'SCENARIO_BARE_CHARM_ERRORS')
        with self.assertRaises(ValueError):
            self.ctx.run(self.ctx.on.config_changed(), testing.State(config={'name': 'boom'}))

    def test_deferred_events_come_back(self):
        out = self.ctx.run(self.ctx.on.start(), testing.State())
        self.assertEqual([d.name for d in out.deferred], ['start'])
        self.assertEqual(out.unit_status, ops.WaitingStatus('for a database'))
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'b.txt')
            path.write_text('the bundle')
            out = dataclasses.replace(
                out, relations=[testing.Relation('db')], resources=[testing.Resource(name='bundle', path=path)]
            )
            out = self.ctx.run(self.ctx.on.update_status(), out)
        self.assertEqual(([], out.unit_status), (out.deferred, ops.ActiveStatus('the bundle')))
        made = self.ctx.on.start().deferred(MachineCharm._on_start)
        out = self.ctx.run(self.ctx.on.update_status(), testing.State(deferred=[made]))
        self.assertEqual(out.deferred, [made])

    def test_relation(self):
        relation = testing.Relation(
            'db', remote_app_name='pg', remote_app_data={'url': 'sql://'}, remote_units_data={1: {}, 2: {'name': 'two'}}
        )
        network = testing.Network('db', [testing.BindAddress([testing.Address('10.1.2.3')])])
        state = testing.State(relations=[relation], networks=[network], leader=True)
        out = self.ctx.run(self.ctx.on.relation_changed(relation, remote_unit=2), state)
        got = out.get_relation(relation)
        self.assertEqual(got.local_app_data, {'version': '5'})
        self.assertEqual((got.local_unit_data['seen'], got.local_unit_data['address']), ('pg/1,pg/2', '10.1.2.3'))
        self.assertEqual(out.unit_status, ops.ActiveStatus('sql:// pg/2'))
        self.assertEqual(relation.local_app_data, {})
        out = self.ctx.run(self.ctx.on.relation_departed(relation, remote_unit=2, departing_unit=2), state)
        self.assertEqual(out.unit_status, ops.MaintenanceStatus('lost pg/2 (two)'))
        out = self.ctx.run(self.ctx.on.relation_broken(relation), state)
        self.assertEqual(out.unit_status, ops.BlockedStatus('no database []'))

    def test_storage(self):
        storage = testing.Storage('data', index=4)
        out = self.ctx.run(self.ctx.on.storage_attached(storage), testing.State(storages=[storage]))
        self.assertEqual(out.get_stored_state('_stored', owner_path='MachineCharm').content['attached'], ['data/4'])
        self.assertEqual((storage.get_filesystem(self.ctx) / 'mark').read_text(), 'here')
        out = self.ctx.run(self.ctx.on.storage_detaching(storage), out)
        self.assertEqual(out.get_stored_state('_stored', owner_path='MachineCharm').content['attached'], [])

    def test_action(self):
        self.ctx.run(self.ctx.on.action('backup', params={'to': 'tape'}), testing.State())
        self.assertEqual(self.ctx.action_logs, ['to tape'])
        self.assertEqual(self.ctx.action_results, {'size': {'bytes': 7, 'level': 3}})
        with self.assertRaises(testing.ActionFailed) as caught:
            self.ctx.run(self.ctx.on.action('backup', params={'to': 'nowhere'}), testing.State())
        self.assertEqual(caught.exception.message, 'there is no nowhere')
        self.assertIsInstance(caught.exception.state, testing.State)
        self.assertEqual(self.ctx.action_logs, ['to nowhere'])

    def test_an_action_finds_its_defaults(self):
        class Charm(ops.CharmBase):
            def __init__(self, framework):
                super().__init__(framework)
                framework.observe(self.on.backup_action, self._on_backup)

            def _on_backup(self, event):
                event.set_results({'got': dict(event.params)})

        params = {'to': {'type': 'string', 'default': 'tape'}, 'level': {'type': 'integer'}}
        ctx = testing.Context(Charm, {'name': 'web', 'actions': {'backup': {'params': params}}})
        for given, want in (({}, {'to': 'tape'}), ({'to': 'disk', 'level': 1}, {'to': 'disk', 'level': 1})):
            ctx.run(ctx.on.action('backup', params=given), testing.State())
            self.assertEqual(ctx.action_results, {'got': want})

    def test_the_charm_before_its_event(self):
        with self.ctx(self.ctx.on.config_changed(), testing.State(config={'name': 'y'})) as manager:
            self.assertIsInstance(manager.charm, MachineCharm)
            manager.charm._stored.runs = 41
            out = manager.run()
            self.assertEqual(manager.charm._stored.runs, 42)
            with self.assertRaises(errors.AlreadyEmittedError):
                manager.run()
        self.assertEqual(out.workload_version, '1.42')
        with self.ctx(self.ctx.on.config_changed(), testing.State()):
            pass
        self.assertEqual(self.ctx._output.unit_status, ops.ActiveStatus(''))
        with self.assertRaises(RuntimeError):
            testing.Manager(self.ctx, self.ctx.on.start(), testing.State()).charm

    def test_hookcmds_see_the_state(self):
        from ops import hookcmds

        class Direct(ops.CharmBase):
            def __init__(self, framework):
                super().__init__(framework)
                framework.observe(self.on.start, self._on_start)

            def _on_start(self, event):
                hookcmds.status_set('blocked', '%s %s' % (hookcmds.config_get('port'), hookcmds.is_leader()))

        ctx = self.context(Direct, MACHINE)
        for leader in (True, False):
            out = ctx.run(ctx.on.start(), testing.State(leader=leader))
            self.assertEqual(out.unit_status, ops.BlockedStatus('8080 %s' % leader))
        with self.assertRaises(FileNotFoundError):
            hookcmds.is_leader()


class MachineByHarness(ByHarness):
    def setUp(self):
        self.h = self.harness(MachineCharm, MACHINE)

    def test_config(self):
        self.h.begin()
        self.h.update_config({'name': 'x', 'port': 81})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('x'))
        self.assertEqual(self.h.model.unit.opened_ports(), {ops.Port('tcp', 81)})
        self.h.update_config(unset=['port'])
        self.assertEqual(self.h.model.unit.opened_ports(), {ops.Port('tcp', 8080)})
        self.assertEqual(self.h.get_workload_version(), '1.2')
        with self.h.hooks_disabled():
            self.h.update_config({'name': 'boom'})
        with self.assertRaises(ValueError):
            self.h.update_config()
        for wrong, error in (({'port': 'x'}, RuntimeError), ({'port': True}, RuntimeError), ({'other': 1}, ValueError)):
            with self.assertRaises(error):
                self.h.update_config(wrong)

    def test_deferred_events_come_back(self):
        self.h.begin()
        self.h.charm.on.start.emit()
        self.h.add_resource('bundle', 'the bundle')
        self.h.add_relation('db', 'pg')
        self.h.framework.reemit()
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('the bundle'))

    def test_relation(self):
        self.h.set_leader(True)
        self.h.add_network('10.1.2.3')
        self.h.begin()
        number = self.h.add_relation('db', 'pg', app_data={'url': 'sql://'}, unit_data={'name': 'none'})
        self.assertEqual(self.h.get_relation_data(number, 'machine'), {'version': '5'})
        self.h.add_relation_unit(number, 'pg/2')
        self.h.update_relation_data(number, 'pg/2', {'name': 'two'})
        mine = self.h.get_relation_data(number, 'machine/0')
        self.assertEqual(mine, {'seen': 'pg/0,pg/2', 'address': '10.1.2.3'})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('sql:// pg/2'))
        self.h.remove_relation_unit(number, 'pg/2')
        self.assertEqual(self.h.model.unit.status, ops.MaintenanceStatus('lost pg/2 (two)'))
        self.assertEqual(self.h.model.get_relation('db').units, {self.h.model.get_unit('pg/0')})
        self.h.remove_relation(number)
        self.assertEqual(self.h.model.unit.status, ops.BlockedStatus('no database []'))
        self.assertEqual(self.h.model.relations['db'], [])
        with self.assertRaises(ops.RelationNotFoundError):
            self.h.add_relation('no-such', 'pg')

    def test_storage(self):
        first = self.h.add_storage('data', attach=True)[0]
        self.h.begin_with_initial_hooks()
        stored = self.h.charm._stored
        self.assertEqual(list(stored.attached), [first])
        second = self.h.add_storage('data', attach=True)[0]
        self.assertEqual(list(stored.attached), [first, second])
        self.h.detach_storage(first)
        self.assertEqual(list(stored.attached), [second])
        self.assertEqual([s.full_id for s in self.h.model.storages['data']], [second])
        self.h.attach_storage(first)
        self.h.remove_storage(second)
        self.assertEqual(list(stored.attached), [first])
        with self.assertRaises(RuntimeError):
            self.h.add_storage('other')

    def test_action(self):
        self.h.begin()
        output = self.h.run_action('backup', {'to': 'tape'})
        self.assertEqual((output.logs, output.results), (['to tape'], {'size': {'bytes': 7, 'level': 3}}))
        with self.assertRaises(testing.ActionFailed) as caught:
            self.h.run_action('backup', {'to': 'nowhere'})
        self.assertEqual((caught.exception.message, caught.exception.output.logs), ('there is no nowhere', ['to nowhere']))
        with self.assertRaisesRegex(RuntimeError, "'to'"):
            self.h.run_action('backup')
        with self.assertRaises(RuntimeError):
            self.h.run_action('restore')

    def test_initial_hooks(self):
        self.h.add_relation('db', 'pg', unit_data={'name': 'n'})
        self.h.add_resource('bundle', 'b')
        self.h.begin_with_initial_hooks()
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('- pg/0'))
        with self.assertRaises(RuntimeError):
            self.h.begin()

    def test_before_begin(self):
        with self.assertRaisesRegex(RuntimeError, 'begin'):
            self.h.charm
        self.h.set_model_info('model', 'some-uuid')
        self.assertEqual((self.h.model.name, self.h.model.uuid), ('model', 'some-uuid'))
        self.h.begin()
        with self.assertRaises(RuntimeError):
            self.h.set_model_name('late')


class ClusterByState(ByState):
    def setUp(self):
        self.ctx = self.context(ClusterCharm, CLUSTER)

    def test_leader(self):
        ring = testing.PeerRelation('ring', peers_data={1: {}, 2: {}})
        out = self.ctx.run(self.ctx.on.leader_elected(), testing.State(leader=True, relations=[ring], planned_units=3))
        secret = out.get_secret(label='password')
        self.assertEqual((secret.owner, secret.rotate, secret.tracked_content), ('app', ops.SecretRotate.DAILY, {'password': 'one'}))
        self.assertEqual(out.get_relation(ring).local_app_data, {'secret': secret.id, 'leader': 'cluster/0'})
        self.assertEqual(out.app_status, ops.ActiveStatus('led by cluster/0'))
        self.assertEqual([type(e).__name__ for e in self.ctx.emitted_events], ['LeaderElectedEvent', 'Elected'])
        out = self.ctx.run(self.ctx.on.relation_changed(out.get_relation(ring), remote_unit=1), out)
        self.assertEqual(out.unit_status, ops.ActiveStatus('cluster/0 of 3'))
        api = testing.Relation('api', remote_app_name='client')
        out = self.ctx.run(self.ctx.on.relation_created(api), dataclasses.replace(out, relations=[*out.relations, api]))
        secret = out.get_secret(label='password')
        self.assertEqual(secret.remote_grants, {api.id: {'client'}})
        out = self.ctx.run(self.ctx.on.secret_rotate(secret), out)
        secret = out.get_secret(label='password')
        self.assertEqual((secret.tracked_content, secret.latest_content), ({'password': 'one'}, {'password': 'two'}))
        self.ctx.run(self.ctx.on.secret_remove(secret, revision=7), out)
        self.assertEqual(self.ctx.removed_secret_revisions, [7])
        with self.assertRaises(errors.UncaughtCharmError):
            self.ctx.run(self.ctx.on.secret_remove(secret, revision=2), out)

    def test_events_of_a_library(self):
        out = self.ctx.run(self.ctx.on.custom(Election.on.elected, 'somebody'), testing.State(leader=True))
        self.assertEqual(out.unit_status, ops.WaitingStatus('for somebody'))
        self.assertEqual((out.deferred[0].name, out.deferred[0].snapshot_data), ('elected', {'who': 'somebody'}))
        ring = testing.PeerRelation('ring')
        out = self.ctx.run(self.ctx.on.update_status(), dataclasses.replace(out, relations=[ring]))
        self.assertEqual(out.get_relation(ring).local_app_data['leader'], 'somebody')

    def test_somebody_elses_secret(self):
        secret = testing.Secret({'token': 'a'}, latest_content={'token': 'b'})
        out = self.ctx.run(self.ctx.on.secret_changed(secret), testing.State(secrets=[secret]))
        self.assertEqual(out.unit_status, ops.ActiveStatus('a to b'))
        self.assertEqual(out.get_secret(id=secret.id).tracked_content, {'token': 'b'})
        with self.assertRaises(ValueError):
            self.ctx.on.secret_rotate(secret)
        with self.assertRaises(ValueError):
            self.ctx.on.secret_changed(testing.Secret({'a': 'b'}, owner='app'))


class ClusterByHarness(ByHarness):
    def setUp(self):
        self.h = self.harness(ClusterCharm, CLUSTER)

    def test_what_a_test_said_wrongly_or_not(self):
        self.assertIsNone(self.h.model.name)
        relation = self.h.add_relation('api', 'other')
        with self.assertWarnsRegex(UserWarning, "'another/0' is no unit of it"):
            self.h.add_relation_unit(relation, 'another/0')
        self.assertEqual({unit.name for unit in self.h.model.relations['api'][0].units}, {'another/0'})

    def test_leader(self):
        self.h.set_leader(True)
        self.h.begin_with_initial_hooks()
        ring = self.h.model.get_relation('ring').id
        data = self.h.get_relation_data(ring, 'cluster')
        self.assertEqual(data['leader'], 'cluster/0')
        self.h.add_relation_unit(ring, 'cluster/1')
        self.h.update_relation_data(ring, 'cluster/1', {'a': 'b'})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('cluster/0 of 2'))
        self.h.set_planned_units(5)
        self.h.update_relation_data(ring, 'cluster/1', {'a': 'c'})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('cluster/0 of 5'))
        api = self.h.add_relation('api', 'client')
        self.assertEqual(self.h.get_secret_grants(data['secret'], api), {'client'})
        self.h.trigger_secret_rotation(data['secret'])
        self.assertEqual(self.h.get_secret_revisions(data['secret']), [1, 2])
        self.h.trigger_secret_removal(data['secret'], 1)
        self.assertEqual(self.h.get_secret_revisions(data['secret']), [2])

    def test_a_peer_that_follows(self):
        self.h.begin()
        ring = self.h.add_relation('ring', 'cluster')
        self.h.update_relation_data(ring, 'cluster', {'leader': 'cluster/3'})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('cluster/3 of 1'))

    def test_somebody_elses_secret(self):
        self.h.begin()
        self.h.add_relation('api', 'client')
        secret = self.h.add_model_secret('client', {'token': 'aaa'})
        with self.assertRaises(ops.SecretNotFoundError):
            self.h.model.get_secret(id=secret)
        self.h.grant_secret(secret, 'cluster')
        self.h.set_secret_content(secret, {'token': 'bbb'})
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus('aaa to bbb'))
        self.h.revoke_secret(secret, 'cluster')
        with self.assertRaises(ops.SecretNotFoundError):
            self.h.model.get_secret(id=secret).get_content()
        user = self.h.add_user_secret({'token': 'ccc'})
        self.h.grant_secret(user, 'cluster/0')
        self.assertEqual(self.h.model.get_secret(id=user).get_content(), {'token': 'ccc'})
        with self.assertRaises(RuntimeError):
            self.h.trigger_secret_rotation(user)


if __name__ == '__main__':
    unittest.main()
