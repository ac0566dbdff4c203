"""Run a charm's events in children of a process that has its libraries loaded already.

The parent never imports the charm itself. For each event it is given the charm's program, environment, directory and
output; it forks, and the child is what a fresh interpreter would be: a session of its own, nothing in its environment
but the event's, the program as __main__. The parent reports how the child ended.

Messages are JSON with a length of four bytes before it; descriptors come with the first byte of a request.
"""

import array
import builtins
import fcntl
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
import threading

CONTROL = 3
HIGH = 700  # descriptors of ours in a child are above it, where no charm looks
NEWNS = 0x20000
RLIMIT_LOCKS = 10


def receive(sock):
    """Give one request with its descriptors, None at the end."""
    fds = array.array("i")
    head, control, _, _ = sock.recvmsg(4, socket.CMSG_SPACE(8 * fds.itemsize))
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    left = 4 - len(head)
    while head and left:
        part = sock.recv(left)
        if not part:
            return None, []
        head, left = head + part, left - len(part)
    if not head:
        return None, []
    left, parts = struct.unpack(">I", head)[0], []
    while left:
        part = sock.recv(min(left, 1 << 16))
        if not part:
            return None, []
        parts.append(part)
        left -= len(part)
    return json.loads(b"".join(parts)), list(fds)


def send(sock, message):
    """Send one message."""
    data = json.dumps(message).encode()
    sock.sendall(struct.pack(">I", len(data)) + data)


class Preloaded:
    """What this process has imported for its children."""

    def __init__(self, root):
        self.root, self.files = os.path.join(root, ""), {}
        self.state, self.fds = state(), set(os.listdir("/proc/self/fd"))

    def load(self, names):
        """Import modules; what cannot be imported is the child's to complain of."""
        for name in names:
            if name not in sys.modules:
                try:
                    importlib.import_module(name)
                except Exception:
                    pass
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and file.startswith(self.root) and file not in self.files:
                try:
                    s = os.stat(file)
                except OSError:
                    continue
                self.files[file] = [s.st_size, s.st_mtime_ns]
        gc.collect()
        gc.freeze()

    def report(self):
        """Say what was loaded of the charm, and why this process must not be forked if it must not."""
        files = {name[len(self.root):]: stat for name, stat in self.files.items()}
        return {"unfit": self.unfit(), "files": files, "version": list(sys.version_info[:2])}

    def unfit(self):
        if len(os.listdir("/proc/self/task")) > 1:
            return "a library starts a thread when it is imported"
        # Those from HIGH on are this program's: events may be running.
        extra = [f for f in os.listdir("/proc/self/fd") if f not in self.fds and int(f) < HIGH and os.path.exists("/proc/self/fd/" + f)]
        if extra:
            return "a library opens " + ", ".join(sorted(os.readlink("/proc/self/fd/" + f) for f in extra)) + " when it is imported"
        if state() != self.state:
            return "a library changes signals, limits, the umask or the working directory when it is imported"
        return ""


def state():
    """What a library must leave as it was."""
    mask = os.umask(0o22)
    os.umask(mask)
    signals = {n: signal.getsignal(n) for n in signal.valid_signals()}
    limits = [resource.getrlimit(n) for n in range(16)]
    return mask, os.getcwd(), signals, limits


def become(request, fds, extra):
    """Be the event's process. Only ends by _exit."""
    code = 1
    try:
        os.setsid()
        result = fcntl.fcntl(fds[2], fcntl.F_DUPFD_CLOEXEC, HIGH)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(fds[0], 1)
        os.dup2(fds[1], 2)
        if len(fds) > 3:
            enter(fds[3])
        if request["memory"]:
            resource.setrlimit(resource.RLIMIT_DATA, (request["memory"], request["memory"]))
        os.closerange(3, HIGH)
        with open("/proc/self/comm", "wb", 0) as f:
            f.write(request["comm"].encode())
        os.environ.clear()
        os.environ.update(request["env"])
        os.environ.update(extra)
        os.chdir(request["dir"])
        code, wanted = play(request)
        os.write(result, json.dumps({"code": code, "modules": wanted[:500]}).encode())
    except BaseException as e:  # what failed is not the charm's
        os.write(2, ("cannot run the event in a warm interpreter: %r\n" % e).encode())
    finally:
        if code == INTERRUPTED:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(code)


def enter(namespace):
    """Move into a mount namespace, and from there into one of this process's own: its mounts are nobody else's."""
    if hasattr(os, "setns"):
        os.setns(namespace, NEWNS)
        os.unshare(NEWNS)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, NEWNS) or libc.unshare(NEWNS):
        e = ctypes.get_errno()
        raise OSError(e, "cannot enter the unit's mount namespace: " + os.strerror(e))


def play(request):
    """Run the program as __main__; give its exit code and the modules that could have been loaded before."""
    rebase(os.path.join(request["root"], ""), os.path.join(request["dir"], ""))
    sys.argv, sys.orig_argv = request["argv"], request["orig"]
    program = os.path.join(os.getcwd(), sys.argv[0])
    sys.path[0] = os.path.dirname(os.path.realpath(program))
    Tools.current = Tools(request["tools"], request["env"])
    soften(request["dir"])
    threading.main_thread()._set_native_id()
    before, streams = set(sys.modules) - {"__main__"}, (sys.stdout, sys.stderr)
    code = execute(program)
    new = [n for n in list(sys.modules) if n not in before]
    wanted = [n for n in new if n != "__main__" and type(sys.modules[n]) is type(sys) and library(sys.modules[n], request["dir"])] if request["learn"] else []
    return leave(code, new, streams), wanted


def rebase(old, new):
    """Make what was loaded from one copy of the charm look as if it came from another, which has the same files."""
    if old == new:
        return

    def moved(path):
        return new + path[len(old):] if isinstance(path, str) and path.startswith(old) else path

    sys.path[:] = [moved(p) for p in sys.path]
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.startswith(old):
            continue
        module.__file__ = moved(file)
        if getattr(module, "__cached__", None):
            module.__cached__ = moved(module.__cached__)
        if isinstance(getattr(module, "__path__", None), list):
            module.__path__[:] = [moved(p) for p in module.__path__]
        spec = getattr(module, "__spec__", None)
        if spec is not None:
            spec.origin = moved(spec.origin)


def library(module, root):
    """Say whether a module is none of the charm's own."""
    file = getattr(module, "__file__", None)
    if file is None:
        return not hasattr(module, "__path__")  # a namespace package says nothing of where its parts are
    inside = os.path.relpath(file, root)
    return inside.startswith("../") or inside.startswith("venv/") or "/site-packages/" in inside


def soften(root):
    """Spare the database of deferred events its fsync: it is durable once the hook is committed, not before."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None:
        return
    real, path = sqlite3.connect, os.path.join(root, ".unit-state.db")

    def connect(database, *args, **kwargs):
        connection = real(database, *args, **kwargs)
        if isinstance(database, (str, os.PathLike)) and os.path.abspath(database) == path:
            sqlite3.Connection.execute(connection, "PRAGMA synchronous=OFF").close()
        return connection

    connect.__doc__, connect.__module__, connect.__qualname__ = real.__doc__, real.__module__, "connect"
    sqlite3.connect = connect


def execute(program):
    """Execute the file as the interpreter would."""
    main = type(sys)("__main__")
    main.__file__, main.__builtins__, main.__cached__, main.__annotations__ = program, builtins, None, {}
    main.__loader__, main.__package__ = importlib.machinery.SourceFileLoader("__main__", program), None
    del main.__dict__["__doc__"]
    main.__doc__ = None
    sys.modules["__main__"] = main
    try:
        with open(program, "rb") as f:
            text = f.read()
        exec(compile(text, program, "exec", dont_inherit=True), main.__dict__)
        failure = None
    except BaseException as e:
        failure = e.with_traceback(e.__traceback__.tb_next)  # this function is not the charm's
    for name in ("stderr", "stdout"):
        put(getattr(sys, name, None))
    if failure is None:
        return 0
    if isinstance(failure, SystemExit):
        return asked(failure)
    sys.last_type, sys.last_value, sys.last_traceback = type(failure), failure, failure.__traceback__
    return uncaught(failure)


class Server:
    """Forks for every request until the other side is gone."""

    def __init__(self):
        self.own = fcntl.fcntl(CONTROL, fcntl.F_DUPFD_CLOEXEC, HIGH)
        os.close(CONTROL)
        self.sock = socket.socket(fileno=self.own)
        self.poll, self.running = select.poll(), {}
        self.poll.register(self.own, select.POLLIN)
        start, _ = receive(self.sock)
        self.pid = os.getpid()
        # It may have been started beside an event, whose mark it must not bear: it would be ended with that.
        _, most = resource.getrlimit(RLIMIT_LOCKS)
        resource.setrlimit(RLIMIT_LOCKS, (most, most))
        # What was put around this process may have changed its environment; then it changes every event's.
        self.extra = {k: v for k, v in os.environ.items() if start["env"].get(k) != v and k not in ("PWD", "LC_CTYPE")}
        if start["namespaces"] and not hasattr(os, "setns"):
            importlib.import_module("ctypes").CDLL(None)
        sys.path[0] = start["first"]
        sys.dont_write_bytecode, kept = start["readonly"], sys.dont_write_bytecode
        Tools.install()
        self.loaded = Preloaded(start["root"])
        self.loaded.load(start["modules"])
        self.write = kept
        self.readonly = start["readonly"]
        send(self.sock, self.loaded.report())

    def serve(self):
        while True:
            for fd, _ in self.poll.poll():
                if fd != self.own:
                    self.reap(fd)
                    continue
                request, fds = receive(self.sock)
                if request is None:
                    return
                if "load" in request:
                    sys.dont_write_bytecode = self.readonly
                    self.loaded.load(request["load"])
                    send(self.sock, {"id": request["id"], **self.loaded.report()})
                    continue
                self.begin(request, fds)

    def begin(self, request, fds):
        sys.dont_write_bytecode = self.write
        limits = resource.getrlimit(RLIMIT_LOCKS)
        if request["mark"]:
            resource.setrlimit(RLIMIT_LOCKS, (request["mark"], limits[1]))
        try:
            pid = os.fork()
        except OSError as e:
            send(self.sock, {"id": request["id"], "error": str(e)})
            return
        finally:
            if request["mark"] and os.getpid() == self.pid:
                resource.setrlimit(RLIMIT_LOCKS, limits)
        if pid == 0:
            self.sock.detach()
            os.closerange(HIGH, max([self.own, *self.running]) + 1)
            become(request, fds, self.extra)
        for fd in fds:
            os.close(fd)
        watch = os.pidfd_open(pid)
        high = fcntl.fcntl(watch, fcntl.F_DUPFD_CLOEXEC, HIGH)
        os.close(watch)
        self.running[high] = pid, request["id"]
        self.poll.register(high, select.POLLIN)
        send(self.sock, {"id": request["id"], "pid": pid})

    def reap(self, fd):
        self.poll.unregister(fd)
        os.close(fd)
        pid, event = self.running.pop(fd)
        _, status, usage = os.wait4(pid, 0)
        send(self.sock, {"id": event, "ended": True, "status": status, "cpu_us": int((usage.ru_utime + usage.ru_stime) * 1e6), "rss_kb": usage.ru_maxrss})


Server().serve()
