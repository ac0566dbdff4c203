"""Run a charm's events in children of a process that has its libraries loaded already.

The parent never imports the charm itself. For each event it is given the charm's program, environment, directory and
output; it forks, and the child is what a fresh interpreter would be: a session of its own, nothing in its environment
but the event's, the program as __main__. The parent reports how the child ended.

Messages are JSON with a length of four bytes before it; descriptors come with the first byte of a request.
"""

import array
import gc
import importlib
import json
import os
import resource
import socket
import struct
import sys

FD = 3
RLIMIT_LOCKS = 10


def receive(sock):
    """Give one request with its descriptors, None at the end."""
    fds = array.array("i")
    head, control, _, _ = sock.recvmsg(4, socket.CMSG_SPACE(4 * fds.itemsize))
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    while 0 < len(head) < 4:
        head += sock.recv(4 - len(head))
    if not head:
        return None, []
    left = struct.unpack(">I", head)[0]
    parts = []
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


def preload(paths, names):
    """Import what the charm will want; what cannot be imported is the child's to complain of."""
    sys.path[:0] = paths
    for name in names:
        try:
            importlib.import_module(name)
        except Exception:
            pass


def unfit(files):
    """Say why this process must not be forked, or nothing."""
    if len(os.listdir("/proc/self/task")) > 1:
        return "a library started a thread"
    extra = [f for f in os.listdir("/proc/self/fd") if f not in files and os.path.exists("/proc/self/fd/" + f)]
    if extra:
        return "a library opened " + ", ".join(sorted(os.readlink("/proc/self/fd/" + f) for f in extra))
    return ""


class Tools:
    """The hook tools that a charm calls by subprocess.run, answered without a process."""

    def __init__(self, directory, path, context):
        import subprocess

        self.directory, self.path, self.context = directory, path, context
        self.real, self.subprocess = subprocess.run, subprocess
        self.names = set(os.listdir(directory))
        subprocess.run = self.run

    def run(self, *popenargs, input=None, capture_output=False, timeout=None, check=False, **kwargs):
        """Be subprocess.run."""
        argv = popenargs[0] if popenargs else kwargs.get("args")
        if not self.answers(argv, popenargs, kwargs):
            return self.real(*popenargs, input=input, capture_output=capture_output, timeout=timeout, check=check, **kwargs)
        sp = self.subprocess
        out, err = kwargs.get("stdout"), kwargs.get("stderr")
        if capture_output:
            if out is not None or err is not None:
                raise ValueError("stdout and stderr arguments may not be used with capture_output.")
            out = err = sp.PIPE
        words = [os.fsencode(a) for a in argv]
        text = kwargs.get("text") or kwargs.get("universal_newlines") or kwargs.get("encoding") or kwargs.get("errors")
        coding, errors = kwargs.get("encoding") or "utf-8", kwargs.get("errors") or "strict"
        if isinstance(input, str):
            input = input.encode(coding)
        code, stdout, stderr = self.ask(os.path.basename(words[0]), words[1:], bytes(input or b""))
        stdout, stderr = self.put(out, stdout, 1), self.put(stdout_of(err, out, sp), stderr, 2)
        if text:
            stdout = stdout if stdout is None else stdout.decode(coding, errors).replace("\r\n", "\n")
            stderr = stderr if stderr is None else stderr.decode(coding, errors).replace("\r\n", "\n")
        if check and code:
            raise sp.CalledProcessError(code, argv, output=stdout, stderr=stderr)
        return sp.CompletedProcess(argv, code, stdout, stderr)

    def answers(self, argv, popenargs, kwargs):
        """Say whether a call is one of a tool, in a form that can be answered here."""
        if not isinstance(argv, (list, tuple)) or not argv or len(popenargs) > 1:
            return False
        if not all(isinstance(a, (str, bytes, os.PathLike)) for a in argv):
            return False
        if set(kwargs) - {"args", "stdout", "stderr", "text", "universal_newlines", "encoding", "errors"}:
            return False
        sp = self.subprocess
        if kwargs.get("stdout") not in (None, sp.PIPE, sp.DEVNULL) or kwargs.get("stderr") not in (None, sp.PIPE, sp.DEVNULL):
            return False
        first = os.fsdecode(argv[0])
        name = os.path.basename(first)
        if name not in self.names or any(os.fsencode(a).startswith((b"@", b"--file")) for a in argv[1:]):
            return False
        return first == name or os.path.dirname(first) == self.directory

    def put(self, where, data, fd):
        """Hand output to where the caller wants it."""
        if where == self.subprocess.PIPE:
            return data
        if where is None and data:
            (sys.stdout, sys.stderr)[fd - 1].flush()
            os.write(fd, data)
        return None

    def ask(self, tool, args, stdin):
        """Ask the runtime, over the socket that the tool's own program would use."""
        request = [part(self.context.encode()), part(tool), struct.pack(">I", len(args))]
        request += [part(a) for a in args] + [part(stdin), struct.pack(">I", 0)]
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.connect(self.path)
            s.sendall(b"".join(request))
            with s.makefile("rb") as answer:
                code = struct.unpack(">I", answer.read(4))[0]
                return code, answer.read(struct.unpack(">I", answer.read(4))[0]), answer.read(struct.unpack(">I", answer.read(4))[0])


def stdout_of(err, out, sp):
    """Where the error stream goes."""
    return out if err == sp.STDOUT else err


def part(data):
    """One byte string of a request."""
    if isinstance(data, str):
        data = data.encode()
    return struct.pack(">I", len(data)) + data


def become(request, fds, own):
    """Be the event's process. Only ends by _exit."""
    code = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(fds[0], 1)
        os.dup2(fds[1], 2)
        os.closerange(3, max([null, own, *fds]) + 1)
        if request["mark"]:
            _, most = resource.getrlimit(RLIMIT_LOCKS)
            resource.setrlimit(RLIMIT_LOCKS, (request["mark"], most))
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["dir"])
        code = play(request)
    finally:
        os._exit(code)


def play(request):
    """Run the program as __main__ and give its exit code."""
    program = request["argv"][0]
    sys.argv = request["argv"]
    sys.path[:] = [os.path.dirname(os.path.abspath(program))] + request["path"] + [p for p in sys.path if p not in request["drop"]]
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1, errors="backslashreplace")
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    Tools(request["tools"], request["env"]["JUJU_AGENT_SOCKET_ADDRESS"], request["env"]["JUJU_CONTEXT_ID"])
    code = execute(program)
    try:
        import threading

        threading._shutdown()
        import atexit

        atexit._run_exitfuncs()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
    return code


def execute(program):
    """Execute the file as the interpreter would."""
    main = type(sys)("__main__")
    main.__file__, main.__builtins__ = program, __builtins__
    sys.modules["__main__"] = main
    try:
        with open(program, "rb") as f:
            exec(compile(f.read(), program, "exec"), main.__dict__)
    except SystemExit as e:
        if e.code is None or isinstance(e.code, int):
            return (e.code or 0) & 0xFF
        print(e.code, file=sys.stderr)
        return 1
    except BaseException as e:
        sys.excepthook(type(e), e, e.__traceback__.tb_next)
        return 1
    return 0


def serve():
    """Fork for every request until the other side is gone."""
    own = os.dup(FD)
    os.close(FD)
    os.set_inheritable(own, False)
    sock = socket.socket(fileno=own)
    start, _ = receive(sock)
    files = set(os.listdir("/proc/self/fd"))
    preload(start["path"], start["modules"])
    gc.collect()
    why = unfit(files)
    send(sock, {"unfit": why})
    if why:
        return
    gc.freeze()
    while True:
        request, fds = receive(sock)
        if request is None:
            return
        pid = os.fork()
        if pid == 0:
            become(request, fds, own)
        for fd in fds:
            os.close(fd)
        send(sock, {"pid": pid})
        _, status, usage = os.wait4(pid, 0)
        send(sock, {"status": status, "cpu_us": int((usage.ru_utime + usage.ru_stime) * 1e6), "rss_kb": usage.ru_maxrss})


serve()
