"""The two ways to test charms, on a charm with a container."""

import dataclasses
import json
import pathlib
import tempfile
import unittest

from bases import ANSWERS, ByHarness, ByState
from scripted import WORKLOAD, WorkloadCharm

import ops
from ops import _yaml, pebble, testing
from ops.testing import errors


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

    def test_misspelt_keys_of_layers(self):
        with self.ctx(self.ctx.on.start(), testing.State(containers=[self.ready()])) as manager:
            client = manager.charm.web.pebble
            for text, said in (
                ('services: {web: {override: merge, comand: x}}', 'unknown key "comand" in service "web"'),
                ('service: {}', 'unknown key "service" in layer'),
                ('checks: {up: {override: replace, http: {uri: x}}}', 'unknown key "uri" in http of check "up"'),
                ('log-targets: {l: {override: merge, labls: {}}}', 'unknown key "labls" in log target "l"'),
            ):
                with self.assertRaises(pebble.APIError) as caught:
                    client.add_layer('wrong', text)
                self.assertEqual(caught.exception.code, 400)
                self.assertEqual(caught.exception.message, 'cannot parse layer "wrong": ' + said)
            client.add_layer('once', 'services: {job: {override: replace, command: x, one-shot: true}}')
            with self.assertLogs('ops-scenario.pebble', 'WARNING') as logs:
                client.add_layer('lost', {'services': {'web': {'override': 'replace', 'comand': 'x'}}})
            self.assertIn('left out of layer "lost"', logs.output[0])
            self.assertIn('unknown key "comand" in service "web"', logs.output[0])
            self.assertEqual(sorted(client.get_plan().services), ['job', 'web'])

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


if __name__ == '__main__':
    unittest.main()
