"""What a charm hands to action-set and add-metric, as their arguments."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ._errors import ModelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEY = re.compile(r'[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\Z')
_METRIC = re.compile(r'[a-zA-Z](?:[a-zA-Z0-9_-]*[a-zA-Z0-9])?\Z')


def flatten(results: Mapping[str, Any], above: str = '', into: dict[str, Any] | None = None) -> dict[str, Any]:
    """Results of an action with nested keys joined by dots.

    Raises:
        ValueError: for a key that the model does not take, or one that is there twice.
    """
    flat: dict[str, Any] = {} if into is None else into
    for key, value in results.items():
        if not isinstance(key, str):
            raise ValueError(f'invalid key {key!r}; must be a string')
        if not _KEY.match(key):
            raise ValueError(f'key {key!r} is invalid: lower-case letters, digits, dashes and dots, as in some.key-2')
        path = f'{above}.{key}' if above else key
        if isinstance(value, Mapping):
            flatten(value, path, flat)
        elif path in flat:
            raise ValueError(f'duplicate key detected among the results of the action: {path!r}')
        else:
            flat[path] = value
    return flat


def metric_arguments(metrics: Mapping[str, int | float], labels: Mapping[str, str]) -> list[str]:
    """The arguments of add-metric.

    Raises:
        ModelError: for a name or a value that a metric cannot have.
    """
    for name in [*labels, *metrics]:
        if not _METRIC.match(name):
            raise ModelError(f'invalid metric key or label name {name!r}: must match {_METRIC.pattern}')
    for name, value in labels.items():
        if not value or re.search('[,=]', str(value)):
            raise ModelError(f'metric label {name} cannot be {value!r}: it must not be empty nor hold a comma or "="')
    for name, value in metrics.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
            raise ModelError(f'invalid metric value {value!r} provided: must be a positive finite float')
    args = ['--labels', ','.join(f'{k}={v}' for k, v in labels.items())] if labels else []
    return args + [f'{name}={value}' for name, value in metrics.items()]
