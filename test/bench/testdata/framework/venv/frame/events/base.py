"""What all events have."""

import dataclasses


@dataclasses.dataclass
class Event:
    """Something that happened."""

    name: str
    deferred: bool = False

    def defer(self):
        """Be told again."""
        self.deferred = True


def finder(kinds):
    """Give a function that finds the class of a name."""
    return lambda name: next((k for suffix, k in kinds.items() if name == suffix or name.endswith("_" + suffix)), None)
