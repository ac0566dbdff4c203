"""The package runs on Python 3.8 and needs nothing but the standard library."""

import ast
import os
import subprocess
import sys
import unittest

import fake

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What the standard library got after 3.8, as far as somebody might reach for it: module, or module and name.
NEWER = {
    'graphlib': '3.9', 'zoneinfo': '3.9', 'tomllib': '3.11',
    'argparse.BooleanOptionalAction': '3.9', 'ast.unparse': '3.9', 'asyncio.TaskGroup': '3.11',
    'asyncio.timeout': '3.11', 'asyncio.to_thread': '3.9', 'bisect.key': '3.10', 'contextlib.aclosing': '3.10',
    'contextlib.chdir': '3.11', 'dataclasses.KW_ONLY': '3.10', 'datetime.UTC': '3.11', 'enum.StrEnum': '3.11',
    'enum.verify': '3.11', 'functools.cache': '3.9', 'hashlib.file_digest': '3.11',
    'importlib.resources.files': '3.9', 'inspect.get_annotations': '3.10', 'itertools.batched': '3.12',
    'itertools.pairwise': '3.10', 'logging.getHandlerByName': '3.12', 'math.lcm': '3.9', 'math.nextafter': '3.9',
    'operator.call': '3.11', 'os.EFD_CLOEXEC': '3.10', 'os.pidfd_open': '3.9', 'os.process_cpu_count': '3.13',
    'os.waitstatus_to_exitcode': '3.9', 'pathlib.UnsupportedOperation': '3.13', 'random.randbytes': '3.9',
    'sqlite3.Blob': '3.11', 'string.Template.get_identifiers': '3.11', 'sys.exception': '3.11',
    'sys.orig_argv': '3.10', 'sys.stdlib_module_names': '3.10', 'types.EllipsisType': '3.10',
    'types.GenericAlias': '3.9', 'types.NoneType': '3.10', 'types.UnionType': '3.10', 'typing.Annotated': '3.9',
    'typing.Concatenate': '3.10', 'typing.Never': '3.11', 'typing.NotRequired': '3.11', 'typing.ParamSpec': '3.10',
    'typing.Required': '3.11', 'typing.Self': '3.11', 'typing.TypeAlias': '3.10', 'typing.TypeGuard': '3.10',
    'typing.Unpack': '3.11', 'typing.assert_never': '3.11', 'typing.dataclass_transform': '3.11',
    'typing.override': '3.12', 'warnings.deprecated': '3.13',
}  # fmt: skip
# Methods that are newer than 3.8, whatever they are called on; names that we use for our own are left out.
NEWER_METHODS = {
    'removeprefix', 'removesuffix', 'bit_count', 'add_note', 'is_relative_to', 'with_stem', 'readlink', 'hardlink_to',
}  # fmt: skip


def sources():
    for directory, _, names in os.walk(os.path.join(ROOT, 'ops')):
        for name in sorted(names):
            if name.endswith('.py'):
                path = os.path.join(directory, name)
                with open(path, encoding='utf-8') as f:
                    yield os.path.relpath(path, ROOT), f.read()


def runs(tree):
    """The nodes that run: not what stands under `if TYPE_CHECKING`, nor annotations."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == 'TYPE_CHECKING':
            for other in child.orelse:
                yield other
                yield from runs(other)
            continue
        yield child
        yield from runs(child)


def newer(text):
    """What a module uses of newer standard libraries."""
    for node in runs(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                for name in (node.module, f'{node.module}.{alias.name}'):
                    if name in NEWER:
                        yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NEWER)
        elif isinstance(node, ast.Attribute):
            if node.attr in NEWER_METHODS:
                yield '.' + node.attr
            if isinstance(node.value, ast.Name) and f'{node.value.id}.{node.attr}' in NEWER:
                yield f'{node.value.id}.{node.attr}'
        elif isinstance(node, ast.keyword) and node.arg in ('kw_only', 'slots'):
            yield f'{node.arg}='


@unittest.skipIf(fake.FEW, 'one interpreter reads the sources')
class TestSyntax(unittest.TestCase):
    def test_parses_as_3_8(self):
        for path, text in sources():
            with self.subTest(path):
                ast.parse(text, path, feature_version=(3, 8))

    def test_uses_nothing_newer(self):
        for path, text in sources():
            with self.subTest(path):
                self.assertEqual(sorted(newer(text)), [])

    def test_newer_finds(self):
        for text in (
            'from functools import cache',
            'import tomllib',
            'import datetime\ndatetime.UTC',
            '"a".removeprefix("b")',
            'if TYPE_CHECKING:\n  pass\nelse:\n  import zoneinfo',
        ):
            self.assertTrue(list(newer(text)), text)
        self.assertEqual(list(newer('if TYPE_CHECKING:\n    from typing import Self')), [])

    def test_every_module_has_a_docstring_and_lazy_annotations(self):
        for path, text in sources():
            with self.subTest(path):
                tree = ast.parse(text)
                self.assertTrue(ast.get_docstring(tree))
                if not path.endswith('version.py'):
                    self.assertIn('from __future__ import annotations', text)

    def test_public_names_have_docstrings(self):
        for path, text in sources():
            if '_backend.py' in path:
                continue  # methods named as the tools that they call
            for node in runs(ast.parse(text)):
                if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
                    self.assertTrue(ast.get_docstring(node), f'{path}: {node.name}')
                    for method in node.body:
                        if isinstance(method, ast.FunctionDef) and not method.name.startswith('_'):
                            decorators = {ast.dump(d) for d in method.decorator_list}
                            if any('setter' in d or 'overload' in d for d in decorators):
                                continue
                            self.assertTrue(ast.get_docstring(method), f'{path}: {node.name}.{method.name}')

    def test_typed(self):
        self.assertTrue(os.path.exists(os.path.join(ROOT, 'ops', 'py.typed')))


# What a charm that uses no container, secret or network must not load. Each costs more than the modules that we load.
HEAVY = (
    'argparse', 'asyncio', 'dataclasses', 'datetime', 'decimal', 'email', 'http', 'importlib.metadata', 'inspect',
    'ipaddress', 'multiprocessing', 'pdb', 'pickle', 'shutil', 'socket', 'sqlite3', 'ssl', 'subprocess', 'tempfile',
    'typing', 'unittest', 'urllib', 'yaml', 'zipfile', 'ops.pebble', 'ops._container', 'ops._secret', 'ops._network',
    'ops.testing', 'ops.hookcmds',
)  # fmt: skip


class TestImports(unittest.TestCase):
    def loaded(self, code):
        code = f'import sys; before = set(sys.modules); sys.path.insert(0, {ROOT!r}); {code}; '
        code += 'print(*sorted(set(sys.modules) - before))'
        done = subprocess.run([sys.executable, '-S', '-c', code], capture_output=True, check=True, text=True)
        return set(done.stdout.split())

    def test_import_alone_loads_next_to_nothing(self):
        self.assertEqual({m for m in self.loaded('import ops') if m.startswith('ops')}, {'ops', 'ops.version'})

    def test_what_every_charm_uses_is_light(self):
        # Some of it the standard library may load by itself, in some version: that is not ours to answer for.
        given = self.loaded('import __future__, importlib, logging, weakref, contextlib, enum, pathlib, collections.abc, re')
        used = 'import ops; ops.CharmBase, ops.ActiveStatus, ops.main, ops.StoredState, ops.Framework, ops.Relation'
        found = self.loaded(used) - given
        self.assertEqual(sorted(found & set(HEAVY)), [])
        self.assertTrue(all(m.split('.')[0] == 'ops' for m in found if not m.startswith('_')), sorted(found))

    @unittest.skipIf(fake.FEW, 'one interpreter reads the sources')
    def test_no_third_party(self):
        import sysconfig

        stdlib = sysconfig.get_paths()['stdlib']
        names = {name.split('.')[0] for name in os.listdir(stdlib)} | set(sys.builtin_module_names)
        names |= {name.split('.')[0] for name in os.listdir(os.path.join(stdlib, 'lib-dynload'))}
        names |= {'ops', '_typeshed'}
        allowed = {'ops_tracing'}  # by name only, where a charm brought it along
        for path, text in sources():
            for node in runs(ast.parse(text)):
                found = []
                if isinstance(node, ast.Import):
                    found = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0:
                    found = [node.module]
                for name in found:
                    self.assertIn(name.split('.')[0], names | allowed, path)


if __name__ == '__main__':
    unittest.main()
