LONGEST = 100_000  # bytes of an argument; the kernel takes a little more


class Tools:
    """The hook tools that a charm calls through the functions of subprocess, answered without a process.

    Only calls that can be told apart from nothing else are answered here: a list of words whose first is a tool, by the
    name that the path finds or by its place in the tools' directory, with output to pipes, to nothing or to the process's
    own. All others start the tool's program, which asks the same socket.
    """

    current = None  # those of this event; none in the server
    real_run = None

    def __init__(self, directory, env):
        import subprocess

        self.sp, self.directory, self.env = subprocess, directory, env
        self.names, self.path = set(os.listdir(directory)), env["JUJU_AGENT_SOCKET_ADDRESS"]
        self.popen, self.connected, self.lock = subprocess.Popen, None, threading.Lock()

    @classmethod
    def install(cls):
        """Take the place of subprocess.run and subprocess.call; check_output and check_call call them.

        That is done before any library is loaded, since some take these functions by name.
        """
        import subprocess

        real_run, real_call = subprocess.run, subprocess.call

        def run(*popenargs, input=None, capture_output=False, timeout=None, check=False, **kwargs):
            tools = cls.current
            if tools and kwargs.get("stdin") is None and tools.answers(popenargs, kwargs) and fits(input, kwargs):
                return tools.run(popenargs, input, capture_output, check, kwargs)
            return real_run(*popenargs, input=input, capture_output=capture_output, timeout=timeout, check=check, **kwargs)

        def call(*popenargs, timeout=None, **kwargs):
            tools = cls.current
            if tools and tools.answers(popenargs, kwargs) and not kwargs:
                return tools.run(popenargs, None, False, False, kwargs).returncode
            return real_call(*popenargs, timeout=timeout, **kwargs)

        for ours, real in (run, real_run), (call, real_call):
            ours.__doc__, ours.__module__, ours.__qualname__ = real.__doc__, real.__module__, real.__qualname__
        subprocess.run, subprocess.call = run, call
        cls.real_run = staticmethod(real_run)

    def run(self, popenargs, input, capture_output, check, kwargs):
        """Be subprocess.run."""
        sp, argv = self.sp, popenargs[0] if popenargs else kwargs["args"]
        out, err = kwargs.get("stdout"), kwargs.get("stderr")
        if capture_output:
            if out is not None or err is not None:
                raise ValueError("stdout and stderr arguments may not be used with capture_output.")
            out = err = sp.PIPE
        text = kwargs.get("text") or kwargs.get("universal_newlines") or kwargs.get("encoding") or kwargs.get("errors")
        coding, errors = kwargs.get("encoding") or "utf-8", kwargs.get("errors") or "strict"
        words = [os.fsencode(a) for a in argv]
        try:
            code, stdout, stderr = self.ask(os.path.basename(words[0]), words[1:])
        except OSError:  # the hook has ended: the tool says so in its own words
            return self.real_run(*popenargs, input=input, capture_output=capture_output, check=check, **kwargs)
        stdout, stderr = self.put(out, stdout, 1), self.put(err, stderr, 2)
        if text:
            stdout, stderr = decode(stdout, coding, errors), decode(stderr, coding, errors)
        if check and code:
            raise sp.CalledProcessError(code, argv, output=stdout, stderr=stderr)
        return sp.CompletedProcess(argv, code, stdout, stderr)

    def answers(self, popenargs, kwargs):
        """Say whether a call is one of a tool, in a form that can be answered here."""
        argv = popenargs[0] if popenargs else kwargs.get("args")
        if not isinstance(argv, (list, tuple)) or not argv or len(popenargs) > 1:
            return False
        if not all(isinstance(a, (str, bytes, os.PathLike)) for a in argv):
            return False
        if set(kwargs) - {"args", "stdin", "stdout", "stderr", "text", "universal_newlines", "encoding", "errors"}:
            return False
        plain = (None, self.sp.PIPE, self.sp.DEVNULL)
        if not all(kwargs.get(k) is None or type(kwargs[k]) is int and kwargs[k] in plain for k in ("stdout", "stderr")):
            return False
        try:
            words = [os.fsencode(a) for a in argv]
        except UnicodeError:
            return False
        if self.sp.Popen is not self.popen or not all(kwargs.get(k) is not None or there(fd) for k, fd in (("stdout", 1), ("stderr", 2))):
            return False
        if max(map(len, words)) > LONGEST or sum(map(len, words)) > 4 * LONGEST:  # the kernel has its say
            return False
        if any(b"\0" in w for w in words) or any(w.startswith((b"@", b"--file", b"-file")) or b"#file=" in w for w in words[1:]):
            return False
        return self.found(os.fsdecode(words[0]))

    def found(self, first):
        """Say whether the first word starts a tool of this event."""
        name = os.path.basename(first)
        if name not in self.names or any(os.environ.get(k) != self.env[k] for k in ("JUJU_CONTEXT_ID", "JUJU_AGENT_SOCKET_ADDRESS")):
            return False
        if first == name:
            return os.environ.get("PATH", "").split(":")[0] == self.directory
        return os.path.dirname(first) == self.directory

    def put(self, where, data, fd):
        """Hand output to where the caller wants it."""
        if where == self.sp.PIPE:
            return data
        view = memoryview(data if where is None else b"")
        while view:
            view = view[os.write(fd, view):]
        return None

    def ask(self, tool, args):
        """Ask the runtime, over the socket that the tool's own program would use. Input is for --file - alone."""
        request = [part(self.env["JUJU_CONTEXT_ID"].encode()), part(tool), struct.pack(">I", len(args))]
        request += [part(a) for a in args] + [part(b""), struct.pack(">I", 0)]
        with self.lock:
            if self.connected is None or self.connected[0] != os.getpid():
                self.connected = os.getpid(), self.connect()
            sock = self.connected[1]
            sock.sendall(b"".join(request))
            return struct.unpack(">I", exactly(sock, 4))[0], counted(sock), counted(sock)

    def connect(self):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(self.path)
        high = fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, HIGH)
        sock.close()
        return socket.socket(fileno=high)


def there(fd):
    """Say whether a descriptor is open."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def fits(input, kwargs):
    """Say whether the input has the type that subprocess would want."""
    text = kwargs.get("text") or kwargs.get("universal_newlines") or kwargs.get("encoding") or kwargs.get("errors")
    return input is None or isinstance(input, str) == bool(text) and isinstance(input, (str, bytes))


def decode(data, coding, errors):
    """Read text as a pipe in text mode does."""
    return data if data is None else data.decode(coding, errors).replace("\r\n", "\n").replace("\r", "\n")


def part(data):
    """One byte string of a request."""
    return struct.pack(">I", len(data)) + data


def exactly(sock, size):
    """Read that many bytes."""
    parts = []
    while size:
        data = sock.recv(size)
        if not data:
            raise ConnectionError("the hook that this process belongs to has ended")
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def counted(sock):
    """Read one byte string."""
    return exactly(sock, struct.unpack(">I", exactly(sock, 4))[0])
