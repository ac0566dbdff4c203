"""How an event ends: what the interpreter does at its end, done in a child that must keep the libraries."""

import atexit
import gc
import io
import os
import signal
import sys
import threading
import types
import weakref

INTERRUPTED = 130  # by SIGINT


def asked(e):
    """Give the exit code that a SystemExit asks for."""
    if e.code is None or isinstance(e.code, int):
        return (e.code or 0) & 0xFF if -(1 << 63) <= (e.code or 0) < 1 << 63 else 0xFF
    say(str(e.code) + "\n")
    return 1


def uncaught(e):
    """Show an exception by the hook, as the interpreter does when there is none or when it fails; give the exit code."""
    hook = getattr(sys, "excepthook", None)
    try:
        if hook is None:
            say("sys.excepthook is missing\n")
            sys.__excepthook__(type(e), e, e.__traceback__)
        else:
            hook(type(e), e, e.__traceback__)
    except BaseException as failure:
        other = failure.with_traceback(failure.__traceback__.tb_next)
    else:
        other = None
    if isinstance(other, SystemExit):
        return asked(other)
    if other is not None:
        say("Error in sys.excepthook:\n")
        sys.__excepthook__(type(other), other, other.__traceback__)
        say("\nOriginal exception was:\n")
        sys.__excepthook__(type(e), e, e.__traceback__)
    return INTERRUPTED if isinstance(e, KeyboardInterrupt) else 1


def say(text):
    """Write to where errors go."""
    try:
        stream = getattr(sys, "stderr", None)
        if stream is None:
            os.write(2, text.encode(errors="backslashreplace"))
        else:
            stream.write(text)
    except Exception:
        pass


def leave(code, names, streams):
    """Do what an interpreter does at its end, but for the libraries, which hold nothing of the event."""
    for step in (threading._shutdown, atexit._run_exitfuncs):
        try:
            step()
        except BaseException as e:  # of a thread's end, or in old interpreters the last of the functions'
            ignored(e, step)
    if not flush() and code != INTERRUPTED:
        code = 120
    put_all()
    forget_handlers()
    modules = [weakref.ref(m) for m in (sys.modules.get(n) for n in names) if type(m) is type(sys)]
    for name in names:
        sys.modules[name] = None
    sys.last_type = sys.last_value = sys.last_traceback = None
    gc.collect()  # what only the modules held ends while what it uses is still there
    for module in reversed(modules):
        empty(module())
    gc.collect()
    for stream in streams:
        put(stream)
    return code


def forget_handlers():
    """Give signals back to the system: what handles them holds modules."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)) and not isinstance(signal.getsignal(number), signal.Handlers):
            signal.signal(number, signal.SIG_DFL)


def put_all():
    """Write what all streams still hold; what libraries have is frozen and not among them."""
    for thing in gc.get_objects():
        if isinstance(thing, (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)):
            put(thing)


def put(stream):
    """Write what a stream still holds, if it can."""
    try:
        stream.flush()
    except Exception:
        pass


def empty(module):
    """Let go of what a module holds, as the interpreter does: what is private first."""
    if module is None:
        return
    own = module.__dict__
    for private in (True, False):
        for name in list(own):
            if name != "__builtins__" and isinstance(name, str) and (name[:1] == "_" and name[1:2] != "_") is private and own[name] is not None:
                own[name] = None


def flush():
    """Write what was printed; say whether that could be done."""
    done = True
    for stream in (getattr(sys, "stdout", None), getattr(sys, "stderr", None)):
        try:
            closed = stream is None or stream.closed
        except Exception:
            closed = False
        try:
            if not closed:
                stream.flush()
        except BaseException as e:
            done = False
            if stream is getattr(sys, "stdout", None):
                ignored(e, stream)
    return done


def ignored(e, what):
    """Report an exception that nobody can catch."""
    e = e.with_traceback(None)
    hook = getattr(sys, "unraisablehook", sys.__unraisablehook__)
    try:
        if hook is sys.__unraisablehook__:
            say("Exception ignored in: %r\n" % (what,))
            import traceback

            say("".join(traceback.format_exception_only(type(e), e)))
        else:
            hook(types.SimpleNamespace(exc_type=type(e), exc_value=e, exc_traceback=None, err_msg=None, object=what))
    except BaseException:
        pass
