"""What a state of a test refuses."""

import dataclasses
import logging
import os
import pathlib
import sys
import tempfile
import unittest
import warnings

from bases import ByState
from scripted import MACHINE, WORKLOAD, MachineCharm, WorkloadCharm

import ops
from ops import _yaml, testing
from ops.testing import errors


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

    def combinations(self, ctx, workload):
        """A context, an event, a state (None for one with its relation), and words of what is said (None for nothing)."""
        relation, storage = testing.Relation('db'), testing.Storage('data')
        web, other = testing.Container('web', can_connect=True), testing.Container('other')
        info, notice = testing.CheckInfo('up'), testing.Notice('a.b/c')
        secret = testing.Secret({'a': 'b'})
        S = testing.State
        return [
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

    def test_combinations(self):
        ctx, workload = self.context(MachineCharm, MACHINE), self.context(WorkloadCharm, WORKLOAD)
        for context, event, state, words in self.combinations(ctx, workload):
            if state is None:
                state = testing.State(relations=[event.relation])
            if words is None:  # the same storage twice is one
                context.run(event, state)
                continue
            with self.assertRaises(errors.InconsistentScenarioError, msg=words) as caught:
                context.run(event, state)
            self.assertIn(words, str(caught.exception))
        os.environ['SCENARIO_SKIP_CONSISTENCY_CHECKS'] = '1'
        self.addCleanup(os.environ.pop, 'SCENARIO_SKIP_CONSISTENCY_CHECKS')
        ctx.run(ctx.on.update_status(), testing.State(config={'unknown': 1}))

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
