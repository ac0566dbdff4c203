"""Holds a charm against vectors: vectors.py CHARM VECTORS. What goes over the line must be as they say."""

import json
import sys

from charmtest import load
from bangle import describe


def hold(file, vector):
    calls = list(vector.get("calls") or [])

    def host(function, request):
        want = calls.pop(0) if calls else {"function": "nothing more"}
        got = [function, json.loads(request)]
        assert got == [want["function"], want.get("request") or {}], "call %s, want %s" % (got, want)
        return None if want["answer"] is None else json.dumps(want["answer"])

    output, error = None, ""
    try:
        output = load(file).dispatch(vector["input"], host)
    except AssertionError:
        raise
    except Exception as err:
        error = describe(err).split("\n")[0]
    want = None if vector.get("unhandled") or vector.get("error") else vector.get("output")
    assert error == vector.get("error", ""), "error %r, want %r" % (error, vector.get("error"))
    assert not calls, "not called: %s" % calls
    assert output == want, "output %s, want %s" % (output, want)


def main(file, vectors):
    wrong = 0
    with open(vectors) as f:
        for vector in json.load(f):
            try:
                hold(file, vector)
            except AssertionError as err:
                wrong += 1
                print("%s: %s" % (vector["name"], err), file=sys.stderr)
    sys.exit(1 if wrong else 0)


main(*sys.argv[1:])
