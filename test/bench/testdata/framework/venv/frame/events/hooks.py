"""The life of a unit."""

import dataclasses
import typing

from . import base


@dataclasses.dataclass
class Install(base.Event):
    """Install."""

    observed: bool = True


@dataclasses.dataclass
class Start(base.Event):
    """Start."""

    observed: bool = True


@dataclasses.dataclass
class Stop(base.Event):
    """Stop."""

    observed: bool = True


@dataclasses.dataclass
class Remove(base.Event):
    """Remove."""

    observed: bool = True


@dataclasses.dataclass
class ConfigChanged(base.Event):
    """Config changed."""

    observed: bool = True


@dataclasses.dataclass
class UpdateStatus(base.Event):
    """Update status."""

    observed: bool = True


@dataclasses.dataclass
class UpgradeCharm(base.Event):
    """Upgrade charm."""

    observed: bool = True


@dataclasses.dataclass
class LeaderElected(base.Event):
    """Leader elected."""

    observed: bool = True


@dataclasses.dataclass
class PreSeriesUpgrade(base.Event):
    """Pre series upgrade."""

    observed: bool = True


@dataclasses.dataclass
class PostSeriesUpgrade(base.Event):
    """Post series upgrade."""

    observed: bool = True


KINDS = {"install": Install, "start": Start, "stop": Stop, "remove": Remove, "config_changed": ConfigChanged, "update_status": UpdateStatus, "upgrade_charm": UpgradeCharm, "leader_elected": LeaderElected, "pre_series_upgrade": PreSeriesUpgrade, "post_series_upgrade": PostSeriesUpgrade}
find = base.finder(KINDS)
