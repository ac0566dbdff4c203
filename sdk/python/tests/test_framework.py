"""Events, observers, what is deferred, and stored state."""

import functools
import gc
import os
import pickle
import sqlite3
import stat
import tempfile
import unittest

import ops
from ops.framework import _takes_one
from ops.storage import JujuStorage, NoSnapshotError, SQLiteStorage


class Meta:
    relations = storages = actions = containers = {}


def framework(storage=None):
    return ops.Framework(storage or SQLiteStorage(':memory:'), '/charm', Meta(), None)


class Ping(ops.EventBase):
    def __init__(self, handle, what=None):
        super().__init__(handle)
        self.what = what

    def snapshot(self):
        return {'what': self.what}

    def restore(self, snapshot):
        self.what = snapshot['what']


class Pings(ops.ObjectEvents):
    ping = ops.EventSource(Ping)
    pong = ops.EventSource(Ping)


class Source(ops.Object):
    on = Pings()


class Sink(ops.Object):
    def __init__(self, parent, key, defer=False):
        super().__init__(parent, key)
        self.seen, self.defer = [], defer

    def handle_it(self, event):
        self.seen.append(event.what)
        if self.defer:
            event.defer()

    def needs_more(self, event, other):
        pass

    def two(self, event, other=1, *, third=2):
        self.seen.append('two')

    def any(self, *args):
        self.seen.append('any')

    def must_name(self, event, *, third):
        pass

    def nothing(self):
        pass


class TestHandle(unittest.TestCase):
    def test_paths(self):
        for path in ('a', 'a[k]', 'a[k]/on/b[7]', 'x/y'):
            handle = ops.Handle.from_path(path)
            self.assertEqual((handle.path, str(handle)), (path, path))
            self.assertEqual(handle, ops.Handle.from_path(path))
            self.assertEqual(hash(handle), hash(ops.Handle.from_path(path)))
        self.assertEqual(ops.Handle(None, 'a', None).nest('b', 'k').path, 'a/b[k]')
        self.assertEqual(ops.Handle.from_path('a[k]/on/b[7]').key, '7')
        self.assertEqual(ops.Handle.from_path('a[k]/on/b[7]').parent.kind, 'on')

    def test_no_path(self):
        for path in ('a[k', 'a[k]x', 'a[b[c]]'):
            with self.assertRaises(RuntimeError):
                ops.Handle.from_path(path)


class TestEvents(unittest.TestCase):
    def test_in_the_order_they_came_and_from_a_snapshot(self):
        f = framework()
        source, one, two = Source(f, 's'), Sink(f, '1'), Sink(f, '2')
        f.observe(source.on.ping, one.handle_it)
        f.observe(source.on.ping, two.any)
        f.observe(source.on.pong, two.two)
        source.on.ping.emit('a')
        source.on.pong.emit(what='b')
        self.assertEqual((one.seen, two.seen), (['a'], ['any', 'two']))
        self.assertEqual(list(f._storage.notices()), [])
        self.assertEqual(list(f._storage.list_snapshots()), [])

    def test_what_observe_refuses(self):
        f = framework()
        source, sink = Source(f, 's'), Sink(f, '1')
        for event, method in (
            (source.on.ping, sink.needs_more), (source.on.ping, sink.nothing), (source.on.ping, sink.must_name),
            (source.on.ping, sink), (source.on.ping, print), (source.on, sink.handle_it), (Ping, sink.handle_it),
        ):  # fmt: skip
            with self.assertRaises(TypeError, msg=str(method)):
                f.observe(event, method)

    def test_takes_one_of_wrapped_methods(self):
        def wrapping(function):
            @functools.wraps(function)
            def call(self, *args, **kwargs):
                return function(self, *args, **kwargs)

            return call

        class Wrapped(ops.Object):
            @wrapping
            def more(self, event, other):
                pass

            def defaults(self, event=None):
                pass

            def three(self, a, b, c=1):
                pass

        w = Wrapped(framework(), 'w')
        self.assertTrue(_takes_one(w.more))  # the wrapper is what is called
        self.assertTrue(_takes_one(w.defaults))
        self.assertFalse(_takes_one(w.three))

    def test_deferred_alone_is_called_again(self):
        f = framework()
        source, one, two = Source(f, 's'), Sink(f, '1', defer=True), Sink(f, '2')
        for sink in (one, two):
            f.observe(source.on.ping, sink.handle_it)
        source.on.ping.emit(1)
        self.assertEqual(list(f._storage.notices()), [('Source[s]/on/ping[1]', 'Sink[1]', 'handle_it')])
        f.reemit()
        one.defer = False
        f.reemit()
        f.reemit()
        self.assertEqual((one.seen, two.seen), ([1, 1, 1], [1]))
        self.assertEqual(list(f._storage.list_snapshots()), [])

    def test_the_same_is_not_queued_twice(self):
        f = framework()
        source, sink = Source(f, 's'), Sink(f, '1', defer=True)
        f.observe(source.on.ping, sink.handle_it)
        for what in (1, 1, 2, 1):
            source.on.ping.emit(what)
        self.assertEqual(sink.seen, [1, 2])
        self.assertEqual(len(list(f._storage.notices())), 2)
        every = ops.Framework(SQLiteStorage(':memory:'), '/c', Meta(), None, skip_duplicate_events=False)
        source, sink = Source(every, 's'), Sink(every, '1', defer=True)
        every.observe(source.on.ping, sink.handle_it)
        for what in (1, 1):
            source.on.ping.emit(what)
        self.assertEqual(sink.seen, [1, 1])

    def test_an_observer_that_is_gone(self):
        f = framework()
        source = Source(f, 's')
        f.observe(source.on.ping, Sink(f, '1').handle_it)
        gc.collect()
        with self.assertLogs('ops.framework', 'WARNING') as logs:
            source.on.ping.emit(1)
        self.assertIn('Sink[1]', logs.output[0])

    def test_a_class_that_is_gone_drops_what_was_deferred(self):
        storage = SQLiteStorage(':memory:')
        f = framework(storage)
        source, sink = Source(f, 's'), Sink(f, '1', defer=True)
        f.observe(source.on.ping, sink.handle_it)
        source.on.ping.emit(1)
        f.commit()
        again = framework(storage)
        again.reemit()
        self.assertEqual(list(storage.notices()), [])

    def test_one_place_one_object(self):
        f = framework()
        first = Sink(f, '1')
        with self.assertRaisesRegex(RuntimeError, r'Sink\[1\]'):
            Sink(f, '1')
        del first

    def test_define_event(self):
        class Events(ops.ObjectEvents):
            pass

        Events.define_event('later', Ping)
        for name in ('later', 'not valid', 'class', 'events'):
            with self.assertRaises(RuntimeError):
                Events.define_event(name, Ping)
        with self.assertRaises(RuntimeError):
            ops.EventSource(int)
        f = framework()
        source = Source(f, 's')
        self.assertEqual(sorted(source.on.events()), ['ping', 'pong'])
        self.assertEqual(ops.PrefixedEvents(source.on, 'pi').__class__.__name__, 'PrefixedEvents')
        with self.assertRaises(AttributeError):
            source.on['no'].such

    def test_only_simple_types(self):
        f = framework()
        source, sink = Source(f, 's'), Sink(f, '1')
        f.observe(source.on.ping, sink.handle_it)
        with self.assertRaisesRegex(ValueError, 'simple types'):
            source.on.ping.emit(object())

    def test_lifecycle_events_are_not_deferred(self):
        with self.assertRaises(RuntimeError):
            ops.CommitEvent(ops.Handle(None, 'x', None)).defer()

    def test_breakpoint_names(self):
        f = ops.Framework(SQLiteStorage(':memory:'), '/c', Meta(), None, juju_debug_at={'other'})
        for name in ('all', 'hook', 'Not', '-x', ''):
            with self.assertRaises(ValueError):
                f.breakpoint(name)
        with self.assertRaises(TypeError):
            f.breakpoint(3)
        with self.assertLogs('ops.framework', 'WARNING'):
            f.breakpoint('mine')


class Keeper(ops.Object):
    _stored = ops.StoredState()


class TestStoredState(unittest.TestCase):
    def test_lives_on(self):
        storage = SQLiteStorage(':memory:')
        f = framework(storage)
        k = Keeper(f, 'k')
        k._stored.set_default(n=1, items=[], names={'a': {'b': 1}}, tags={'x'})
        k._stored.items.append({'c': [2]})
        k._stored.items[0]['c'].append(3)
        k._stored.names['a']['b'] += 1
        k._stored.tags.add('y')
        k._stored.tags |= {'z'}
        k._stored.n = 5
        f.commit()
        again = Keeper(framework(storage), 'k')._stored
        self.assertEqual(again.items, [{'c': [2, 3]}])
        self.assertEqual(again.names, {'a': {'b': 2}})
        self.assertEqual(again.tags, {'x', 'y', 'z'})
        self.assertEqual(again.n, 5)
        again.set_default(n=9)
        self.assertEqual(again.n, 5)

    def test_what_it_refuses(self):
        k = Keeper(framework(), 'k')
        with self.assertRaises(AttributeError):
            k._stored.x = object()
        with self.assertRaises(AttributeError):
            k._stored.on = 1
        with self.assertRaises(AttributeError):
            k._stored.missing

    def test_compares(self):
        k = Keeper(framework(), 'k')
        k._stored.set_default(l=[1, 2], s={1}, d={'a': 1})
        self.assertTrue(k._stored.l < [1, 3] and k._stored.l >= [1, 2] and k._stored.l != [2])
        self.assertTrue(k._stored.s <= {1, 2} and {1} == k._stored.s and k._stored.s != {2})
        self.assertEqual(k._stored.s | {2}, {1, 2})
        self.assertEqual(repr(k._stored.d), "ops.framework.StoredDict({'a': 1})")
        self.assertEqual(list(reversed(k._stored.l)), [2, 1])
        del k._stored.l[0], k._stored.d['a']
        self.assertEqual((k._stored.l, k._stored.d), ([2], {}))

    def test_shared_by_mistake(self):
        state = ops.StoredState()

        class One(ops.Object):
            a = b = state

        with self.assertRaises(RuntimeError):
            One(framework(), 'x').a

    def test_inherited(self):
        class Child(Keeper):
            pass

        f = framework()
        a, b = Child(f, 'a'), Keeper(f, 'b')
        a._stored.x, b._stored.x = 1, 2
        self.assertEqual((a._stored.x, b._stored.x), (1, 2))


# What Canonical's library (3.9) leaves in a file: its tables, and pickles of protocol 4.
THEIRS = """
CREATE TABLE snapshot (handle TEXT PRIMARY KEY, data BLOB);
CREATE TABLE notice (
                  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                  event_path TEXT,
                  observer_path TEXT,
                  method_name TEXT);
INSERT INTO snapshot VALUES ('StoredStateData[_stored]', x'80049514000000000000007d948c0b6576656e745f636f756e74944b0b732e');
INSERT INTO snapshot VALUES ('Keeper[k]/StoredStateData[_stored]', x'80049526000000000000007d94288c016e944b078c046c697374945d94284b014b02658c0173948f94288c01789490752e');
INSERT INTO snapshot VALUES ('Source[s]/on/ping[11]', x'80049511000000000000007d948c0477686174948c0361626394732e');
INSERT INTO notice VALUES (4, 'Source[s]/on/ping[11]', 'Sink[1]', 'handle_it');
"""


class TestFormats(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, '.unit-state.db')

    def test_of_a_charm_that_came_from_the_other_library(self):
        theirs = sqlite3.connect(self.path)
        theirs.executescript(THEIRS)
        theirs.close()
        storage = SQLiteStorage(self.path)
        self.addCleanup(storage.close)
        f = framework(storage)
        source, sink, keeper = Source(f, 's'), Sink(f, '1'), Keeper(f, 'k')
        f.observe(source.on.ping, sink.handle_it)
        f.reemit()
        self.assertEqual(sink.seen, ['abc'])
        self.assertEqual((keeper._stored.n, keeper._stored.list, keeper._stored.s), (7, [1, 2], {'x'}))
        self.assertEqual(f._next_event_key(), '12')

    def test_of_a_charm_that_goes_to_it(self):
        storage = SQLiteStorage(self.path)
        f = framework(storage)
        source, sink, keeper = Source(f, 's'), Sink(f, '1', defer=True), Keeper(f, 'k')
        f.observe(source.on.ping, sink.handle_it)
        keeper._stored.x = [1, {'a': {2}}]
        source.on.ping.emit('q')
        f.commit()
        f.close()
        db = sqlite3.connect(self.path)
        self.addCleanup(db.close)
        kept = {handle: pickle.loads(data) for handle, data in db.execute('SELECT handle, data FROM snapshot')}
        self.assertEqual(
            kept,
            {
                'StoredStateData[_stored]': {'event_count': 3},
                'Keeper[k]/StoredStateData[_stored]': {'x': [1, {'a': {2}}]},
                'Source[s]/on/ping[1]': {'what': 'q'},
            },
        )
        rows = db.execute('SELECT event_path, observer_path, method_name FROM notice').fetchall()
        self.assertEqual(rows, [('Source[s]/on/ping[1]', 'Sink[1]', 'handle_it')])
        for (data,) in db.execute('SELECT data FROM snapshot'):
            self.assertEqual(data[:2], b'\x80\x04')  # a protocol that every Python since 3.4 reads
        columns = [row[1:3] for row in db.execute('PRAGMA table_info(notice)')]
        self.assertEqual(
            columns,
            [('sequence', 'INTEGER'), ('event_path', 'TEXT'), ('observer_path', 'TEXT'), ('method_name', 'TEXT')],
        )

    def test_nothing_is_stored_without_commit(self):
        storage = SQLiteStorage(self.path)
        storage.save_snapshot('a', {})
        storage.close()
        again = SQLiteStorage(self.path)
        self.addCleanup(again.close)
        with self.assertRaises(NoSnapshotError):
            again.load_snapshot('a')

    def test_only_the_owner_reads_it(self):
        SQLiteStorage(self.path).close()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        os.chmod(self.path, 0o644)
        SQLiteStorage(self.path).close()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        with self.assertRaises(RuntimeError):
            SQLiteStorage(os.path.join(self.path, 'below a file'))

    def test_controller(self):
        import fake

        with fake.here(on_socket=True) as tools:
            f = framework(JujuStorage())
            source, sink, keeper = Source(f, 's'), Sink(f, '1', defer=True), Keeper(f, 'k')
            f.observe(source.on.ping, sink.handle_it)
            keeper._stored.x = {'t': [1], 'b': b'\xff', 's': {'a'}}
            source.on.ping.emit(('a', 1))
            f.commit()
            again = framework(JujuStorage())
            source, sink, keeper = Source(again, 's'), Sink(again, '1'), Keeper(again, 'k')
            again.observe(source.on.ping, sink.handle_it)
            again.reemit()
            self.assertEqual(sink.seen, [('a', 1)])
            self.assertEqual(keeper._stored.x, {'t': [1], 'b': b'\xff', 's': {'a'}})
            self.assertEqual(tools.state['#notices#'], '[]\n')


if __name__ == '__main__':
    unittest.main()
