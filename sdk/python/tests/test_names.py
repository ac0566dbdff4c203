"""The public names of `ops` 3 against ours. data/missing.json says what is not here, and nothing else is missing."""

import ast
import importlib
import inspect
import json
import os
import re
import sys
import unittest

DATA = os.path.join(os.path.dirname(__file__), 'data')


def read(name):
    with open(os.path.join(DATA, name), encoding='utf-8') as f:
        return json.load(f)


def by_class():
    """What the source of each class of the package sets: on `self`, and as annotations or methods."""
    found = {}
    root = os.path.join(os.path.dirname(DATA), '..', 'ops')
    for directory, _, names in os.walk(root):
        for name in names:
            if name.endswith('.py'):
                with open(os.path.join(directory, name), encoding='utf-8') as f:
                    for node in ast.walk(ast.parse(f.read())):
                        if isinstance(node, ast.ClassDef):
                            found.setdefault(node.name, set()).update(set_by(node))
    return found


def set_by(cls):
    for node in ast.walk(cls):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == 'self':
            if isinstance(node.ctx, ast.Store):
                yield node.attr
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def members(cls, sources):
    """What a class and its bases have: attributes, and what their source sets."""
    return set(dir(cls)).union(*(sources.get(base.__name__, ()) for base in cls.__mro__))


def missing():
    """Module, name and member of everything that the data names and this package has not."""
    absent, sources = [], by_class()
    for module_name, names in read('names.json')['modules'].items():
        module = importlib.import_module(module_name)
        for name, wanted in names.items():
            if not hasattr(module, name):
                absent.append(f'{module_name}.{name}')
                continue
            value = getattr(module, name, None)
            if inspect.isclass(value):
                has = members(value, sources)
                absent.extend(f'{module_name}.{name}.{member}' for member in wanted if member not in has)
    return sorted(absent)


class TestNames(unittest.TestCase):
    maxDiff = None

    def test_missing_is_what_the_list_says(self):
        listed = read('missing.json')
        self.assertEqual(missing(), sorted(listed), 'data/missing.json has a reason for each name that is not here')
        for name, reason in listed.items():
            self.assertTrue(reason.strip(), name)

    def test_the_table_of_the_readme(self):
        with open(os.path.join(DATA, '..', '..', 'README.md'), encoding='utf-8') as f:
            text = f.read()
        data, absent, told = read('names.json'), missing(), []
        self.assertIn(data['version'], text)
        for line in re.findall(r'^\| (`ops.*) \|$', text, re.M):
            modules, names, here, away = (cell.strip() for cell in line.split('|'))
            modules = re.findall(r'`([^`]+)`', modules)
            told.extend(modules)
            wanted = [f'{module}.{name}' for module in modules for name in data['modules'][module]]
            self.assertEqual(int(names), len(wanted), line)
            self.assertEqual(int(here), len(set(wanted) - set(absent)), line)
            members = {name.rpartition('.')[2] for name in absent if name.startswith(tuple(w + '.' for w in wanted))}
            self.assertEqual({m for m in members if f'`{m}`' in away}, members, line)
            self.assertEqual(bool(away), bool(members), line)
        self.assertEqual(sorted(told), sorted(data['modules']))

    def test_submodule_and_package_agree(self):
        import ops

        for home in ('charm', 'framework', 'model'):
            module = importlib.import_module('ops.' + home)
            for name in ops._NAMES[home].split():
                self.assertIs(getattr(ops, name), getattr(module, name), name)

    def test_star(self):
        scope = {}
        exec('from ops import *', scope)
        for name in ('CharmBase', 'ActiveStatus', 'main', 'Framework'):
            self.assertIn(name, scope)

    def test_version(self):
        import ops

        self.assertEqual(ops.__version__, ops.version.version)
        self.assertTrue(read('names.json')['version'].startswith(ops.__version__))


if __name__ == '__main__':
    if sys.argv[1:] == ['--list']:
        print('\n'.join(missing()))
    else:
        unittest.main()
