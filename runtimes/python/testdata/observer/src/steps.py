"""What the charm is told to do. Each function takes a number, which picks a variant, and gives what it saw."""

import asyncio
import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

main = None  # the module that is the program

TOOLS = os.environ["PATH"].split(":")[0]
TEXT = "ünï"
BYTES = b"\xff\xfe\x00\x80 latin"


def fault(e):
    """Show an exception whole."""
    shown = {k: v for k, v in vars(e).items() if isinstance(v, (str, bytes, int, float, list, tuple, type(None)))}
    return [type(e).__name__, str(e), e.args if all(isinstance(a, (str, int, bytes)) for a in e.args) else len(e.args), shown, type(e.__cause__).__name__, type(e.__context__).__name__]


def done(c):
    """Show what a program left."""
    return [type(c).__name__, c.args, c.returncode, c.stdout, c.stderr]


def pick(n, *variants):
    """Call one of the variants."""
    return variants[n % len(variants)]()


# Tools by subprocess.run.

CALLS = (
    ["config-get", "--format=json"], ["config-get", "title"], ["is-leader"], ["is-leader", "--format=json"], ["relation-ids", "db"],
    ["relation-list", "-r", "db:1"], ["relation-get", "-r", "db:1", "-", "db/0"], ["relation-get", "-r", "1", "-", "web/0", "--format=json"],
    ["relation-set", "-r", "db:1", "key=value", "gone="], ["relation-set", "-r", "db:1", "k=" + TEXT], ["status-set", "active", "fine"],
    ["status-set", "--application=True", "blocked", "--", "--not-a-flag"], ["status-get", "--format=json", "--include-data"], ["juju-log", "--log-level", "WARNING", "--", "a\nb"],
    ["juju-log", "-l", "TRACE", "x"], ["open-port", "80-81/udp"], ["opened-ports", "--format=json"], ["close-port", "80"], ["state-set", "a=1"], ["state-get", "a"],
    ["state-get", "nothing"], ["state-delete", "a"], ["unit-get", "private-address"], ["network-get", "db", "--format=json"], ["application-version-set", "--", "2"],
    ["goal-state", "--format=json"], ["resource-get", "workload"], ["storage-list", "--format=json"], ["secret-ids", "--format=json"], ["credential-get", "--format=json"],
)

FAILING = (
    ["relation-get", "-r", "db:99", "-", "db/0"], ["relation-get", "-r", "nonsense"], ["config-get", "--nosuch"], ["status-set"], ["status-set", "nonsense", "x"],
    ["secret-get", "secret:nosuch"], ["open-port", "-1"], ["leader-set", "a"], ["storage-get", "-s", "data/9"], ["config-get", "--help"], ["state-get"], ["action-set", "A=1"],
    ["juju-log"], ["relation-set", "-r", "db:1", "--file", "/nonexistent"], ["relation-set", "-r", "db:1", "--file=/nonexistent"], ["secret-add", "key#file=/nonexistent"],
)


def tool(n):
    """Call a tool as frameworks do."""
    return done(subprocess.run(CALLS[n % len(CALLS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, encoding="utf-8"))


def tool_absolute(n):
    """Call it by where it is, as older ones do."""
    argv = CALLS[n % len(CALLS)]
    return done(subprocess.run([shutil.which(argv[0])] + argv[1:], capture_output=True, text=True))


def tool_failing(n):
    """Call one that fails; half of them raise."""
    return done(subprocess.run(FAILING[n % len(FAILING)], capture_output=True, text=bool(n & 64), check=bool(n & 32)))


def tool_form(n):
    """Call a tool in every form the function has."""
    a = ["config-get", "title"]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    where = os.path.join(TOOLS, "config-get")
    return pick(
        n,
        lambda: done(subprocess.run(tuple(a), stdout=pipe)),
        lambda: done(subprocess.run(args=a, stdout=pipe, universal_newlines=True)),
        lambda: done(subprocess.run([b"config-get", b"title"], stdout=pipe)),
        lambda: done(subprocess.run([Path(where), "title"], stdout=pipe, encoding="latin-1")),
        lambda: done(subprocess.run(a, stdout=pipe, encoding="ascii", errors="replace")),
        lambda: done(subprocess.run(a, stdout=null)),
        lambda: done(subprocess.run(a)),
        lambda: done(subprocess.run(["config-get", "--nosuch"])),
        lambda: done(subprocess.run(["config-get", "--nosuch"], stdout=pipe, stderr=subprocess.STDOUT)),
        lambda: done(subprocess.run(["config-get", "--nosuch"], stderr=subprocess.STDOUT)),
        lambda: done(subprocess.run(a, capture_output=True, stdout=pipe)),
        lambda: done(subprocess.run(a, -1, stdout=pipe)),
        lambda: done(subprocess.run(a, stdout=pipe, timeout=60)),
        lambda: done(subprocess.run(a, stdout=pipe, cwd="/")),
        lambda: done(subprocess.run(a, stdout=pipe, cwd="/nonexistent")),
        lambda: done(subprocess.run(a, stdout=pipe, env=dict(os.environ, X="1"))),
        lambda: done(subprocess.run(a, stdout=pipe, stderr=pipe, env={"PATH": os.environ["PATH"]})),
        lambda: done(subprocess.run(a, stdout=pipe, env={})),
        lambda: done(subprocess.run(["whatever", "title"], executable=where, stdout=pipe, stderr=pipe)),
        lambda: done(subprocess.run(["config-get", "title"], executable="/bin/echo", stdout=pipe)),
        lambda: done(subprocess.run(a, stdout=pipe, close_fds=False, bufsize=0)),
        lambda: done(subprocess.run(a, stdout=pipe, start_new_session=True)),
        lambda: done(subprocess.run(a, stdout=pipe, preexec_fn=lambda: os.write(2, b"preexec\n"))),
        lambda: done(subprocess.run("config-get", stdout=pipe)),
        lambda: done(subprocess.run(where, stdout=pipe)),
        lambda: done(subprocess.run(Path(where), stdout=pipe)),
        lambda: done(subprocess.run("config-get title", stdout=pipe)),
        lambda: done(subprocess.run([], stdout=pipe)),
        lambda: done(subprocess.run(["config-get", 7], stdout=pipe)),
        lambda: done(subprocess.run(["config-get", None], stdout=pipe)),
        lambda: done(subprocess.run(["config-get", "a\0b"], stdout=pipe)),
        lambda: done(subprocess.run(["nosuch-tool"], stdout=pipe)),
        lambda: done(subprocess.run(["/nosuch/config-get"], stdout=pipe)),
        lambda: done(subprocess.run(["./config-get", "title"], stdout=pipe)),
        lambda: done(subprocess.run(a, stdout=pipe, nosuch=1)),
        lambda: done(subprocess.run(a, stdout=pipe, stderr=pipe, stdin=pipe)),
        lambda: done(subprocess.run(a, input=b"x", stdin=pipe)),
        lambda: done(subprocess.run(a, stdout=sys.stdout)),
        lambda: done(subprocess.run(a, stdout=99)),
        lambda: done(subprocess.run(a, stdout=io.StringIO())),
        lambda: done(subprocess.run(["config-get", "--nosuch"], stdout=1, stderr=1)),
        lambda: done(subprocess.run(["config-get", "big"], stdout=pipe, timeout=60, check=True)),
        lambda: done(subprocess.run(["config-get", "latin"], stdout=pipe, text=True)),
        lambda: done(subprocess.run(["config-get", "lines"], stdout=pipe, text=True)),
        lambda: done(subprocess.run(["config-get", "lines"], stdout=pipe)),
        lambda: done(subprocess.run(a, stdout=pipe, text=False, errors="strict")),
        lambda: done(subprocess.run(a, stdout=pipe, restore_signals=False, process_group=0)),
        lambda: done(subprocess.run(a, stdout=pipe, umask=0o77)),
        lambda: done(subprocess.run(a, stdout=pipe, pipesize=4096)),
        lambda: done(subprocess.run(iter(a), stdout=pipe)),
        lambda: done(subprocess.run(["juju-log", "x" * 131071])),
        lambda: done(subprocess.run(["juju-log", "y" * 131072])),
        lambda: done(subprocess.run(["juju-log", "--", "\udcff\udc80 not text"], stderr=pipe)),
        lambda: done(subprocess.run(["state-set", "b=\udcff"], stderr=pipe)),
        lambda: done(subprocess.run(["juju-log", "\ud800"], stderr=pipe)),
        lambda: done(subprocess.run(["juju-log", ""], stderr=pipe)),
        lambda: done(subprocess.run(["config-get\0", "title"], stdout=pipe)),
        lambda: done(subprocess.run(["config-get", *["-"] * 50], stdout=pipe, stderr=pipe)),
        lambda: done(subprocess.run(["juju-log", *["w" * 1000] * 3000], stdout=pipe, stderr=pipe)),
    )


def tool_other(n):
    """Call a tool by the module's other functions."""
    a = ["config-get", "title"]

    def popen(**more):
        with subprocess.Popen(a, stdout=subprocess.PIPE, **more) as p:
            out, err = p.communicate()
            return [out, err, p.returncode, p.args, p.poll()]

    def lines():
        with subprocess.Popen(["config-get", "lines"], stdout=subprocess.PIPE, text=True, bufsize=1) as p:
            return list(p.stdout), p.wait()

    return pick(
        n,
        lambda: subprocess.check_output(a),
        lambda: subprocess.check_output(a, text=True),
        lambda: subprocess.check_output(["config-get", "--nosuch"], stderr=subprocess.STDOUT),
        lambda: subprocess.check_output(["state-set", "--file", "-"], input=b'{"z": "1"}'),
        lambda: subprocess.check_output(["state-set", "--file", "-"], input=None),
        lambda: subprocess.check_call(a),
        lambda: subprocess.check_call(["is-leader"], stdout=subprocess.DEVNULL),
        lambda: subprocess.call(["status-set", "waiting"]),
        lambda: subprocess.getoutput("config-get title"),
        lambda: subprocess.getstatusoutput("config-get --nosuch"),
        popen,
        lambda: popen(text=True),
        lambda: popen(shell=False, cwd="/"),
        lines,
        lambda: os.popen("config-get title").read(),
        lambda: os.popen("exit 3").close(),
    )


def shell(n):
    """Call tools from shells."""
    s = "config-get title | tr a-z A-Z; status-set active \"$(is-leader)\" && echo $? >&2; exit 3"
    return pick(
        n,
        lambda: done(subprocess.run(s, shell=True, capture_output=True, text=True)),
        lambda: done(subprocess.run("config-get title", shell=True, stdout=subprocess.PIPE)),
        lambda: done(subprocess.run(["config-get \"$0\"", "title"], shell=True, stdout=subprocess.PIPE)),
        lambda: done(subprocess.run(["config-get"], shell=True, stdout=subprocess.PIPE)),
        lambda: done(subprocess.run(s, shell=True)),
        lambda: done(subprocess.run("kill -9 $$", shell=True)),
        lambda: done(subprocess.run(["bash", "-c", "set -o pipefail; relation-get -r nonsense | cat"], capture_output=True)),
        lambda: done(subprocess.run("echo $JUJU_UNIT_NAME $PWD $0 $- $PYTHONPATH; env | cut -d= -f1 | sort; umask; pwd; which config-get", shell=True, stdout=subprocess.PIPE, executable="/bin/sh")),
        lambda: os.system("config-get title"),
        lambda: os.system("exit 7"),
        lambda: os.system("kill -TERM $$"),
        lambda: os.system("echo said >&2; juju-log from the shell; state-set s=1"),
        lambda: os.spawnlp(os.P_WAIT, "config-get", "config-get", "title"),
        lambda: os.waitpid(os.posix_spawnp("is-leader", ["is-leader"], os.environ), 0)[1],
        lambda: done(subprocess.run(["env", "-i", "sh", "-c", "config-get title"], capture_output=True)),
        lambda: done(subprocess.run(["python3", "-c", "import subprocess, sys; print(sys.path, subprocess.run(['config-get', 'title'], capture_output=True))"], capture_output=True, text=True)),
        lambda: done(subprocess.run([sys.executable, "-c", "import ops, sys; print(sys.argv, ops.__file__)"], capture_output=True, text=True)),
        lambda: done(subprocess.run(["xargs", "-n1", "config-get"], input="title\nbig\n", capture_output=True, text=True)),
    )


def fed(n):
    """Feed tools by standard input and by files."""
    data = json.dumps({"fed": str(n), "text": TEXT})
    path = Path("fed.json")
    path.write_text(data)
    pipe = subprocess.PIPE
    base = ["relation-set", "-r", "db:1"]

    def opened():
        with path.open() as f:
            return done(subprocess.run([*base, "--file", "-"], stdin=f, stderr=pipe)), f.tell()

    def elsewhere():
        with contextlib.chdir("src"):
            return done(subprocess.run([*base, "--file", "fed.json"], stderr=pipe))

    def fifo():
        os.mkfifo("fifo")
        with contextlib.ExitStack() as stack:
            stack.callback(os.unlink, "fifo")
            writer = threading.Thread(target=lambda: Path("fifo").write_text(data))
            writer.start()
            answer = done(subprocess.run([*base, "--file", "fifo"], stderr=pipe))
            writer.join()
        return answer

    return pick(
        n,
        lambda: done(subprocess.run([*base, "--file", "-"], input=data, text=True, stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "-"], input=data.encode())),
        lambda: done(subprocess.run([*base, "--file", "-"], input=bytearray(data.encode()))),
        lambda: done(subprocess.run([*base, "--file", "-"], input=memoryview(data.encode()))),
        lambda: done(subprocess.run([*base, "--file", "-"], stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "-"], stdin=subprocess.DEVNULL, stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "-"], input="no: [yaml", text=True, stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "-"], input=b"latin: \xff", stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "fed.json"])),
        lambda: done(subprocess.run([*base, "--file=" + str(path.resolve())])),
        lambda: done(subprocess.run([*base, "-file", "fed.json"], stderr=pipe)),
        lambda: done(subprocess.run([*base, "--file", "fed.json"], cwd="src", stderr=pipe)),
        lambda: subprocess.run(["secret-add", "--label", "l", "key#file=fed.json"], stdout=pipe).returncode,
        lambda: done(subprocess.run(["state-set", "--file", "-"], input=json.dumps({"x": "y" * 200000}), text=True)),
        lambda: done(subprocess.run(["state-set", "--file", "-"], input="{}", encoding="utf-16", stderr=pipe)),
        lambda: done(subprocess.run(["state-set", "--file", "-"], input="a: 1\r\nb: 2\n", text=True)),
        lambda: done(subprocess.run(["config-get", "@fed.json"], stdout=pipe, stderr=pipe)),
        opened, elsewhere, fifo,
    )


def fooled(n):
    """Change what decides which program a name is."""
    a = ["config-get", "title"]
    kept = dict(os.environ)
    pipe = subprocess.PIPE
    own = Path("own")
    own.mkdir(exist_ok=True)
    (own / "config-get").write_text("#!/bin/sh\necho mine \"$@\"\n")
    (own / "config-get").chmod(0o755)
    (own / "is-leader").write_text("not to be executed")

    def with_path(path):
        os.environ["PATH"] = path
        return done(subprocess.run(a, stdout=pipe, stderr=pipe)), shutil.which("config-get")

    def changed(name, value):
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
        return done(subprocess.run(a, stdout=pipe, stderr=pipe))

    def patched():
        from unittest import mock

        with mock.patch("subprocess.run", return_value=7) as m:
            return subprocess.run(a), m.call_count

    def patched_popen():
        from unittest import mock

        with mock.patch("subprocess.Popen", side_effect=OSError("no")) as m:
            try:
                subprocess.run(a)
            finally:
                main.report("popen", m.call_count)

    def shadowed():
        subprocess_run, subprocess.run = subprocess.run, lambda *a, **k: ["wrapped", subprocess_run(*a, **k).returncode]
        try:
            return subprocess.run(a, stdout=pipe)
        finally:
            subprocess.run = subprocess_run

    def link():
        Path("linked").unlink(missing_ok=True)
        os.symlink(os.path.join(TOOLS, "config-get"), "linked")
        return done(subprocess.run(["./linked", "title"], stdout=pipe, stderr=pipe))

    def other_link():
        with contextlib.suppress(FileExistsError):
            os.symlink(os.path.join(TOOLS, "config-get"), "own/is-leader-x")
        return done(subprocess.run([os.path.join(TOOLS, "..", os.path.basename(TOOLS), "config-get"), "title"], stdout=pipe))

    try:
        return pick(
            n,
            lambda: with_path(os.path.abspath("own") + ":" + os.environ["PATH"]),
            lambda: with_path("own:" + os.environ["PATH"]),
            lambda: with_path("/usr/bin:/bin"),
            lambda: with_path(""),
            lambda: changed("PATH", None),
            lambda: changed("JUJU_CONTEXT_ID", None),
            lambda: changed("JUJU_CONTEXT_ID", "wrong"),
            lambda: changed("JUJU_AGENT_SOCKET_ADDRESS", "/nonexistent"),
            lambda: changed("JUJU_AGENT_SOCKET_ADDRESS", None),
            lambda: done(subprocess.run([os.path.abspath("own/config-get"), "x"], stdout=pipe)),
            lambda: done(subprocess.run(["own/config-get", "x"], stdout=pipe)),
            lambda: done(subprocess.run(["./config-get"], cwd="own", stdout=pipe)),
            lambda: done(subprocess.run(["own/is-leader"], stdout=pipe)),
            lambda: done(subprocess.run(["config-get", "x"], stdout=pipe, env=dict(os.environ, PATH=os.path.abspath("own")))),
            patched, patched_popen, shadowed, link, other_link,
        )
    finally:
        os.environ.clear()
        os.environ.update(kept)


def descriptors(n):
    """Run tools while the descriptors are not what they were."""
    sys.stdout.flush()

    def to_file():
        kept = os.dup(1)
        with open("captured", "wb") as f:
            os.dup2(f.fileno(), 1)
            subprocess.run(["config-get", "title"], check=True)
            os.system("echo shell")
            print("print", flush=True)
            os.dup2(kept, 1)
        os.close(kept)
        return Path("captured").read_bytes()

    def closed(fd):
        kept = os.dup(fd)
        os.close(fd)
        try:
            return done(subprocess.run(["config-get", "title"]))
        finally:
            os.dup2(kept, fd)
            os.close(kept)

    def redirected():
        with contextlib.redirect_stdout(io.StringIO()) as s:
            print("caught")
            code = subprocess.run(["config-get", "title"]).returncode
        return s.getvalue(), code

    def inherited():
        r, w = os.pipe()
        os.set_inheritable(w, True)
        code = subprocess.run(["sh", "-c", f"echo through >&{w}"], close_fds=False).returncode
        code2 = subprocess.run(["sh", "-c", f"echo passed >&{w}"], pass_fds=[w]).returncode
        os.close(w)
        with os.fdopen(r) as f:
            return f.read(), code, code2

    return pick(n, to_file, lambda: closed(1), lambda: closed(2), lambda: closed(0), redirected, inherited,
                lambda: done(subprocess.run(["ls", "/proc/self/fd"], capture_output=True, text=True)),
                lambda: done(subprocess.run(["sh", "-c", "ls -l /proc/self/fd/0 | sed 's/.*-> //'; grep 'Sig[BIC]' /proc/self/status; ulimit -a | grep -v locks"], capture_output=True, text=True)))


def order(n):
    """Mix what is buffered with what is not and with what others write."""
    print("first, buffered")
    os.write(1, b"second, not\n")
    subprocess.run(["sh", "-c", "echo third; echo fourth >&2"])
    subprocess.run(["config-get", "title"])
    print("error", n, file=sys.stderr)
    sys.stdout.write("no end of line")


def output(n):
    """Write what is hard to read."""
    return pick(
        n,
        lambda: print("x" * 300000),
        lambda: print("\n".join(f"line {i}" for i in range(5000))),
        lambda: sys.stdout.buffer.write(BYTES + b"\n" + bytes(range(256)) + b"\n"),
        lambda: print("\udcff\udcfe"),
        lambda: print("\ud800"),
        lambda: print("\ud800", file=sys.stderr),
        lambda: sys.stderr.buffer.write(BYTES),
        lambda: print("a\r\nb\rc\0d\x1b[0m"),
        lambda: print(TEXT, "日本語", "🎉"),
        lambda: sys.stdout.writelines(["a", "b\n", "c"]),
        lambda: print("y" * 2000000, file=sys.stderr),
        lambda: print("", end="", flush=True),
        lambda: (sys.stdout.reconfigure(line_buffering=True, encoding="latin-1"), print("ü")),
    )


# The interpreter.


def threaded(n):
    """Call tools from threads at once."""
    found = {}

    def one(i):
        argv = CALLS[(n + i) % 8]  # they read
        found[i] = done(subprocess.run(argv, capture_output=True))[1:]

    calls = [threading.Thread(target=one, args=(i,)) for i in range(1 + n % 4)]
    for t in calls:
        t.start()
    for t in calls:
        t.join()
    return [found[i][1] for i in sorted(found)], threading.active_count(), calls[0].name


def pool(n):
    """Use a pool."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as p:
        return list(p.map(lambda i: subprocess.check_output(["config-get", "title"], text=True), range(1 + n % 3)))


def forked(n):
    """Call a tool in a fork of this process."""
    r, w = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(r)
            os.write(w, repr(done(subprocess.run(["config-get", "title"], capture_output=True))).encode())
            print("from the fork", flush=True)
        finally:
            os._exit(n % 5)
    os.close(w)
    with os.fdopen(r) as f:
        said = f.read()
    return said, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def multi(n):
    """Use multiprocessing, which needs __main__ to be what it says."""
    import multiprocessing

    how = multiprocessing.get_context(("fork", "spawn")[n % 2])
    q = how.Queue()
    p = how.Process(target=multi_child, args=(q, n))
    p.start()
    answer = q.get(timeout=60)
    p.join()
    return answer, p.exitcode, p.name, multiprocessing.current_process().name, multiprocessing.parent_process() is None, multiprocessing.get_start_method()


def multi_child(q, n):
    """Answer from another process."""
    q.put([n, subprocess.check_output(["config-get", "title"]).decode()])


def eventually(n):
    """Use asyncio."""

    async def call():
        p = await asyncio.create_subprocess_exec("config-get", "title", stdout=asyncio.subprocess.PIPE)
        out, _ = await p.communicate()
        s = await asyncio.create_subprocess_shell("is-leader", stdout=asyncio.subprocess.PIPE)
        return out, (await s.communicate())[0], p.returncode, (await asyncio.to_thread(threading.current_thread)).name

    return asyncio.run(call())


def pickled(n):
    """Pickle an object of a class of __main__."""
    import pickle

    kept = pickle.dumps(main.Kept(n))
    return kept, pickle.loads(kept).n, sys.modules["__main__"] is main


def inspected(n):
    """Look at the program's own source."""
    import inspect
    import linecache
    import traceback

    with contextlib.suppress(ZeroDivisionError):
        return [inspect.getsource(main.source), inspect.getfile(main), inspect.getsourcefile(main.source), main.__file__, main.main.__code__.co_filename,
                linecache.getline(main.__file__, 1), traceback.format_stack()[-3:], inspect.getmodule(main.source).__name__]


def imported(n):
    """Import what was not loaded before, and what is not there."""

    def again():
        import ops

        return importlib.reload(ops.version).version

    return pick(
        n,
        lambda: sorted(importlib.import_module("xml.dom.minidom").__dict__)[:3],
        lambda: importlib.import_module("nosuch"),
        lambda: importlib.import_module("ops.nosuch"),
        lambda: importlib.import_module("charms.book").EVENT,
        lambda: importlib.import_module("late").number,
        lambda: importlib.util.find_spec("late") and importlib.util.find_spec("late").origin,
        lambda: importlib.resources.files("ops").joinpath("version.py").read_text(),
        lambda: importlib.util.find_spec("ops").origin,
        lambda: __import__("ops.version").version.version,
        lambda: sys.modules["ops"] is importlib.import_module("ops"),
        lambda: [importlib.import_module("pkgutil").get_data("ops", "version.py").decode(), [m.name for m in importlib.import_module("pkgutil").iter_modules([os.path.abspath("venv")])]],
        lambda: sorted(d.name for d in importlib.import_module("importlib.metadata").distributions() if "venv" in str(d.locate_file(""))),
        again,
    )


def odd_module(n):
    """Leave what is no module among the modules, as typing does."""
    import types

    class Space:
        """What typing.io is."""

        __slots__ = ("x",)

    class Lazy(types.ModuleType):
        def __setattr__(self, name, value):
            raise AttributeError("this module is constant")

        def __getattribute__(self, name):
            if name == "__dict__":
                raise RuntimeError("this module keeps its secrets")
            return super().__getattribute__(name)

    sys.modules["odd"] = (Space, Space(), None, 7, Lazy("odd"), {"a": 1})[n % 6]
    return pick(n, lambda: type(sys.modules["odd"]).__name__)


def installed(n):
    """Install a library while the charm runs, as charms do that call pip."""
    where = Path(("venv", "lib")[n % 2]) / "late.py"
    other = Path(("lib", "venv")[n % 2]) / "late.py"
    other.unlink(missing_ok=True)
    where.write_text(f"number = {10 ** (n % 7)}\n")
    importlib.invalidate_caches()
    sys.modules.pop("late", None)
    return importlib.import_module("late").number


def upgraded(n):
    """Replace a module of the framework under a running charm: the next event sees it."""
    Path("venv/ops/version.py").write_text(f'"""The version of the stand-in."""\n\nversion = "{"1" * (1 + n % 30)}"\n')
    import ops

    return ops.version.version


def taught(n):
    """Leave state in modules and in the process, which the next event must not find."""
    import builtins
    import decimal
    import locale
    import logging
    import random
    import warnings

    import ops

    return pick(
        n,
        lambda: ops.once("left").name,
        lambda: setattr(ops, "left", 1),
        lambda: setattr(builtins, "left", 1),
        lambda: logging.basicConfig(level=logging.DEBUG, stream=sys.stderr) or logging.getLogger("left").debug("seen"),
        lambda: logging.getLogger("left").warning("the last resort"),
        lambda: warnings.warn("a warning"),
        lambda: warnings.simplefilter("error"),
        lambda: random.seed(1),
        lambda: locale.setlocale(locale.LC_ALL, "C"),
        lambda: os.umask(0o77),
        lambda: os.chdir("src"),
        lambda: sys.path.insert(0, "/nowhere"),
        lambda: sys.setrecursionlimit(500),
        lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN) and None,
        lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None,
        lambda: os.environ.update({"JUJU_UNIT_NAME": "other/0", "LEFT": "1"}),
        lambda: os.nice(1),
        lambda: decimal.getcontext().prec,
        lambda: setattr(sys, "stdout", io.StringIO()),
        lambda: setattr(sys, "dont_write_bytecode", True),
        lambda: time.tzset(),
        lambda: __import__("gc").disable(),
        lambda: os.setpriority(os.PRIO_PROCESS, 0, 3),
        lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (100, 200)),
        lambda: __import__("socket").setdefaulttimeout(9),
    )


def database(n):
    """Keep state as the framework does."""
    import sqlite3

    db = sqlite3.connect(".unit-state.db", isolation_level=None, timeout=3600)
    db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
    db.execute("BEGIN")
    db.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
    db.execute("INSERT INTO t VALUES (?)", (n,))
    seen = db.execute("SELECT COUNT(*), SUM(n) FROM t").fetchall()
    db.commit()
    db.close()
    return seen, oct(os.stat(".unit-state.db").st_mode)


def files(n):
    """Write files of all kinds."""
    import tempfile

    name = f"file-{n % 10}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name)
    fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o777)
    os.write(fd, BYTES * (n % 50))
    os.close(fd)
    with tempfile.NamedTemporaryFile() as t:
        return oct(os.stat(name).st_mode), os.path.dirname(t.name), oct(os.stat(t.name).st_mode)


def network(n):
    """Speak to itself."""
    import socket

    a, b = socket.socketpair()
    with a, b:
        a.sendall(b"hello")
        return b.recv(5), a.family.name, a.gettimeout()


def signalled(n):
    """Take a signal of its own."""
    seen = []
    old = signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, old)
    out = subprocess.run(["sh", "-c", "kill -USR2 $$; echo not reached"], capture_output=True)
    return seen, done(out), old.name if hasattr(old, "name") else repr(old)


def outlasting(n):
    """Run a real program out of its time."""
    try:
        subprocess.run(["sleep", "60"], timeout=0.01)
    except subprocess.TimeoutExpired as e:
        return [type(e).__name__, e.cmd, e.output, e.timeout <= 0.01]  # what is left of it is in its message


def daemon_thread(n):
    """Leave a thread that nobody waits for."""
    threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
    return threading.active_count()


def thread_left(n):
    """Leave a thread that has to be waited for, and that calls a tool when the program is over."""

    def late():
        threading.main_thread().join()
        print("a thread, late", subprocess.run(["config-get", "title"], stdout=subprocess.PIPE).stdout, flush=True)
        main.report("late thread", done(subprocess.run(["juju-log", "late thread"])))

    threading.Thread(target=late).start()


def at_exit(n):
    """Register what is done at the end."""

    def bad():
        raise RuntimeError("at exit")

    def call():
        main.report("at exit", done(subprocess.run(["config-get", "title"], stdout=subprocess.PIPE)))

    def more():
        atexit.register(lambda: main.report("at exit", "registered late"))

    def leave():
        sys.exit(5)

    import atexit

    for f in ((call,), (bad,), (more,), (leave,), (call, bad, more), (lambda: print("printed at exit"),), (lambda: os._exit(9),))[n % 7]:
        atexit.register(f)


def unclosed(n):
    """Leave things open that Python closes as it ends."""
    import sqlite3
    import tempfile

    def wal():
        db = sqlite3.connect("wal.db")
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("CREATE TABLE IF NOT EXISTS w (n)")
        db.execute("INSERT INTO w VALUES (1)")
        db.commit()
        main.left = db

    def generator():
        def g():
            try:
                yield 1
            finally:
                main.report("a generator's end", 1)

        main.left = g()
        return next(main.left)

    def buffered():
        main.left = open("unclosed", "w")
        main.left.write("written " * (n % 3000 + 1))

    def temporary():
        main.left = tempfile.NamedTemporaryFile(dir=".", prefix="temporary-")

    def directory():
        main.left = tempfile.TemporaryDirectory(dir=".", prefix="temporary-")

    def object_():
        class Last:
            def __del__(self):
                os.write(2, b"deleted\n")

        main.left = Last()

    def finalized():
        import weakref

        main.left = main.Kept(1)
        weakref.finalize(main.left, lambda: os.write(2, b"finalized\n"))

    def raw():
        main.left = open("unclosed.bin", "wb")
        main.left.write(BYTES)

    return pick(n, buffered, temporary, directory, object_, finalized, wal, generator, raw)


def background(n):
    """Leave a process behind; the test tells it when to go on and looks at what it wrote."""
    go = "while [ ! -e go ]; do sleep 0.02; done; config-get title >bg.out 2>&1; echo $? >>bg.out; mv bg.out bg.txt"
    null = subprocess.DEVNULL

    def double():
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            if os.fork() == 0:
                Path("bg.pid").write_text(str(os.getpid()))
                while not os.path.exists("go"):
                    time.sleep(0.02)
                with open("bg.out", "w") as f:
                    f.write(repr(done(subprocess.run(["config-get", "title"], capture_output=True))))
                os.rename("bg.out", "bg.txt")
                os._exit(0)
            while not os.path.exists("bg.pid"):
                time.sleep(0.01)
            os._exit(0)
        return os.waitpid(pid, 0)[1]

    def popen(**more):
        p = subprocess.Popen(["sh", "-c", go], **more)
        Path("bg.pid").write_text(str(p.pid))
        main.left = p

    return pick(n, double, popen, lambda: popen(stdout=null, stderr=null), lambda: popen(start_new_session=True), lambda: os.system("(" + go + ") & echo $! >bg.pid"))


# Ends of an event. What follows one in the script is not done.


def end_exit(n):
    """Exit with whatever may be given."""
    print("buffered at the exit")
    sys.exit((None, 0, 1, 2, 3, 77, 255, 256, 257, -1, 1 << 40, True, False, "a message", ["a", "list"], 1.5, b"bytes", "", -(1 << 70), "ünï\udcff")[n % 20])


def end_raise(n):
    """End by an exception."""

    def chained():
        try:
            {}["cause"]
        except KeyError as e:
            raise RuntimeError("chained") from e

    def during():
        try:
            {}["context"]
        except KeyError:
            open("/nonexistent")

    def noted():
        e = ValueError("noted")
        e.add_note("the note")
        raise e

    def unprintable():
        class Bad(Exception):
            def __str__(self):
                raise TypeError("no")

        raise Bad()

    def deep():
        return deep()

    def hooked():
        sys.excepthook = lambda t, e, b: print("hooked", t.__name__, e, file=sys.stderr)
        raise RuntimeError("to the hook")

    def hook_fails():
        def hook(*_):
            raise TypeError("the hook fails")

        sys.excepthook = hook
        raise RuntimeError("to the failing hook")

    def hook_exits():
        sys.excepthook = lambda *_: sys.exit(4)
        raise RuntimeError("to the exiting hook")

    def group():
        raise ExceptionGroup("several", [ValueError(1), KeyError("k")])

    def no_hook():
        sys.stderr = None
        raise RuntimeError("nobody hears")

    def thread():
        t = threading.Thread(target=lambda: 1 / 0, name="t")
        t.start()
        t.join()

    def multi_line():
        raise RuntimeError("one\ntwo\n")

    def hook_gone():
        del sys.excepthook
        raise RuntimeError("without a hook")

    print("buffered before the exception")
    pick(n, chained, during, noted, unprintable, deep, hooked, hook_fails, hook_exits, group, no_hook, thread, multi_line, hook_gone,
         lambda: exec(compile("def f(:\n", "<charm>", "exec")), lambda: (_ for _ in ()).throw(KeyboardInterrupt()), lambda: next(iter(())), lambda: subprocess.run(["status-set", "nonsense"], check=True),
         lambda: importlib.import_module("nosuch"), lambda: (_ for _ in ()).throw(BaseException("base")), lambda: (_ for _ in ()).throw(GeneratorExit()), lambda: (_ for _ in ()).throw(SystemExit),
         lambda: print(TEXT, "\ud800"))


def end_quit(n):
    """End at once, or by a signal."""
    print("buffered, and lost")

    def handled(number, *how):
        signal.signal(number, *how)
        os.kill(os.getpid(), number)
        time.sleep(30)

    def thread_exits():
        threading.Thread(target=lambda: sys.exit(3)).start()

    def thread_quits():
        threading.Thread(target=lambda: os._exit(6)).start()
        time.sleep(30)

    pick(n, lambda: os._exit(0), lambda: os._exit(3), lambda: os._exit(255), lambda: os._exit(256), lambda: os.kill(os.getpid(), signal.SIGTERM), lambda: os.kill(os.getpid(), signal.SIGKILL),
         lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(1)), lambda: os.kill(os.getpid(), signal.SIGHUP), lambda: os.kill(os.getpid(), signal.SIGPIPE), lambda: os.kill(os.getpid(), signal.SIGALRM),
         lambda: handled(signal.SIGTERM, lambda *_: sys.exit(11)), lambda: handled(signal.SIGINT, signal.SIG_DFL), lambda: os.kill(os.getpid(), signal.SIGXFSZ), thread_exits, thread_quits,
         lambda: signal.raise_signal(signal.SIGINT), lambda: os.kill(os.getpid(), signal.SIGSEGV), lambda: os.abort())


def end_streams(n):
    """End with streams that are not what they were."""
    print("buffered at the end")
    print("partial", end="")

    def broken():
        r, w = os.pipe()
        os.close(r)
        os.dup2(w, 1)
        print("to nobody")

    def left(text):
        sys.stdout = io.StringIO()
        print(text)

    pick(n, lambda: os.close(1), lambda: sys.stdout.close(), lambda: sys.stderr.close(), broken, lambda: left("x"), lambda: setattr(sys, "stdout", None), lambda: os.close(0), lambda: os.close(2),
         lambda: delattr(sys, "stdout"), lambda: sys.stdout.detach(), lambda: os.closerange(0, 3), lambda: sys.stdin.close(), lambda: setattr(sys, "__stdout__", None))


def end_exec(n):
    """Become another program."""
    sys.stdout.flush()
    pick(n, lambda: os.execvp("config-get", ["config-get", "title"]), lambda: os.execvp("sh", ["sh", "-c", "config-get title; env | cut -d= -f1 | sort; exit 4"]),
         lambda: os.execv(sys.executable, [sys.executable, "-c", "import sys, os, ops; print(sys.argv, sys.path, ops.version.version); sys.exit(8)"]),
         lambda: os.execve("/usr/bin/env", ["env"], {"ONLY": "1"}), lambda: os.execvp("nosuch", ["nosuch"]))


def end_reboot(n):
    """Ask for a reboot, now or later."""
    subprocess.run(["state-set", f"reboot={n}"], check=True)
    if n % 2:
        subprocess.run(["juju-reboot"], check=True)
        return
    refused = pick(n // 2, lambda: subprocess.run(["juju-reboot", "--now"]).returncode, lambda: os.system("juju-reboot --now"))
    if not refused:
        time.sleep(30)
    main.report("refused", refused)


def end_waiting(n):
    """Wait to be cancelled."""
    if n % 2:
        signal.signal(signal.SIGTERM, lambda *_: (print("asked to end"), sys.exit(12)))
    subprocess.run(["action-set", "half=done"])
    Path("waiting").write_text("")
    time.sleep(60)
    main.report("not reached", 1)
