"""ops.lib: libraries in `opslib` folders."""

import os
import sys
import tempfile
import unittest
import warnings

from ops import lib

SAID = 'LIBNAME = "web"\nLIBAUTHOR = {author!r}\nLIBAPI = {api}\nLIBPATCH = {patch}\n'


class TestLib(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.dir = temp.name
        sys.path.insert(0, self.dir)
        self.addCleanup(sys.path.remove, self.dir)
        self.addCleanup(lib._searched.clear)
        warned = warnings.catch_warnings()
        warned.__enter__()
        self.addCleanup(warned.__exit__, None, None, None)
        warnings.simplefilter('ignore', DeprecationWarning)

    def lay(self, package, folder, api, patch, author='a@b.com'):
        path = os.path.join(self.dir, package, 'opslib', folder)
        os.makedirs(path)
        with open(os.path.join(path, '__init__.py'), 'w') as f:
            f.write('# x\n' + SAID.format(api=api, patch=patch, author=author) + 'WHERE = __name__\n')

    def test_the_highest_patch_of_the_api(self):
        self.lay('one', 'web', 1, 2)
        self.lay('two', 'web', 1, 10)
        self.lay('three', 'web', 2, 0)
        lib.autoimport()
        self.assertEqual(lib.use('web', 1, 'a@b.com').WHERE, 'two.opslib.web')
        self.assertIs(lib.use('web', 2, 'a@b.com'), lib.use('web', 2, 'a@b.com'))
        with self.assertRaisesRegex(ImportError, r'API version 3 \(have 2, 1, 1\)'):
            lib.use('web', 3, 'a@b.com')

    def test_looks_by_itself_and_again_when_told(self):
        with self.assertRaisesRegex(ImportError, 'cannot find library "web" from "c@d.org"'):
            lib.use('web', 1, 'c@d.org')
        self.lay('late', 'web', 1, 0, author='c@d.org')
        with self.assertRaises(ImportError):
            lib.use('web', 1, 'c@d.org')
        lib.autoimport()
        self.assertEqual(lib.use('web', 1, 'c@d.org').LIBPATCH, 0)

    def test_what_says_too_little_is_none(self):
        os.makedirs(os.path.join(self.dir, 'p', 'opslib', 'web'))
        with open(os.path.join(self.dir, 'p', 'opslib', 'web', '__init__.py'), 'w') as f:
            f.write('LIBNAME = "web"\nLIBAUTHOR = "a@b.com"\nLIBAPI = "1"\nraise SystemExit\n')
        with self.assertRaises(ImportError):
            lib.use('web', 1, 'a@b.com')

    def test_arguments(self):
        for name, api, author, wanted in (
            (1, 1, 'a@b.com', TypeError),
            ('web', '1', 'a@b.com', TypeError),
            ('web', 1, None, TypeError),
            ('Web', 1, 'a@b.com', ValueError),
            ('web', -1, 'a@b.com', ValueError),
            ('web', 1, 'a at b', ValueError),
        ):
            with self.assertRaises(wanted):
                lib.use(name, api, author)

    def test_warns(self):
        with self.assertWarns(DeprecationWarning):
            lib.autoimport()


if __name__ == '__main__':
    unittest.main()
