#!/usr/bin/env python3
"""Fetches the script engines from npm at the versions of engines.json, holds packages and modules against their sums, and
writes the modules that are not here already. A new version: change package, version and sums in engines.json first."""

import base64
import gzip
import hashlib
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

here = pathlib.Path(__file__).resolve().parent


def fetch(engine, work):
    name = "%(package)s@%(version)s" % engine
    packed = json.loads(subprocess.check_output(["npm", "pack", "--json", "--pack-destination", work, name]))
    (file,) = pathlib.Path(work).glob("*.tgz")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()
    if integrity != engine["integrity"]:
        sys.exit("%s: the package is %s, engines.json says %s" % (name, integrity, engine["integrity"]))
    with tarfile.open(file) as archive:
        module = archive.extractfile("package/" + engine["file"]).read()
    if hashlib.sha256(module).hexdigest() != engine["sha256"]:
        sys.exit("%s: %s is not the module that engines.json names" % (packed[0]["id"], engine["file"]))
    return module


for engine in json.loads((here / "engines.json").read_text()):
    with tempfile.TemporaryDirectory() as work:
        module = fetch(engine, work)
    target = here / (engine["name"] + ".wasm.gz")
    if target.exists() and gzip.decompress(target.read_bytes()) == module:
        print("%s is %s %s" % (target.name, engine["package"], engine["version"]))
        continue
    target.write_bytes(gzip.compress(module, 9, mtime=0))
    print("wrote %s: %d bytes for %d" % (target.name, target.stat().st_size, len(module)))
