"""What Juju version, or what it stands for, the charm talks to."""

from __future__ import annotations

import re

_FORM = re.compile(r'(\d{1,9})\.(\d{1,9})(?:(?:\.|-([a-z]+))(\d{1,9}))?(?:\.(\d{1,9}))?\Z')


class JujuVersion:
    """A version as `3.6.14`, `4.0-beta2` or `3.5.1.7`; versions, and texts that are versions, compare.

    Raises:
        RuntimeError: when a text is no version.
    """

    major: int
    minor: int
    tag: str
    """The word of a pre-release, as `beta`; empty for a release."""
    patch: int
    build: int

    def __init__(self, version: str):
        found = _FORM.match(version)
        if found is None:
            raise RuntimeError(f'"{version}" is not a valid Juju version string: it should look like 3.6.14')
        major, minor, tag, patch, build = found.groups()
        self.major, self.minor, self.tag = int(major), int(minor), tag or ''
        self.patch, self.build = int(patch or 0), int(build or 0)

    def __repr__(self) -> str:
        joint = f'-{self.tag}' if self.tag else '.'
        text = f'{self.major}.{self.minor}{joint}{self.patch}'
        return f'{text}.{self.build}' if self.build else text

    def _order(self) -> tuple[int, int, bool, str, int, int]:
        return self.major, self.minor, not self.tag, self.tag, self.patch, self.build

    def _other(self, other: str | JujuVersion) -> tuple[int, int, bool, str, int, int]:
        if isinstance(other, str):
            other = JujuVersion(other)
        if not isinstance(other, JujuVersion):
            raise RuntimeError(f'cannot compare Juju version {self} with a {type(other).__name__}')
        return other._order()

    def __hash__(self) -> int:
        return hash(self._order())

    def __eq__(self, other: object) -> bool:
        return self._order() == self._other(other)  # type: ignore[arg-type]

    def __lt__(self, other: str | JujuVersion) -> bool:
        return self._order() < self._other(other)

    def __le__(self, other: str | JujuVersion) -> bool:
        return self._order() <= self._other(other)

    def __gt__(self, other: str | JujuVersion) -> bool:
        return self._order() > self._other(other)

    def __ge__(self, other: str | JujuVersion) -> bool:
        return self._order() >= self._other(other)

    @classmethod
    def from_environ(cls) -> JujuVersion:
        """The version in JUJU_VERSION, or 0.0.0. Deprecated: ask `self.model.juju_version`."""
        import os
        import warnings

        warnings.warn(
            'JujuVersion.from_environ() is deprecated: ask model.juju_version', DeprecationWarning, stacklevel=2
        )
        return cls(os.environ.get('JUJU_VERSION', '0.0.0'))

    def _since(self, major: int, minor: int, patch: int) -> bool:
        return (self.major, self.minor, self.patch) >= (major, minor, patch)

    def has_app_data(self) -> bool:
        """Whether relations carry data of applications."""
        return self._since(2, 7, 0)

    def is_dispatch_aware(self) -> bool:
        """Whether charms are started by their `dispatch`."""
        return self._since(2, 8, 0)

    def has_controller_storage(self) -> bool:
        """Whether state-get and its like are there."""
        return self._since(2, 8, 0)

    @property
    def has_secrets(self) -> bool:
        """Whether there are secrets."""
        return self._since(3, 0, 3)

    @property
    def supports_open_port_on_k8s(self) -> bool:
        """Whether open-port works on Kubernetes."""
        return self._since(3, 0, 3)

    @property
    def supports_exec_service_context(self) -> bool:
        """Whether `Container.exec` takes a service's context."""
        return self._since(3, 1, 6) and (self.major, self.minor, self.patch) != (3, 2, 0)

    @property
    def supports_pebble_log_forwarding(self) -> bool:
        """Whether the supervisor forwards logs."""
        return self._since(3, 4, 0)

    @property
    def supports_pebble_identities(self) -> bool:
        """Whether the supervisor has identities."""
        return self._since(3, 6, 4)

    @property
    def supports_pebble_metrics(self) -> bool:
        """Whether the supervisor has metrics."""
        return self._since(3, 6, 4)
