"""What the model says to the tools when it goes wrong, and its values."""

import dataclasses
import datetime
import inspect
import os
import pickle
import pydoc
import unittest

import fake
from test_model import model

import ops
from ops import hookcmds
from ops.pebble import _times


class TestTransport(unittest.TestCase):
    def test_the_context_goes_along_and_status_comes_back(self):
        with fake.here({'config-get': RuntimeError('x')}, on_socket=True) as tools:
            with self.assertRaises(hookcmds.Error):
                hookcmds.config_get()
            self.assertEqual(tools.contexts, {'c0ffee'})

    def test_nobody_on_the_socket(self):
        with fake.here({'config-get': {'a': 1}}, BANGLE_TOOL_SOCKET='/nowhere/s') as tools:
            self.assertEqual(hookcmds.config_get(), {'a': 1})
            self.assertEqual(tools.calls(), [['config-get', '--format=json']])

    def test_an_answer_that_ends_early(self):
        with fake.here(on_socket=True) as tools:
            tools.reply = lambda *args: (_ for _ in ()).throw(ValueError)
            with self.assertRaises(ConnectionError):
                hookcmds.config_get()

    def test_no_tool(self):
        with fake.here():
            os.environ['PATH'] = '/nowhere'
            with self.assertRaises(FileNotFoundError):
                hookcmds.config_get()

    def test_long_logs_are_split(self):
        with fake.here(on_socket=True) as tools:
            model()._backend.juju_log('INFO', 'x' * (ops.model.MAX_LOG_LINE_LEN + 5))
            lines = [call[-1] for call in tools.calls(log=True)]
            self.assertEqual([len(line) for line in lines[1:]], [ops.model.MAX_LOG_LINE_LEN, 5])


class TestValues(unittest.TestCase):
    def test_records(self):
        port = ops.Port('tcp', 80)
        self.assertEqual(port, ops.Port(protocol='tcp', port=80))
        self.assertEqual(len({port, ops.Port('tcp', 80), ops.Port('udp', 80)}), 2)
        self.assertEqual(repr(port), "Port(protocol='tcp', port=80)")
        self.assertEqual(dataclasses.replace(port, port=81).port, 81)
        self.assertEqual(dataclasses.asdict(port), {'protocol': 'tcp', 'port': 80})
        with self.assertRaises(dataclasses.FrozenInstanceError):
            port.port = 1
        for wrong in (lambda: ops.Port('tcp'), lambda: ops.Port('tcp', 1, 2), lambda: ops.Port('tcp', 1, port=2)):
            with self.assertRaises(TypeError):
                wrong()
        one, two = ops.CloudSpec(type='a', name='b'), ops.CloudSpec(type='a', name='b')
        self.assertIsNot(one.ca_certificates, two.ca_certificates)

    def test_cloud(self):
        raw = {'type': 'lxd', 'name': 'l', 'credential': {'auth-type': 'cert', 'attrs': {'k': 'v'}}, 'skip-tls-verify': True}
        with fake.here({'credential-get': raw}, on_socket=True):
            spec = model().get_cloud_spec()
            self.assertEqual((spec.type, spec.credential.attributes, spec.skip_tls_verify), ('lxd', {'k': 'v'}, True))
            self.assertEqual(hookcmds.credential_get().credential.auth_type, 'cert')

    def test_versions(self):
        ordered = ['2.9.0', '3.0-alpha1', '3.0-beta2', '3.0.0', '3.0.0.1', '3.1.6', '3.10']
        versions = [ops.JujuVersion(text) for text in ordered]
        self.assertEqual(sorted(reversed(versions)), versions)
        self.assertTrue(versions[0] == '2.9.0' and versions[0] < '3' + '.0' and not versions[0].has_secrets)
        self.assertEqual(str(ops.JujuVersion('4.0-beta2.7')), '4.0-beta2.7')
        for wrong in ('', '3', '3.x', '3.1.2.3.4', 'v3.1'):
            with self.assertRaises(RuntimeError):
                ops.JujuVersion(wrong)

    def test_context(self):
        env = fake.variables('db-relation-changed', JUJU_RELATION='db', JUJU_RELATION_ID='db:7', JUJU_REMOTE_APP='pg')
        with self.assertRaisesRegex(ValueError, 'JUJU_REMOTE_UNIT'):
            ops.JujuContext.from_environ(env)
        context = ops.JujuContext.from_environ({**env, 'JUJU_REMOTE_UNIT': 'pg/0'})
        self.assertEqual((context.relation_id, context.remote_unit_name, context.machine_id), (7, 'pg/0', None))

    def test_results_and_metrics(self):
        with fake.here(on_socket=True) as tools:
            backend = model()._backend
            for wrong in ({'A': 1}, {'a': {'b': 1}, 'a.b': 2}, {1: 2}, {'-a': 1}):
                with self.assertRaises(ValueError):
                    backend.action_set(wrong)
            backend.add_metrics({'n': 1.5}, {'l': 'x'})
            self.assertEqual(tools.calls(), [['add-metric', '--labels', 'l=x', 'n=1.5']])
            for metrics, labels in (({'n': -1}, {}), ({'n-': 1}, {}), ({'n': 1}, {'l': 'a,b'}), ({'n': float('inf')}, {})):
                with self.assertRaises(ops.ModelError):
                    backend.add_metrics(metrics, labels)


class TestTellings(unittest.TestCase):
    """What `help`, `repr` and the readers of times tell."""

    def test_signatures(self):
        from ops import testing

        class Own(testing.Storage):
            def __init__(self, only):
                pass

        record, piece = inspect.signature(ops.Port), inspect.signature(testing.Storage)
        self.assertEqual(list(record.parameters), ['protocol', 'port'])
        self.assertEqual(inspect.signature(ops.CloudCredential).parameters['attributes'].default, {})
        self.assertEqual([str(p.kind) for p in piece.parameters.values()], ['POSITIONAL_OR_KEYWORD', 'KEYWORD_ONLY'])
        self.assertEqual(list(inspect.signature(Own).parameters), ['only'])
        self.assertIn('encoding', inspect.signature(ops.Container.pull).parameters)
        for value in (ops.Port, ops.Container, testing.Relation, testing.TCPPort):
            self.assertIn(value.__name__, pydoc.render_doc(value))

    def test_where_names_live(self):
        for value, home in (
            (ops.Handle, 'ops.framework'),
            (ops.StartEvent, 'ops.charm'),
            (ops.SecretEvent, 'ops.charm'),
            (ops.Unit, 'ops.model'),
            (ops.Storage, 'ops.model'),
            (ops.CloudSpec, 'ops.model'),
            (ops.LazyNotice, 'ops.model'),
            (ops.Container.push, 'ops.model'),
        ):
            self.assertEqual(value.__module__, home)
            self.assertIs(pickle.loads(pickle.dumps(value)), value)

    def test_times(self):
        utc = datetime.timezone.utc
        late = datetime.datetime(2006, 8, 28, 13, 20, 0, 999999, tzinfo=utc)
        self.assertEqual(_times.parse_time('2006-08-28T13:20:00.9999999Z'), late)
        years = datetime.timedelta(days=300000, microseconds=1)
        self.assertEqual(_times.parse_duration('7200000h1us'), years)
        self.assertEqual(_times.parse_duration('-1.5h.5s'), -datetime.timedelta(hours=1.5, seconds=0.5))

    def test_notices(self):
        self.assertIn('type=NoticeType.CUSTOM,', repr(ops.LazyNotice(None, '1', 'custom', 'a.b/c')))
        self.assertIn("type='other',", repr(ops.LazyNotice(None, '1', 'other', 'a.b/c')))

    def test_a_secret_of_no_model(self):
        with self.assertWarnsRegex(DeprecationWarning, 'model_uuid'):
            self.assertEqual(ops.SecretInfo.from_dict('5', {'revision': 9}).revision, 9)


if __name__ == '__main__':
    unittest.main()
