"""The client of the supervisor's API."""

from __future__ import annotations

import builtins
import json
import time

from . import _http
from ._enums import ChangeState, NoticeType, WarningState
from ._errors import APIError, ChangeError, ConnectionError, ProtocolError, TimeoutError
from ._files import Files
from ._layers import Layer, Plan
from ._notices import Identity, Notice
from ._times import format_duration
from ._values import Change, ChangeID, CheckInfo, ServiceInfo, SystemInfo, Warning

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import Any, Iterable, Mapping

    from ._dicts import IdentityDict, LayerDict
    from ._enums import CheckLevel, NoticesUsers


def names_of(what: str, names: Any) -> list[str]:
    """A list of names; a single string is taken for the mistake that it nearly always is."""
    if isinstance(names, (str, bytes)) or not hasattr(names, '__iter__'):
        raise TypeError('%ss must be of type Iterable[str], not %s' % (what, type(names).__name__))
    out = list(names)
    for name in out:
        if not isinstance(name, str):
            raise TypeError('%s names must be str, not %s' % (what, type(name).__name__))
    return out


class Client(Files):
    """Talks to one supervisor over its unix socket; a connection is made for each call.

    Whatever cannot reach the supervisor raises ConnectionError, what it refuses APIError. What waits for a change
    raises ChangeError if that ended in an error, and TimeoutError if it has not ended in time.

    The timeout is for how long the supervisor may be silent, in seconds. It says nothing about how long services or
    commands may take.
    """

    def __init__(
        self,
        socket_path: str,
        opener: Any = None,
        base_url: str = 'http://localhost',
        timeout: float = 5.0,
    ):
        """A client of the socket at socket_path. An opener of `urllib.request`, if given, is used for all but exec."""
        if not isinstance(socket_path, str):
            raise TypeError('socket_path must be a str, not %s' % type(socket_path).__name__)
        self.socket_path = socket_path
        self.opener = opener
        self.base_url = base_url
        self.timeout = timeout

    def __repr__(self) -> str:
        return 'Client(%r)' % self.socket_path

    # -- requests

    def _request(self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        """A request with a JSON body (None for no body), and the answer's JSON."""
        headers = {'Accept': 'application/json'}
        data = None
        if body is not None:
            headers['Content-Type'] = 'application/json'
            data = json.dumps(body).encode()
        return self._json(self._request_raw(method, path, query, headers, data))

    def _json(self, response: Any) -> Any:
        try:
            kind, _ = _http.content_type(response.headers)
            if kind != 'application/json':
                raise ProtocolError("expected Content-Type 'application/json', got %r" % kind)
            return json.loads(response.read())
        except ValueError as e:
            raise ProtocolError('the supervisor answered with bad JSON: %s' % e) from e
        finally:
            _http.close(response)

    def _request_raw(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        data: Any = None,
    ) -> Any:
        """A request, and the answer with its body unread. An answer of refusal raises APIError."""
        target = path + _http.query_text(query)
        if self.opener is not None:
            from ._opener import open_with

            return open_with(self, method, target, headers or {}, data)
        response = _http.request(self.socket_path, self.timeout, method, target, headers or {}, data)
        if response.code < 400:
            return response
        with response:
            raise refusal(response.read(), response.code, response.reason)

    # -- the supervisor, changes

    def get_system_info(self) -> SystemInfo:
        """What the supervisor says of itself."""
        return SystemInfo.from_dict(self._request('GET', '/v1/system-info')['result'])

    def get_warnings(self, select: WarningState = WarningState.PENDING) -> list[Warning]:
        """The warnings. Supervisors of today have none and do not know this request."""
        answer = self._request('GET', '/v1/warnings', {'select': select.value})
        return [Warning.from_dict(w) for w in answer['result'] or ()]

    def ack_warnings(self, timestamp: datetime.datetime) -> int:
        """Says that the warnings up to a time have been seen; how many they were."""
        body = {'action': 'okay', 'timestamp': timestamp.isoformat()}
        return int(self._request('POST', '/v1/warnings', body=body)['result'])

    def get_changes(self, select: ChangeState = ChangeState.IN_PROGRESS, service: str | None = None) -> list[Change]:
        """The changes in a state, of one service or of all."""
        query = {'select': select.value}
        if service is not None:
            query['for'] = service
        return [Change.from_dict(c) for c in self._request('GET', '/v1/changes', query)['result'] or ()]

    def get_change(self, change_id: ChangeID) -> Change:
        """The change of an id."""
        return Change.from_dict(self._request('GET', '/v1/changes/%s' % change_id)['result'])

    def abort_change(self, change_id: ChangeID) -> Change:
        """Stops a change that is not ready yet."""
        answer = self._request('POST', '/v1/changes/%s' % change_id, body={'action': 'abort'})
        return Change.from_dict(answer['result'])

    def wait_change(self, change_id: ChangeID, timeout: float | None = 30.0, delay: float = 0.1) -> Change:
        """Waits until a change is ready, which it may also be with an error.

        Raises TimeoutError after timeout seconds; None is for ever. A supervisor that cannot wait for us is asked
        again every delay seconds.
        """
        end = None if timeout is None else time.monotonic() + timeout
        waits = True
        while True:
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError('timed out waiting for change %s (%s seconds)' % (change_id, timeout))
            if waits:
                try:
                    return self._wait_once(change_id, left)
                except APIError as e:
                    if e.code not in (404, 504):
                        raise
                    waits = e.code == 504
                    continue
                except builtins.TimeoutError:
                    continue  # it was silent for too long; it may still be busy with the change
            change = self.get_change(change_id)
            if change.ready:
                return change
            time.sleep(delay)

    def _wait_once(self, change_id: ChangeID, left: float | None) -> Change:
        """Waits at the supervisor, but for so long that the connection looks dead."""
        most = max(self.timeout - 1, 1)
        query = {'timeout': format_duration(most if left is None else min(left, most))}
        return Change.from_dict(self._request('GET', '/v1/changes/%s/wait' % change_id, query)['result'])

    # -- services and layers

    def autostart_services(self, timeout: float = 30.0, delay: float = 0.1) -> ChangeID:
        """Starts the services that are to start by themselves; timeout and delay are as of `start_services`."""
        return self._services_action('autostart', [], timeout, delay)

    def replan_services(self, timeout: float = 30.0, delay: float = 0.1) -> ChangeID:
        """Restarts the services whose configuration has changed, and starts what is to start by itself."""
        return self._services_action('replan', [], timeout, delay)

    def start_services(self, services: Iterable[str], timeout: float = 30.0, delay: float = 0.1) -> ChangeID:
        """Starts services and waits until they run, for at most timeout seconds; with a timeout of 0 it only asks.

        Raises ChangeError if one did not start, TimeoutError if the time was over before.
        """
        return self._services_action('start', services, timeout, delay)

    def stop_services(self, services: Iterable[str], timeout: float = 30.0, delay: float = 0.1) -> ChangeID:
        """Stops services and waits until they have ended; timeout and delay are as of `start_services`."""
        return self._services_action('stop', services, timeout, delay)

    def restart_services(self, services: Iterable[str], timeout: float = 30.0, delay: float = 0.1) -> ChangeID:
        """Stops what of the services runs and starts them all; timeout and delay are as of `start_services`."""
        return self._services_action('restart', services, timeout, delay)

    def _services_action(self, action: str, services: Iterable[str], timeout: float | None, delay: float) -> ChangeID:
        body = {'action': action, 'services': names_of('service', services)}
        change_id = ChangeID(self._request('POST', '/v1/services', body=body)['change'])
        if timeout:
            change = self.wait_change(change_id, timeout=timeout, delay=delay)
            if change.err:
                raise ChangeError(change.err, change)
        return change_id

    def get_services(self, names: Iterable[str] | None = None) -> list[ServiceInfo]:
        """What services are doing: the named ones that are in the plan, or all."""
        query = None if names is None else {'names': ','.join(names)}
        return [ServiceInfo.from_dict(s) for s in self._request('GET', '/v1/services', query)['result'] or ()]

    def send_signal(self, sig: int | str, services: Iterable[str]) -> None:
        """Sends a signal, given by number or by a name like "SIGHUP", to the processes of running services."""
        from ._exec import signal_name

        named = names_of('service', services)
        self._request('POST', '/v1/signals', body={'signal': signal_name(sig), 'services': named})

    def add_layer(self, label: str, layer: str | LayerDict | Layer, *, combine: bool = False) -> None:
        """Adds a layer to the top of the plan. It starts nothing: `replan_services` does.

        With combine, a layer of that label that is there already is merged with this one, as the `override` of each
        entry says.
        """
        if not isinstance(label, str):
            raise TypeError('label must be a str, not %s' % type(label).__name__)
        if isinstance(layer, dict):
            layer = Layer(layer)
        if not isinstance(layer, (str, Layer)):
            raise TypeError('layer must be str, dict, or pebble.Layer, not %s' % type(layer).__name__)
        text = layer if isinstance(layer, str) else layer.to_yaml()
        body = {'action': 'add', 'combine': combine, 'label': label, 'format': 'yaml', 'layer': text}
        self._request('POST', '/v1/layers', body=body)

    def get_plan(self) -> Plan:
        """All layers as they combine."""
        return Plan(self._request('GET', '/v1/plan', {'format': 'yaml'})['result'])

    # -- checks, notices, identities

    def get_checks(self, level: CheckLevel | None = None, names: Iterable[str] | None = None) -> list[CheckInfo]:
        """What checks found: those of a level, and of some names, or all."""
        query: dict[str, Any] = {}
        if level is not None:
            query['level'] = level.value
        if names:
            query['names'] = list(names)
        return [CheckInfo.from_dict(c) for c in self._request('GET', '/v1/checks', query)['result'] or ()]

    def start_checks(self, checks: Iterable[str]) -> list[str]:
        """Starts checks; the names of those that were not running."""
        return self._checks_action('start', checks)

    def stop_checks(self, checks: Iterable[str]) -> list[str]:
        """Stops checks; the names of those that were running."""
        return self._checks_action('stop', checks)

    def _checks_action(self, action: str, checks: Iterable[str]) -> list[str]:
        body = {'action': action, 'checks': names_of('check', checks)}
        return list(self._request('POST', '/v1/checks', body=body)['result']['changed'] or ())

    def refresh_check(self, name: str) -> tuple[CheckInfo, str | None]:
        """Runs a check now: what it found, and the error if it failed."""
        result = self._request('POST', '/v1/checks/refresh', body={'name': name})['result']
        return CheckInfo.from_dict(result['info']), result.get('error')

    def notify(
        self,
        type: NoticeType,
        key: str,
        *,
        data: dict[str, str] | None = None,
        repeat_after: datetime.timedelta | None = None,
    ) -> str:
        """Records that something happened, under a key like "example.com/path"; the id of the notice.

        Supervisors take custom notices only. Within repeat_after of being told, the notice is counted but not told
        again.
        """
        body: dict[str, Any] = {'action': 'add', 'type': type.value, 'key': key}
        if data is not None:
            body['data'] = data
        if repeat_after is not None:
            body['repeat-after'] = format_duration(repeat_after.total_seconds())
        return str(self._request('POST', '/v1/notices', body=body)['result']['id'])

    def get_notice(self, id: str) -> Notice:
        """The notice of an id; an APIError of code 404 if there is none."""
        return Notice.from_dict(self._request('GET', '/v1/notices/%s' % id)['result'])

    def get_notices(
        self,
        *,
        users: NoticesUsers | None = None,
        user_id: int | None = None,
        types: Iterable[NoticeType | str] | None = None,
        keys: Iterable[str] | None = None,
    ) -> list[Notice]:
        """The notices that match all that is given; without anything, the caller's own and those of everybody.

        Administrators may ask for the notices of a user, or of all users.
        """
        query: dict[str, Any] = {}
        if users is not None:
            query['users'] = users.value
        if user_id is not None:
            query['user-id'] = str(user_id)
        if types is not None:
            query['types'] = [t.value if isinstance(t, NoticeType) else t for t in types]
        if keys is not None:
            query['keys'] = list(keys)
        return [Notice.from_dict(n) for n in self._request('GET', '/v1/notices', query)['result'] or ()]

    def get_identities(self) -> dict[str, Identity]:
        """The identities by name."""
        result = self._request('GET', '/v1/identities')['result'] or {}
        return {name: Identity.from_dict(d) for name, d in result.items()}

    def replace_identities(self, identities: Mapping[str, IdentityDict | Identity | None]) -> None:
        """Sets identities by name, new or not; one that is None is removed."""
        raw = {name: i.to_dict() if isinstance(i, Identity) else i for name, i in identities.items()}
        self._request('POST', '/v1/identities', body={'action': 'replace', 'identities': raw})

    def remove_identities(self, identities: Iterable[str]) -> None:
        """Removes identities, all of which must be there."""
        raw = {name: None for name in identities}
        self._request('POST', '/v1/identities', body={'action': 'remove', 'identities': raw})


def refusal(content: bytes, code: int, reason: str) -> APIError:
    """A refusal as an exception, whatever its body is."""
    try:
        body = json.loads(content)
        message = body['result']['message']
    except (ValueError, KeyError, TypeError) as e:
        return APIError({}, code, reason, '%s - %s' % (type(e).__name__, e))
    return APIError(body, code, reason, message)
