"""Requests through an opener of `urllib.request` that the caller has made."""

from __future__ import annotations

import urllib.error
import urllib.request

from ._errors import ConnectionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._client import Client


def open_with(client: Client, method: str, target: str, headers: dict[str, str], data: Any) -> Any:
    """The answer to a request, as `urllib.request` gives it; the exceptions are those of this package."""
    from ._client import refusal

    url = client.base_url + target
    request = urllib.request.Request(url, method=method, data=data, headers=headers)
    try:
        return client.opener.open(request, timeout=client.timeout)
    except urllib.error.HTTPError as e:
        with e:
            raise refusal(e.read(), e.code, str(e.reason)) from None
    except urllib.error.URLError as e:
        raise ConnectionError('Could not connect to Pebble: %s' % e.reason) from e
