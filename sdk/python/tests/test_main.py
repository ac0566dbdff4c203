"""Whole dispatches: a charm in a process of its own, with tools that note what they are asked."""

import os
import sqlite3
import tempfile
import unittest

import fake

CHARM = """
import ops

class Done(ops.EventBase):
    def __init__(self, handle, what=None):
        super().__init__(handle)
        self.what = what
    def snapshot(self):
        return {'what': self.what}
    def restore(self, snapshot):
        self.what = snapshot['what']

class Events(ops.CharmEvents):
    done = ops.EventSource(Done)

class Charm(ops.CharmBase):
    on = Events()
    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(starts=0, seen=[])
        for event in (self.on.start, self.on.install, self.on.config_changed, self.on.back_up_action, self.on.done,
                      self.on['db'].relation_changed, self.on.db_relation_departed, self.on.db_relation_broken,
                      self.on.data_storage_attached, self.on.secret_changed, self.on.secret_expired,
                      self.on.collect_unit_status, self.on.collect_app_status, self.on.stop):
            framework.observe(event, getattr(self, '_on_' + event.event_kind))

    def _on_install(self, event):
        event.defer()
        self._stored.seen.append('install')
        print('install', len(self._stored.seen))

    def _on_start(self, event):
        self._stored.starts += 1
        print('start', self._stored.starts)
        self.on.done.emit('a')
        print('after')

    def _on_done(self, event):
        print('done', event.what)

    def _on_stop(self, event):
        event.defer()

    def _on_config_changed(self, event):
        print(dict(self.config), self.model.name, self.charm_dir.name, self.meta.name)
        raise ValueError('no good')

    def _on_back_up_action(self, event):
        event.log('begins')
        event.set_results({'where': event.params['to'], 'size': {'of-it': 3}})
        event.fail('but no')

    def _on_db_relation_changed(self, event):
        there = event.relation.data[event.app]
        print(event.unit.name, event.app.name, dict(event.relation.data[event.unit]), there.get('x'))
        event.relation.data[self.unit].update({'a': '1', 'gone': ''})

    def _on_db_relation_departed(self, event):
        print(event.departing_unit.name, event.unit in event.relation.units, dict(event.relation.data[event.unit]))

    def _on_db_relation_broken(self, event):
        print(event.relation.active, self.model.relations['db'], event.unit)

    def _on_data_storage_attached(self, event):
        print(event.storage.full_id, event.storage.location)

    def _on_secret_changed(self, event):
        print(event.secret.get_content(refresh=True), event.secret.id, event.secret.label)

    def _on_secret_expired(self, event):
        event.remove_revision()

    def _on_collect_unit_status(self, event):
        event.add_status(ops.ActiveStatus('fine'))
        event.add_status(ops.WaitingStatus('for you'))
        event.add_status(ops.BlockedStatus('worst'))
        event.add_status(ops.BlockedStatus('second'))

    def _on_collect_app_status(self, event):
        event.add_status(ops.ActiveStatus())
"""

STATUS = ['status-set', '--application=False', 'blocked', '--', 'worst']
ENDING = [['is-leader', '--format=json'], STATUS]
RELATION = {'JUJU_RELATION': 'db', 'JUJU_RELATION_ID': 'db:7', 'JUJU_REMOTE_APP': 'pg', 'JUJU_REMOTE_UNIT': 'pg/1'}


class TestMain(unittest.TestCase):
    maxDiff = None
    on_socket = True

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.charm = fake.Charm(directory.name, CHARM, self.on_socket)
        self.tools = self.charm.tools
        self.addCleanup(self.tools.close)

    def dispatch(self, event, status=0, **more):
        done = self.charm.dispatch(event, **more)
        if done.returncode != status:
            self.fail(f'{done.returncode}: {done.stderr} {self.tools.calls(log=True)}')
        return done.stdout

    def rows(self, query):
        connection = sqlite3.connect(os.path.join(self.charm.directory, '.unit-state.db'))
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    def test_state_and_custom_events(self):
        self.assertEqual(self.dispatch('start'), 'start 1\ndone a\nafter\n')
        self.assertEqual(self.tools.calls(), ENDING)
        self.assertEqual(self.dispatch('start'), 'start 2\ndone a\nafter\n')

    def test_an_event_that_nobody_observes(self):
        self.assertEqual(self.dispatch('update-status'), '')
        self.assertEqual(self.tools.calls(), ENDING)
        self.dispatch('something-new')

    def test_defer_comes_first_next_time(self):
        self.assertEqual(self.dispatch('install'), 'install 1\n')
        self.assertEqual(self.dispatch('start').split('\n')[0], 'install 2')
        # The like of it is not queued a second time.
        self.assertEqual(self.dispatch('install'), 'install 3\n')
        self.assertEqual(len(self.rows('SELECT * FROM notice')), 1)
        self.assertEqual(
            self.rows('SELECT event_path, observer_path, method_name FROM notice'),
            [('Charm/on/install[1]', 'Charm', '_on_install')],
        )

    def test_a_charm_that_raises_stores_nothing(self):
        self.tools.answers['config-get'] = {'port': 8080}
        done = self.charm.dispatch('config-changed')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "{'port': 8080} m charm web\n")
        log = [call for call in self.tools.calls(log=True) if call[0] == 'juju-log']
        errors = [call[-1] for call in log if call[2] == 'ERROR']
        self.assertEqual(len(errors), 1)
        self.assertIn('ValueError: no good', errors[0])
        self.assertTrue(any(call[2] == 'TRACE' and 'sys_crash:ValueError' in call[-1] for call in log))
        self.assertEqual(self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"), [])

    def test_what_cannot_be_deferred(self):
        self.assertEqual(self.charm.dispatch('stop').returncode, 1)

    def test_action(self):
        self.tools.answers['action-get'] = {'to': '/b'}
        more = {'JUJU_ACTION_NAME': 'back-up', 'JUJU_ACTION_UUID': '4'}
        self.dispatch('actions/back-up', **more)
        self.assertEqual(
            self.tools.calls(),
            [
                ['action-get', '--format=json'],
                ['action-log', '--', 'begins'],
                ['action-set', 'where=/b', 'size.of-it=3'],
                ['action-fail', '--', 'but no'],
                *ENDING,
            ],
        )

    def test_relation_changed(self):
        self.tools.answers.update({
            'relation-ids': ['db:7'], 'relation-list': ['pg/0', 'pg/1'], 'is-leader': True,
            'relation-get --format=json -r db:7 - pg/1': {'k': 'v'},
            'relation-get --format=json -r db:7 --app - pg': {'x': 'y'},
            'relation-get --format=json -r db:7 - web/0': {'gone': 'soon', 'ingress-address': '::1'},
        })  # fmt: skip
        self.assertEqual(self.dispatch('db-relation-changed', **RELATION), "pg/1 pg {'k': 'v'} y\n")
        calls = self.tools.calls()
        self.assertIn(['relation-set', '-r', 'db:7', '--file', '-', '{"a": "1", "gone": ""}'], calls)
        self.assertEqual(calls[-2:], [['status-set', '--application=True', 'active', '--', ''], STATUS])

    def test_who_departed_can_still_be_read(self):
        self.tools.answers.update({
            'relation-ids': ['db:7'], 'relation-list': ['pg/0'],
            'relation-get --format=json -r db:7 - pg/1': {'k': 'v'},
        })  # fmt: skip
        out = self.dispatch('db-relation-departed', JUJU_DEPARTING_UNIT='pg/1', **RELATION)
        self.assertEqual(out, "pg/1 False {'k': 'v'}\n")

    def test_broken(self):
        self.tools.answers.update({'relation-ids': ['db:7'], 'relation-list': []})
        out = self.dispatch('db-relation-broken', **{**RELATION, 'JUJU_REMOTE_UNIT': ''})
        self.assertEqual(out, 'False [] None\n')

    def test_storage(self):
        self.tools.answers.update({
            'storage-list': ['data/0', 'data/4'],
            'storage-get --format=json -s data/4': {'kind': 'filesystem', 'location': '/srv/4'},
        })  # fmt: skip
        self.assertEqual(self.dispatch('data-storage-attached', JUJU_STORAGE_ID='data/4'), 'data/4 /srv/4\n')

    def test_secret(self):
        self.tools.answers['secret-get'] = {'password': 'hunter2'}
        out = self.dispatch('secret-changed', JUJU_SECRET_ID='secret:abc', JUJU_SECRET_LABEL='pw')
        self.assertEqual(out, "{'password': 'hunter2'} secret:abc pw\n")
        self.dispatch('secret-expired', JUJU_SECRET_ID='secret:abc', JUJU_SECRET_LABEL='', JUJU_SECRET_REVISION='3')
        self.assertIn(['secret-remove', 'secret:abc', '--revision', '3'], self.tools.calls())

    def test_a_charm_that_calls_itself(self):
        self.assertEqual(self.dispatch('start', OPERATOR_DISPATCH='1'), '')
        self.assertEqual(self.tools.calls(), [])

    def test_a_hook_of_its_own_runs_first(self):
        hook = os.path.join(self.charm.directory, 'hooks', 'start')
        os.mkdir(os.path.dirname(hook))
        with open(hook, 'w') as f:
            f.write('#!/bin/sh\necho own hook\n')
        os.chmod(hook, 0o755)
        self.assertEqual(self.dispatch('start'), 'own hook\nstart 1\ndone a\nafter\n')
        with open(hook, 'a') as f:
            f.write('exit 9\n')
        self.assertEqual(self.dispatch('start', status=9), 'own hook\n')

    def test_state_in_the_controller(self):
        path = os.path.join(self.charm.directory, 'src', 'charm.py')
        with open(path) as f:
            code = f.read()
        with open(path, 'w') as f:
            f.write(code.replace('ops.main(Charm)', 'ops.main(Charm, use_juju_for_storage=True)'))
        # As Canonical's library leaves it: with PyYAML, which writes short collections on one line.
        self.tools.state.update({
            'StoredStateData[_stored]': '{event_count: 41}\n',
            'Charm/StoredStateData[_stored]': 'seen: [a]\nstarts: 6\n',
            'Charm/on/install[40]': '{}\n',
            '#notices#': "- !!python/tuple ['Charm/on/install[40]', Charm, _on_install]\n",
        })  # fmt: skip
        self.assertEqual(self.dispatch('start'), 'install 2\nstart 7\ndone a\nafter\n')
        self.assertEqual(self.tools.state, {
            'StoredStateData[_stored]': 'event_count: 46\n',
            'Charm/StoredStateData[_stored]': 'seen:\n- a\n- install\nstarts: 7\n',
            'Charm/on/install[40]': '{}\n',
            '#notices#': "- !!python/tuple ['Charm/on/install[40]', Charm, _on_install]\n",
        })  # fmt: skip
        self.assertFalse(os.path.exists(os.path.join(self.charm.directory, '.unit-state.db')))

    def test_the_old_ways_to_begin(self):
        path = os.path.join(self.charm.directory, 'src', 'charm.py')
        with open(path) as f:
            code = f.read()
        for way in ('from ops.main import main; main(Charm)', 'import ops.main; ops.main.main(Charm)', 'ops.main(Charm)'):
            with open(path, 'w') as f:
                f.write(code.replace('ops.main(Charm)', way))
            self.assertIn('after', self.dispatch('start'), way)


class TestPrograms(TestMain):
    """The tools as programs: the same calls, where there is no socket, or nobody on it."""

    on_socket = False


def load_tests(loader, tests, pattern):
    few = ('test_action', 'test_relation_changed', 'test_a_hook_of_its_own_runs_first')
    if fake.FEW:
        return unittest.TestSuite(TestMain(name) for name in (*few, 'test_defer_comes_first_next_time'))
    suite = loader.loadTestsFromTestCase(TestMain)
    suite.addTests(TestPrograms(name) for name in few)
    return suite


if __name__ == '__main__':
    unittest.main()
