"""Everything a charm can see of the process that it is."""

import gc
import locale
import logging
import os
import random
import resource
import signal
import site
import sys
import tempfile
import threading
import time
import uuid
import warnings


def everything(main):
    """Give a fact by name; one that cannot be told is its error."""
    facts = {}
    for name, look in LOOKS.items():
        try:
            facts[name] = look(main)
        except Exception as e:
            facts[name] = f"{type(e).__name__}: {e}"
    return facts


def descriptors(_):
    """Give what is open: where it leads, its mode and whether programs inherit it."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            to = os.readlink("/proc/self/fd/" + name)
            flags = open(f"/proc/self/fdinfo/{name}").read().split("flags:")[1].split()[0]
        except OSError:
            continue
        if to.startswith("/proc/") or int(name) >= 700:  # a warm interpreter's own begin there, and no program inherits them
            continue
        found[name] = [to.split(":")[0], flags]
    return found


def dispositions(_):
    """Give what each signal does."""
    return {s.name: repr(signal.getsignal(s)).split(" at 0x")[0] for s in sorted(signal.valid_signals()) if isinstance(s, signal.Signals)}


def masks(_):
    """Give the kernel's view of the signals."""
    with open("/proc/self/status") as f:
        return [line for line in f.read().splitlines() if line.startswith(("SigBlk", "SigIgn", "SigCgt", "ShdPnd", "SigPnd", "Uid", "Gid", "Groups", "Umask", "NoNewPrivs", "Cap", "Seccomp:", "Threads", "Cpus_allowed:"))]


def limits(_):
    """Give the limits, but for the one of file locks, which is the event's mark."""
    names = sorted(n for n in dir(resource) if n.startswith("RLIMIT_"))
    return {n: resource.getrlimit(getattr(resource, n)) for n in names}


def mark(_):
    """Say whether this process carries the event's mark."""
    soft, _most = resource.getrlimit(10)
    return soft == int(os.environ["JUJU_CONTEXT_ID"][:15], 16)


def stream(f):
    """Show a stream of text."""
    return [type(f).__name__, f.name, f.mode, f.encoding, f.errors, f.line_buffering, f.write_through, f.newlines, f.fileno(), f.isatty(),
            type(f.buffer).__name__, type(f.buffer.raw).__name__, f.buffer.raw.closefd]


def module(main):
    """Show __main__."""
    import __main__

    same = __main__.__dict__ is main and sys.modules["__main__"] is __main__
    spec = {k: v if isinstance(v, (str, type(None))) else type(v).__name__ for k, v in main.items() if k.startswith("__")}
    return [same, spec, getattr(main["__loader__"], "path", None), getattr(main["__loader__"], "name", None), [k for k in main if not k.startswith("__")]]


def parent(_):
    """Say who started this process; free to differ, and what the test knows a warm run by."""
    return os.getppid()


def handlers(_):
    """Show logging as the charm finds it."""
    root = logging.getLogger()
    return [root.level, [type(h).__name__ for h in root.handlers], logging.root.manager.disable, logging.raiseExceptions, logging.lastResort.level,
            type(logging.getLogger("x")).__name__, logging.getLogRecordFactory().__name__, [type(h()).__name__ for h in logging._handlerList if h()]]


def hooks(_):
    """Show what is called at exceptions, breakpoints and exits."""
    return [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.unraisablehook is sys.__unraisablehook__,
            sys.breakpointhook is sys.__breakpointhook__, threading.excepthook is threading.__excepthook__, warnings.showwarning.__module__, sys.gettrace(), sys.getprofile()]


def threads(_):
    """Show the threads."""
    m = threading.main_thread()
    return [threading.active_count(), m.name, m.ident == threading.get_ident(), m.native_id == os.getpid(), threading.current_thread() is m, m.daemon, type(m).__name__]


def run_function(_):
    """Show the function that tools are called by."""
    import inspect
    import subprocess

    return [subprocess.run.__name__, subprocess.run.__module__, subprocess.run.__qualname__, str(inspect.signature(subprocess.run)), type(subprocess.run).__name__,
            subprocess.Popen.__module__, str(inspect.signature(subprocess.Popen.__init__))]


def charm_modules(_):
    """Name the modules of the charm's own that were there before it."""
    own = (os.getcwd() + "/src", os.getcwd() + "/lib")
    return sorted(n for n, m in list(sys.modules.items()) if (getattr(m, "__file__", None) or "").startswith(own))


def ages(_):
    """Say whether the clocks are those of a process that has only just begun."""
    return [time.process_time() < 60, abs(time.time() - os.stat("/proc/self").st_mtime) < 86400, sum(os.times()[2:4]) == 0.0]


def chance(_):
    """Draw what no two events may share."""
    return [random.random(), random.randbytes(8).hex(), str(uuid.uuid4()), os.urandom(8).hex(), next(tempfile._get_candidate_names())]


def framework(_):
    """Show what the preloaded framework knows of this event."""
    import ops

    return [ops.version.version, ops.once.cache_info().currsize, ops.once("mine").name, ops.__file__, ops.__spec__.origin, ops.__spec__.cached is not None, ops.__path__._path if hasattr(ops.__path__, "_path") else list(ops.__path__)]


def own_library(_):
    """Show what the charm's own library computed."""
    from charms import book

    return [book.UNIT, book.EVENT, book.pages, book.__file__]


LOOKS = {
    "argv": lambda _: sys.argv,
    "orig_argv": lambda _: sys.orig_argv,
    "executable": lambda _: [sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys._base_executable, sys.version, sys.platlibdir],
    "flags": lambda _: [repr(sys.flags), sys.dont_write_bytecode, sys.pycache_prefix, sys.warnoptions, sys._xoptions, sys.flags.utf8_mode],
    "path": lambda _: sys.path,
    "importers": lambda _: [[getattr(f, "__name__", repr(f)) for f in sys.path_hooks], [getattr(f, "__name__", repr(f)) for f in sys.meta_path]],
    "modules": lambda main: main["MODULES"],
    "charm modules": charm_modules,
    "main": module,
    "environment": lambda _: dict(os.environ),
    "environment as bytes": lambda _: {k.decode("latin-1"): v.decode("latin-1") for k, v in os.environb.items()},
    "order of the environment": lambda _: list(os.environ),
    "directory": lambda _: [os.getcwd(), os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root")],
    "umask": lambda _: [old := os.umask(0o22), os.umask(old)][0],
    "leads": lambda _: [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid()],
    "terminal": lambda _: os.path.exists("/dev/tty") and os.open("/dev/tty", os.O_RDWR),
    "ids": lambda _: [os.getresuid(), os.getresgid(), os.getgroups()],
    "priority": lambda _: [os.getpriority(os.PRIO_PROCESS, 0), sorted(os.sched_getaffinity(0)), os.sched_getscheduler(0), open("/proc/self/oom_score_adj").read()],
    "limits": lambda _: limits(_),
    "mark": mark,
    "signals": dispositions,
    "masks": masks,
    "wakeup": lambda _: [signal.set_wakeup_fd(-1), signal.getitimer(signal.ITIMER_REAL), signal.alarm(0)],
    "descriptors": descriptors,
    "name": lambda _: open("/proc/self/comm").read().strip(),
    "command line": lambda _: open("/proc/self/cmdline", "rb").read().decode("latin-1"),
    "program": lambda _: os.readlink("/proc/self/exe"),
    "cgroup": lambda _: open("/proc/self/cgroup").read(),
    "namespaces": lambda _: {n: os.readlink("/proc/self/ns/" + n) for n in os.listdir("/proc/self/ns")},
    "stdin": lambda _: stream(sys.stdin) + [sys.stdin is sys.__stdin__, sys.stdin.read()],
    "stdout": lambda _: stream(sys.stdout) + [sys.stdout is sys.__stdout__],
    "stderr": lambda _: stream(sys.stderr) + [sys.stderr is sys.__stderr__],
    "locale": lambda _: [locale.setlocale(locale.LC_ALL), locale.getlocale(), locale.getpreferredencoding(), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding(), locale.localeconv()["decimal_point"]],
    "zone": lambda _: [time.tzname, time.timezone, time.localtime(0)[:6]],
    "recursion": lambda _: [sys.getrecursionlimit(), sys.getswitchinterval(), gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage, len(gc.callbacks), sys.getdlopenflags(), threading.stack_size()],
    "audit": lambda _: [sys.is_finalizing(), sys.intern("x") is sys.intern("x"), hasattr(sys, "ps1"), hasattr(sys, "last_type"), sys.exc_info()[0]],
    "stack": lambda _: sys._getframe().f_back.f_back.f_back.f_back is None,
    "file of the code": lambda main: [main["main"].__code__.co_filename, main["main"].__module__, main["Kept"].__module__],
    "warnings": lambda _: [[repr(f[:1]) + f[2].__name__ + f[3] + str(f[4]) for f in warnings.filters], warnings.defaultaction],
    "logging": handlers,
    "hooks": hooks,
    "threads": threads,
    "site": lambda _: [sorted(k for k in __builtins__ if not k.startswith("_")) if isinstance(__builtins__, dict) else sorted(vars(__builtins__)), site.ENABLE_USER_SITE, site.PREFIXES, repr(exit)],
    "subprocess.run": run_function,
    "temporary files": lambda _: [tempfile.tempdir, tempfile.gettempdir()],
    "ages": ages,
    "chance": chance,
    "framework": framework,
    "own library": own_library,
    "parent": parent,
    "children": lambda _: os.path.exists("/proc/self/task/%d/children" % os.getpid()) and open("/proc/self/task/%d/children" % os.getpid()).read(),
    "sockets": lambda _: __import__("socket").getdefaulttimeout(),
    "faults": lambda _: [__import__("faulthandler").is_enabled(), __import__("tracemalloc").is_tracing()],
    "directories of modules": lambda _: [p for p in sys.path if not os.path.isabs(p)],
}
