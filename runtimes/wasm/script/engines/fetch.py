#!/usr/bin/env python3
"""Fetches the script engines from npm at the versions of engines.json, holds packages and modules against their sums and puts
the modules here, where the build finds them. With --optional, nothing is lost where there is no npm but script charms.
A new version: change package, version and sums in engines.json first."""

import base64
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

here = pathlib.Path(__file__).resolve().parent
cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ.get("HOME", "/root"), ".cache")) / "bangle-engines"


def sum_of(module):
    return hashlib.sha256(module).hexdigest()


def fetch(engine, work):
    name = "%(package)s@%(version)s" % engine
    subprocess.check_output(["npm", "pack", "--silent", "--pack-destination", work, name])
    (file,) = pathlib.Path(work).glob("*.tgz")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    if integrity != engine["integrity"]:
        sys.exit("%s: the package is %s, engines.json says %s" % (name, integrity, engine["integrity"]))
    with tarfile.open(file) as archive:
        module = archive.extractfile("package/" + engine["file"]).read()
    if sum_of(module) != engine["sha256"]:
        sys.exit("%s: %s is not the module that engines.json names" % (name, engine["file"]))
    return module


def ready(engine, target):
    """Say whether the module is there, whole; what another clone fetched serves too."""
    kept = cache / (engine["sha256"] + ".wasm.gz")
    for file in target, kept:
        try:
            packed = file.read_bytes()
            if sum_of(gzip.decompress(packed)) == engine["sha256"]:
                if file != target:
                    target.write_bytes(packed)
                return True
        except (OSError, EOFError):
            pass
    return False


def main():
    for engine in json.loads((here / "engines.json").read_text()):
        target = here / (engine["name"] + ".wasm.gz")
        if ready(engine, target):
            continue
        if shutil.which("npm") is None:
            if "--optional" not in sys.argv:
                sys.exit("cannot fetch the script engines: there is no npm; install it")
            print("there is no npm: script charms (charm.js, charm.py) will not run with this build")
            return
        try:
            with tempfile.TemporaryDirectory() as work:
                module = fetch(engine, work)
        except (OSError, subprocess.CalledProcessError) as e:
            if "--optional" not in sys.argv:
                raise
            print("cannot fetch %s from npm (%s): script charms will not run with this build" % (engine["package"], e))
            return
        target.write_bytes(gzip.compress(module, 9, mtime=0))
        cache.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target, cache / (engine["sha256"] + ".wasm.gz"))
        print("fetched %s %s" % (engine["package"], engine["version"]))


main()
