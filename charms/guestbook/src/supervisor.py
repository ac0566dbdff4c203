"""The supervisor of a container over its socket: as much of its API as this charm uses."""

import http.client
import json
import socket


class SupervisorError(Exception):
    """The supervisor refused a request."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Container:
    """One container of the unit."""

    def __init__(self, name):
        self._path = f"/charm/containers/{name}/pebble.socket"

    def _request(self, method, path, body=None):
        connection = _Connection(self._path)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if answer["type"] == "error":
            raise SupervisorError(answer["result"]["message"])
        return answer

    def up(self):
        """Say whether the supervisor answers."""
        try:
            self._request("GET", "/v1/system-info")
        except OSError:
            return False
        return True

    def add_layer(self, label, layer):
        """Add a layer, or merge it into the one of that label. JSON is YAML."""
        self._request("POST", "/v1/layers", {
            "action": "add", "combine": True, "label": label, "format": "yaml", "layer": json.dumps(layer)})

    def replan(self):
        """Start what should run and restart exactly what changed; wait for it."""
        change = self._request("POST", "/v1/services", {"action": "replan"})["change"]
        done = self._request("GET", f"/v1/changes/{change}/wait?timeout=25s")["result"]
        if done.get("err"):
            raise SupervisorError(done["err"])

    def running(self, service):
        """Say whether a service is active."""
        found = self._request("GET", f"/v1/services?names={service}")["result"]
        return any(s["current"] == "active" for s in found)

    def signal(self, name, service):
        """Send a signal to a service."""
        self._request("POST", "/v1/signals", {"signal": name, "services": [service]})

    def stop(self, service):
        """Stop a service and wait for it."""
        change = self._request("POST", "/v1/services", {"action": "stop", "services": [service]})["change"]
        self._request("GET", f"/v1/changes/{change}/wait?timeout=25s")
