"""The two ways to test charms, on the same three charms, and what a state refuses."""

import copy
import dataclasses
import json
import logging
import os
import pathlib
import sys
import tempfile
import unittest
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scripted import CLUSTER, MACHINE, WORKLOAD, ClusterCharm, Election, MachineCharm, WorkloadCharm

import ops
from ops import _yaml, pebble, testing
from ops.testing import errors

logging.getLogger('ops-scenario').setLevel(logging.ERROR)
ANSWERS = {'serve': testing.Exec(['serve', '--version'], stdout='2.1\n')}


class ByState(unittest.TestCase):
    def context(self, charm, meta, **kwargs):
        context = testing.Context(charm, meta, **kwargs)
        self.addCleanup(context.close)
        return context


class ByHarness(unittest.TestCase):
    def harness(self, charm, meta):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', PendingDeprecationWarning)
            harness = testing.Harness(charm, meta=_yaml.dump(meta))
        self.addCleanup(harness.cleanup)
        return harness


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
        self.assertEqual(self.ctx.action_results, {'size': {'bytes': 7, 'level': None}})
        with self.assertRaises(testing.ActionFailed) as caught:
            self.ctx.run(self.ctx.on.action('backup', params={'to': 'nowhere'}), testing.State())
        self.assertEqual(caught.exception.message, 'there is no nowhere')
        self.assertIsInstance(caught.exception.state, testing.State)
        self.assertEqual(self.ctx.action_logs, ['to nowhere'])

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


class WorkloadByState(ByState):
    def setUp(self):
        self.ctx = self.context(WorkloadCharm, WORKLOAD)

    def ready(self, **kwargs):
        return testing.Container('web', can_connect=True, execs=list(ANSWERS.values()), **kwargs)

    def test_ready_then_config(self):
        container = self.ready()
        out = self.ctx.run(self.ctx.on.pebble_ready(container), testing.State(containers=[container]))
        after = out.get_container('web')
        self.assertEqual((out.workload_version, out.unit_status), ('2.1', ops.ActiveStatus()))
        self.assertEqual(after.plan.services['web'].environment, {'MODE': 'slow'})
        self.assertTrue(after.services['web'].is_running())
        self.assertEqual(after.get_check_info('up').status, pebble.CheckStatus.UP)
        conf = after.get_filesystem(self.ctx) / 'etc' / 'web' / 'conf'
        self.assertEqual((json.loads(conf.read_text()), conf.stat().st_mode & 0o777), ({'mode': 'slow'}, 0o640))
        self.assertEqual([a.command for a in self.ctx.exec_history['web']], [['serve', '--version']])
        out = self.ctx.run(self.ctx.on.config_changed(), dataclasses.replace(out, config={'mode': 'fast'}))
        self.assertEqual(out.get_container('web').plan.services['web'].environment, {'MODE': 'fast'})
        self.assertEqual(container.layers, {})

    def test_status_of_what_does_not_answer(self):
        out = self.ctx.run(self.ctx.on.config_changed(), testing.State(containers=[testing.Container('web')]))
        self.assertEqual(out.unit_status, ops.WaitingStatus('for web'))
        out = self.ctx.run(self.ctx.on.update_status(), testing.State(containers=[self.ready()]))
        self.assertEqual(out.unit_status, ops.BlockedStatus('web is down'))
        out = self.ctx.run(self.ctx.on.update_status(), testing.State())
        self.assertEqual(out.unit_status, ops.WaitingStatus('for web'))

    def test_notice_and_mount(self):
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, 'conf').write_text('{"mode": "mounted"}')
            notice = testing.Notice('example.com/a', last_data={'k': 'v'})
            mount = testing.Mount(location='/etc/web', source=directory)
            container = self.ready(notices=[notice], mounts={'conf': mount})
            event = self.ctx.on.pebble_custom_notice(container, notice)
            out = self.ctx.run(event, testing.State(containers=[container]))
        self.assertEqual(out.workload_version, 'example.com/a:v:mounted')

    def test_check_failed(self):
        layer = pebble.Layer({'checks': {'up': {'override': 'replace', 'level': 'ready', 'threshold': 2}}})
        info = testing.CheckInfo(
            'up', failures=2, threshold=2, level=pebble.CheckLevel.READY, status=pebble.CheckStatus.DOWN
        )
        container = testing.Container(
            'web',
            can_connect=True,
            layers={'l': layer},
            check_infos=[info],
            execs=[testing.Exec(['repair'], return_code=9)],
        )
        out = self.ctx.run(self.ctx.on.pebble_check_failed(container, info), testing.State(containers=[container]))
        self.assertEqual(out.workload_version, 'cannot repair: 9')
        self.assertEqual(self.ctx.workload_version_history, ['up failed 2'])

    def test_a_command_that_nobody_plays(self):
        container = testing.Container('web', can_connect=True)
        with self.assertRaises(errors.UncaughtCharmError) as caught:
            self.ctx.run(self.ctx.on.pebble_ready(container), testing.State(containers=[container]))
        self.assertIn("Exec(['serve', '--version']", str(caught.exception.__cause__))

    def test_the_client(self):
        container = self.ready(layers={'l': pebble.Layer({'services': {'web': {'override': 'replace', 'command': 'x'}}})})
        with self.ctx(self.ctx.on.start(), testing.State(containers=[container])) as manager:
            client = manager.charm.web.pebble
            self.assertEqual(client.get_change(client.start_services(['web'])).status, 'Done')
            client.send_signal('SIGHUP', ['web'])
            with self.assertRaises(pebble.APIError):
                client.start_services(['nobody'])
            with self.assertRaises(pebble.APIError):
                client.add_layer('l', {})
            with self.assertRaises(TypeError):
                client.stop_services('web')
            client.stop_services(['web'])
            with self.assertRaises(pebble.APIError):
                client.send_signal('SIGHUP', ['web'])
            client.replace_identities({'bob': {'access': 'read', 'local': {'user-id': 7}}})
            self.assertEqual(client.get_identities()['bob'].local.user_id, 7)
            client.remove_identities(['bob'])
            first = client.notify(pebble.NoticeType.CUSTOM, 'a.b/c')
            self.assertEqual(client.notify(pebble.NoticeType.CUSTOM, 'a.b/c'), first)
            self.assertEqual([n.occurrences for n in client.get_notices()], [2])
            client.make_dir('/a/b', make_parents=True)
            client.push('/a/b/c', 'text')
            self.assertEqual([f.path for f in client.list_files('/a/b')], ['/a/b/c'])
            for wrong in ('relative', '/a/none/c', '/a/b'):
                with self.assertRaises(pebble.PathError):
                    client.push(wrong, '')
            with self.assertRaises(pebble.PathError):
                client.remove_path('/a')
            client.remove_path('/a', recursive=True)
            with self.assertRaises(pebble.PathError):
                client.pull('/a/b/c')
            with self.assertRaises(pebble.ConnectionError):
                manager.charm.unit.get_container('side').push('/x', '')
        self.assertEqual(len(self.ctx._output.get_container('web').notices), 1)


class WorkloadByHarness(ByHarness):
    def setUp(self):
        self.h = self.harness(WorkloadCharm, WORKLOAD)

    def test_ready_then_config(self):
        site = self.h.add_storage('site', attach=True)[0]
        self.h.handle_exec('web', ['serve'], result='2.1\n')
        self.h.begin_with_initial_hooks()
        root = self.h.get_filesystem_root('web')
        self.assertEqual(json.loads((root / 'etc/web/conf').read_text()), {'mode': 'slow'})
        self.assertEqual(self.h.get_workload_version(), '2.1')
        self.assertTrue((root / 'srv' / 'site').is_dir())
        self.h.update_config({'mode': 'fast'})
        plan = self.h.get_container_pebble_plan('web')
        self.assertEqual(plan.services['web'].environment, {'MODE': 'fast'})
        self.h.evaluate_status()
        self.assertEqual(self.h.model.unit.status, ops.ActiveStatus())
        self.h.charm.web.stop('web')
        self.h.evaluate_status()
        self.assertEqual(self.h.model.unit.status, ops.BlockedStatus('web is down'))
        self.h.set_can_connect('web', False)
        self.h.evaluate_status()
        self.assertEqual(self.h.model.unit.status, ops.WaitingStatus('for web'))
        self.h.detach_storage(site)
        self.assertFalse((root / 'srv' / 'site').exists())

    def test_notices_and_checks(self):
        self.h.handle_exec('web', ['serve'], result='2.1\n')
        seen = []

        def repair(args):
            seen.append((args.command, args.timeout))
            return testing.ExecResult(exit_code=3, stderr='no')

        self.h.handle_exec('web', ['repair'], handler=repair)
        self.h.begin()
        self.h.container_pebble_ready('web')
        self.h.pebble_notify('web', 'example.com/a', data={'k': 'v'})
        self.assertEqual(self.h.get_workload_version(), 'example.com/a:v:slow')
        self.h.charm.on.web_pebble_check_failed.emit(self.h.charm.web, 'up')
        self.assertEqual((self.h.get_workload_version(), seen), ('cannot repair: 3', [(['repair'], 5)]))

    def test_resources(self):
        self.h.populate_oci_resources()
        path = self.h.model.resources.fetch('image')
        self.assertEqual(_yaml.load(path.read_text())['registrypath'], 'registrypath')
        with self.assertRaises(RuntimeError):
            self.h.add_resource('image', 'x')


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


class Refusals(ByState):
    """What a state cannot be, and what it cannot be with a charm and an event."""

    def test_pieces(self):
        cases = [
            lambda: testing.Relation('Bad Name'),
            lambda: testing.Relation('db', local_app_data={'a': 1}),
            lambda: testing.Container('UPPER'),
            lambda: testing.Container('x' * 64),
            lambda: testing.Storage('under_score'),
            lambda: testing.Secret({}),
            lambda: testing.Secret({'a': 1}),
            lambda: testing.TCPPort(70000),
            lambda: testing.ICMPPort(port=1),
            lambda: testing.Network('n', ingress_addresses='1.2.3.4'),
        ]
        for i, case in enumerate(cases):
            with self.assertRaises(errors.StateValidationError, msg=str(i)):
                case()
        for case in (
            lambda: testing.State('positional'),
            lambda: testing.Relation('db', 'sql', 7),
            lambda: testing.Relation(),
            lambda: testing.Container('x', connect=True),
            lambda: testing.State(unit_status='active'),
        ):
            with self.assertRaises(TypeError):
                case()
        with self.assertRaises(dataclasses.FrozenInstanceError):
            testing.State().leader = True
        with self.assertRaises(RuntimeError):
            testing.Port(1)

    def test_combinations(self):
        ctx = self.context(MachineCharm, MACHINE)
        workload = self.context(WorkloadCharm, WORKLOAD)
        relation, storage = testing.Relation('db'), testing.Storage('data')
        web, other = testing.Container('web', can_connect=True), testing.Container('other')
        info, notice = testing.CheckInfo('up'), testing.Notice('a.b/c')
        secret = testing.Secret({'a': 'b'})
        S = testing.State
        cases = [
            (ctx, ctx.on.start(), S(config={'unknown': 1}), 'unknown'),
            (ctx, ctx.on.start(), S(config={'port': 'x'}), 'must be of type int'),
            (ctx, ctx.on.start(), S(relations=[testing.Relation('nope')]), 'nope'),
            (ctx, ctx.on.start(), S(relations=[testing.PeerRelation('db')]), 'must be a Relation'),
            (ctx, ctx.on.start(), S(relations=[relation, testing.Relation('db', id=relation.id, remote_app_name='x')]), '2 times'),
            (ctx, ctx.on.relation_changed(relation), S(), 'not in the state'),
            (ctx, ctx.on.relation_joined(testing.Relation('db', remote_units_data={})), None, 'remote unit'),
            (ctx, ctx.on.storage_attached(storage), S(), 'not in the state'),
            (ctx, ctx.on.start(), S(storages=[testing.Storage('other')]), 'not in the metadata'),
            (ctx, ctx.on.update_status(), S(storages=[storage, testing.Storage('data', index=storage.index)]), None),
            (ctx, ctx.on.start(), S(resources=[testing.Resource(name='x', path='y')]), 'not in the metadata'),
            (ctx, ctx.on.start(), S(networks=[testing.Network('x')]), 'no binding'),
            (ctx, ctx.on.start(), S(containers=[web]), 'not in the metadata'),
            (ctx, ctx.on.action('restore'), S(), 'not declared'),
            (ctx, ctx.on.action('backup', params={'to': 7}), S(), 'must be of type string'),
            (ctx, ctx.on.action('backup', params={'from': ''}), S(), "no parameter 'from'"),
            (ctx, ctx.on.secret_changed(secret), S(), 'not in the state'),
            (ctx, ctx.on.start(), S(stored_states=[testing.StoredState(content={'a': object()})]), 'simple types'),
            (workload, workload.on.pebble_ready(web), S(), 'not in the state'),
            (workload, workload.on.pebble_ready(other), S(containers=[other]), 'not in the metadata'),
            (workload, workload.on.pebble_custom_notice(web, notice), S(containers=[web]), 'a.b/c'),
            (workload, workload.on.pebble_check_failed(web, info), S(containers=[web]), "check 'up'"),
            (workload, workload.on.start(), S(containers=[dataclasses.replace(web, check_infos=[info])]), 'no checks'),
            (
                workload,
                workload.on.start(),
                S(containers=[dataclasses.replace(web, execs=[testing.Exec(['a']), testing.Exec(['a'], stdout='b')])]),
                'more than one answer',
            ),
        ]
        for context, event, state, words in cases:
            if state is None:
                state = S(relations=[event.relation])
            if words is None:  # the same storage twice is one
                context.run(event, state)
                continue
            with self.assertRaises(errors.InconsistentScenarioError, msg=words) as caught:
                context.run(event, state)
            self.assertIn(words, str(caught.exception))
        os.environ['SCENARIO_SKIP_CONSISTENCY_CHECKS'] = '1'
        self.addCleanup(os.environ.pop, 'SCENARIO_SKIP_CONSISTENCY_CHECKS')
        ctx.run(ctx.on.update_status(), S(config={'unknown': 1}))

    def test_how_to_call(self):
        ctx = self.context(MachineCharm, MACHINE)
        for wrong, words in (('config-changed', r'ctx\.on\.config_changed\(\)'), (ctx.on.start, 'parentheses')):
            with self.assertRaisesRegex(TypeError, words):
                ctx.run(wrong, testing.State())
        with self.assertRaises(errors.ContextSetupError):
            testing.Context(ops.CharmBase)
        with self.assertRaises(ValueError):
            testing.Context(MachineCharm, MACHINE, config={'options': {}})
        os.environ['SCENARIO_SKIP_CONSISTENCY_CHECKS'] = '1'
        self.addCleanup(os.environ.pop, 'SCENARIO_SKIP_CONSISTENCY_CHECKS')
        with self.assertRaises(errors.NoObserverError):
            ctx.run(ctx.on.pebble_ready(testing.Container('web')), testing.State())

    def test_what_a_process_has_stays_as_it_was(self):
        ctx = self.context(MachineCharm, MACHINE)
        root = logging.getLogger()
        before = (sys.excepthook, warnings.showwarning, list(root.handlers), root.level, dict(os.environ))
        with self.assertRaises(errors.UncaughtCharmError):
            ctx.run(ctx.on.config_changed(), testing.State(config={'name': 'boom'}))
        ctx.run(ctx.on.config_changed(), testing.State())
        after = (sys.excepthook, warnings.showwarning, list(root.handlers), root.level, dict(os.environ))
        self.assertEqual(after, before)

    def test_files_above_the_charm(self):
        with tempfile.TemporaryDirectory() as directory:
            source = pathlib.Path(directory, 'src')
            source.mkdir()
            pathlib.Path(source, 'found_charm.py').write_text('import ops\nclass Found(ops.CharmBase):\n    pass\n')
            text = _yaml.dump(dict(MACHINE, type='charm', summary='s', description='d'))
            pathlib.Path(directory, 'charmcraft.yaml').write_text(text)
            sys.path.insert(0, str(source))
            self.addCleanup(sys.path.remove, str(source))
            self.addCleanup(sys.modules.pop, 'found_charm', None)
            from found_charm import Found

            ctx = self.context(Found, None)
            self.assertEqual(ctx.app_name, 'machine')
            state = testing.State.from_context(ctx, leader=True)
            self.assertEqual(state.config, {'port': 8080, 'name': '', 'quiet': False})
            self.assertEqual([r.endpoint for r in state.relations], ['db'])
            ctx.run(ctx.on.config_changed(), state)

    def test_rockcraft(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, 'rockcraft.yaml')
            path.write_text('summary: s\nservices: {web: {override: replace, command: x}}\n')
            self.assertEqual(testing.layer_from_rockcraft(path).services['web'].command, 'x')
            with self.assertRaises(ValueError):
                testing.layer_from_rockcraft(directory + '/none')


if __name__ == '__main__':
    unittest.main()
