"""The reader and writer of YAML, over what charm files look like."""

import datetime
import math
import random
import unittest

from ops import _yaml

DATABASE = """\
# Copyright and the like
name: postgresql-k8s
display-name: Charmed PostgreSQL K8s
summary: >-
  A database that
  does not lose anything

  twice
description: |
  Deploys it:

    * with indented lines
    * and a "quote", a 'quote' and a # hash

  End.
docs: https://discourse.example.com/t/some-page/9307#top
website: [https://ubuntu.com/data/postgresql, "https://charmhub.io/postgresql-k8s"]
maintainers:
- Data Platform <data-platform@lists.example.com>
- "Somebody: Else <else@example.com>"
subordinate: no
min-juju-version: 2.9.14
assumes:
  - juju
  - any-of:
    - all-of:
      - juju >= 2.9.49
      - juju < 3
    - all-of: [juju >= 3.4.3, juju < 3.5]
containers:
  postgresql:
    resource: postgresql-image
    mounts:
      - storage: archive
        location: /var/lib/postgresql/archive
      - {storage: data, location: /var/lib/pg/data}
peers:
  database-peers: {interface: postgresql_peers}
  restart:
    interface: rolling_op
requires:
  certificates: &optional {interface: tls-certificates, limit: 1, optional: true}
  logging:
    <<: *optional
    interface: loki_push_api   # others are overridden
storage:
  archive: &store
    type: filesystem
    minimum-size: 1G
    multiple: {range: 0-1}
  data:
    <<: *store
    multiple:
      range: "1+"
resources:
  postgresql-image:
    type: oci-image
    upstream-source: ghcr.io/canonical/charmed-postgresql@sha256:9ec5
extra-bindings:
  admin:
  client: ~
terms: []
tags: !!seq [db]
"""


class TestFiles(unittest.TestCase):
    maxDiff = None

    def test_metadata(self):
        got = _yaml.load(DATABASE)
        self.assertEqual(got['summary'], 'A database that does not lose anything\ntwice')
        self.assertEqual(
            got['description'],
            'Deploys it:\n\n  * with indented lines\n  * and a "quote", a \'quote\' and a # hash\n\nEnd.\n',
        )
        self.assertEqual(got['docs'], 'https://discourse.example.com/t/some-page/9307#top')
        self.assertEqual(got['maintainers'][1], 'Somebody: Else <else@example.com>')
        self.assertIs(got['subordinate'], False)
        self.assertEqual(got['min-juju-version'], '2.9.14')
        self.assertEqual(got['assumes'][1]['any-of'][1], {'all-of': ['juju >= 3.4.3', 'juju < 3.5']})
        self.assertEqual(got['containers']['postgresql']['mounts'][1]['location'], '/var/lib/pg/data')
        self.assertEqual(
            got['requires']['logging'], {'interface': 'loki_push_api', 'limit': 1, 'optional': True}
        )
        self.assertEqual(got['storage']['archive']['multiple'], {'range': '0-1'})
        self.assertEqual(got['storage']['data'], {'type': 'filesystem', 'minimum-size': '1G', 'multiple': {'range': '1+'}})
        self.assertEqual(got['extra-bindings'], {'admin': None, 'client': None})
        self.assertEqual((got['terms'], got['tags']), ([], ['db']))

    def test_charm_meta_of_it(self):
        from ops import CharmMeta

        meta = CharmMeta.from_yaml(DATABASE)
        self.assertEqual(meta.storages['data'].multiple_range, (1, None))
        self.assertEqual(meta.storages['archive'].multiple_range, (0, 1))
        self.assertTrue(meta.requires['logging'].optional)
        self.assertEqual(meta.containers['postgresql'].mounts['archive'].location, '/var/lib/postgresql/archive')
        self.assertEqual(meta.assumes.features[1].condition.value, 'any-of')
        self.assertEqual(sorted(meta.peers), ['database-peers', 'restart'])

    def test_actions(self):
        text = """
restore:
  description: >
    Brings a backup
    back.
  params:
    backup-id:
      type: string
      pattern: '^[0-9]{4}-[0-9]{2}$'
      description: "The one;\\tsee \\u201clist\\u201d, and
        this goes on"
    mode: {type: string, enum: [fast, "safe",], default: safe}
  required: [backup-id]
  additionalProperties: false
pause: {}
resume:
"""
        got = _yaml.load(text)
        self.assertEqual(got['restore']['description'], 'Brings a backup back.\n')
        params = got['restore']['params']
        self.assertEqual(params['backup-id']['pattern'], '^[0-9]{4}-[0-9]{2}$')
        self.assertEqual(params['backup-id']['description'], 'The one;\tsee \u201clist\u201d, and this goes on')
        self.assertEqual(params['mode'], {'type': 'string', 'enum': ['fast', 'safe'], 'default': 'safe'})
        self.assertEqual((got['pause'], got['resume']), ({}, None))

    def test_config(self):
        text = (
            'options:\n'
            '    mode:\n'
            '        type: string\n'
            '        default: 0644\n'
            '    ratio: {type: float, default: 1.5}\n'
            '    size: {type: int, default: 1_000}\n'
            '    banner:\n'
            '        type: string\n'
            '        default: |+\n'
            '            two\n'
            '\n'
            '    "quoted key" : {type: boolean, default: yes}\n'
            '    url: {default: "http://a/?b=c&d#e", type: string}\n'
            '    bare-url: {type: string, default: http://a:80/b}\n'
        )
        options = _yaml.load(text.replace('\n', '\r\n'))['options']
        self.assertEqual(options['mode']['default'], 0o644)
        self.assertEqual(options['size']['default'], 1000)
        self.assertEqual(options['banner']['default'], 'two\n\n')
        self.assertIs(options['quoted key']['default'], True)
        self.assertEqual(options['bare-url']['default'], 'http://a:80/b')

    def test_layer(self):
        text = """
summary: a layer
services:
  web: &web
    override: replace
    command: sh -c 'while true; do echo "x:y"; sleep 1; done'
    environment:
      PORT: "8080"
      EMPTY:
    after: [db]
  web2:
    !!merge <<: *web
    command: >-
      /bin/web --flag
      --other
"""
        services = _yaml.load(text.replace('!!merge ', ''))['services']
        self.assertEqual(services['web']['command'], 'sh -c \'while true; do echo "x:y"; sleep 1; done\'')
        self.assertEqual(services['web']['environment'], {'PORT': '8080', 'EMPTY': None})
        self.assertEqual(services['web2']['command'], '/bin/web --flag --other')
        self.assertEqual(services['web2']['after'], ['db'])


CASES = [
    ('', None),
    ('# only a comment', None),
    ('---\n...\n', None),
    ('%YAML 1.1\n---\na: 1\n', {'a': 1}),
    ('\ufeffa: 1', {'a': 1}),
    ('just text', 'just text'),
    ('a\nb\n\nc', 'a b\nc'),
    ('- a\n-\n- - b\n  - c\n-\n  - d\n', ['a', None, ['b', 'c'], ['d']]),
    ('a:\n- 1\n- 2\nb: 3', {'a': [1, 2], 'b': 3}),
    ('- a: 1\n  b: 2\n- c: 3', [{'a': 1, 'b': 2}, {'c': 3}]),
    ('a: b: c'.replace(': c', ''), {'a': 'b'}),
    ('a: x # y\nb: x#y', {'a': 'x', 'b': 'x#y'}),
    ("a: 'it''s'\nb: \"\\\"\\\\ \\x41\"", {'a': "it's", 'b': '"\\ A'}),
    ('a: "x\\\n   y"', {'a': 'xy'}),
    ('a: |2\n    x\n   y\n', {'a': '  x\n y\n'}),
    ('a: |-\n  x\n\n\nb: 1', {'a': 'x', 'b': 1}),
    ('a: >\n  x\n  y\n\n    z\n  w\n', {'a': 'x y\n\n  z\nw\n'}),
    ('? a\n: b\n? [c]\n'.replace('? [c]\n', '? c\n'), {'a': 'b', 'c': None}),
    ('{a: 1, b, "c":2, d: {e: [f]}}', {'a': 1, 'b': None, 'c': 2, 'd': {'e': ['f']}}),
    ('[a: 1, b]', [{'a': 1}, 'b']),
    ('[\n  a, # one\n  b,\n]\n', ['a', 'b']),
    ('a: &x [1]\nb: *x', {'a': [1], 'b': [1]}),
    ('a: &x\n  k: 1\nb:\n  <<: [*x, {l: 2}]\n  k: 3', {'a': {'k': 1}, 'b': {'k': 3, 'l': 2}}),
    ('&a k: *a', {'k': 'k'}),
    ('a: !!str 12\nb: ! 12\nc: !!float 1', {'a': '12', 'b': '12', 'c': 1.0}),
    ('!!set {a, b}', {'a', 'b'}),
    ('!!set\n? a\n? b\n', {'a', 'b'}),
    ('!!python/tuple [1, [2]]', (1, [2])),
    ('!!binary "AP8="', b'\x00\xff'),
    ('? !!python/tuple [1, 2]\n: x', {(1, 2): 'x'}),
    ('[yes, No, ON, off, True, y, n, ~, null, ""]', [True, False, True, False, True, 'y', 'n', None, None, '']),
    ('[1, -1, 0o7, 010, 0x1F, 0b11, 1_0, 1:30, 08]', [1, -1, '0o7', 8, 31, 3, 10, 90, '08']),
    ('[1.0, .5, 1e3, 1.0e+3, -.inf, 1.5.1]', [1.0, 0.5, '1e3', 1000.0, -math.inf, '1.5.1']),
    ('2001-12-14', datetime.date(2001, 12, 14)),
    ('2001-12-14T21:59:43.10Z', datetime.datetime(2001, 12, 14, 21, 59, 43, 100000, datetime.timezone.utc)),
    ('a: 22.04\nb: "22.04"\nc: 20.04/stable', {'a': 22.04, 'b': '22.04', 'c': '20.04/stable'}),
]

REFUSED = [
    ('a: b: c', 1),
    ('a: 1\n\tb: 2', 2),
    ('a: [1, 2', 1),
    ('a: "x', 1),
    ('a: *x', 1),
    ('a: 1\n b: 2', 2),
    ('a: 1\nb', 2),
    ('- a\nb: 1', 2),
    ('a: @x', 1),
    ('a: !!python/object:os.system x', 1),
    ('a: 1\n---\nb: 2', 2),
    ('a: |x\n  y', 1),
    ('a: "\\q"', 1),
    ('? [a]\n: b', 0),
    ('<<: 1', 0),
    ('{a: 1]', 1),
    ('[' * 4000, 0),
]


class TestParts(unittest.TestCase):
    def test_read(self):
        for text, want in CASES:
            with self.subTest(text):
                got = _yaml.load(text)
                self.assertEqual(repr(got) if not isinstance(got, set) else got, repr(want) if not isinstance(want, set) else want)

    def test_refused_with_the_line(self):
        for text, line in REFUSED:
            with self.subTest(text[:40]):
                with self.assertRaises(_yaml.YAMLError) as caught:
                    _yaml.load(text)
                if line:
                    self.assertEqual(caught.exception.line, line)
                    self.assertIn(f'line {line}: ', str(caught.exception))

    def test_nothing_else_is_raised(self):
        source = random.Random(1)
        signs = ['a', ' ', '  ', '\n', ':', ': ', '- ', '-', '{', '}', '[', ']', ',', '"', "'", '|', '>', '#', '&x', '*x', '!', '?', '<<', '\t', '---', '1', '\\', '%']
        for _ in range(3000):
            text = ''.join(source.choice(signs) for _ in range(source.randrange(20)))
            try:
                _yaml.load(text)
            except _yaml.YAMLError:
                pass

    def test_written_and_read_back(self):
        source = random.Random(2)
        texts = ['a', 'yes', '1', '0644', '', ' a', 'a ', 'a: b', '- a', "it's", '"', 'two\nlines\n', '\t', '\u2028', '\U0001f600', '#', '{', '*', '<<', '=', '---', '-', '?', 'x' * 300, '2001-01-01', 'a\\b', '\x07']

        def value(depth, tags):
            kind = source.randrange(10)
            if depth == 0 or kind < 5:
                plain = [None, True, False, 0, -7, 1.5, 1e30, datetime.date(2001, 1, 1), source.choice(texts), source.choice(texts)]
                return source.choice(plain + ([(1, 'a'), {'x', 'y'}, b'\x00', (1, (2,))] if tags else []))
            if kind < 7:
                return [value(depth - 1, tags) for _ in range(source.randrange(4))]
            return {source.choice(texts): value(depth - 1, tags) for _ in range(source.randrange(4))}

        for n in range(1500):
            wanted = value(4, n % 2)
            self.assertEqual(_yaml.load(_yaml.dump(wanted, tags=bool(n % 2))), wanted)

    def test_written_as_people_do(self):
        value = {'b': [1, {'c': 'x', 'a': []}], 'a': {'k': 'v'}, 'e': None, 'd': '8080', 'l': [[1, 2], {}]}
        self.assertEqual(
            _yaml.dump(value),
            "a:\n  k: v\nb:\n- 1\n- a: []\n  c: x\nd: '8080'\ne: null\nl:\n- - 1\n  - 2\n- {}\n",
        )

    def test_what_cannot_be_written(self):
        for value in (object(), {'a': (1,)}, [{1}]):
            with self.assertRaises(_yaml.YAMLError):
                _yaml.dump(value)


if __name__ == '__main__':
    unittest.main()
