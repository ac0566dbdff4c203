"""Who is told of what."""

import collections
import dataclasses
import inspect
import logging
import typing

from . import events, handle, storage, tracing

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Observer:
    """A method that wants to know."""

    event: str
    method: typing.Callable


class Framework:
    """Keeps observers and tells them."""

    def __init__(self, store: storage.Storage, model):
        self.storage, self.model = store, model
        self.observers: typing.Dict[str, typing.List[Observer]] = collections.defaultdict(list)
        self.root = handle.Handle(None, "Charm")

    def observe(self, event, method):
        """Remember an observer."""
        if len(inspect.signature(method).parameters) != 1:
            raise TypeError(f"{method.__qualname__} must take the event and nothing else")
        self.observers[event].append(Observer(event, method))

    def emit(self, name):
        """Tell everybody, and remember who has not been told yet."""
        event = events.make(name)
        where = self.root.nest("on").nest(name, "1")
        for observer in self.observers[name]:
            self.storage.save(where, dataclasses.asdict(event))
            self.storage.notice(where, "Charm", observer.method.__name__)
            with tracing.span(name):
                observer.method(event)
            if not event.deferred:
                self.storage.told(where)
                self.storage.drop(where)
