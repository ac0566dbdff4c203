"""A framework for charms in small: it imports what the framework of most charms imports, and does its work the same way."""

from . import (actions, charm, checks, config, context, errors, framework, handle, layers, log, model, network, notices, pebble, ports, relation,
               resources, secrets, status, storage, stored, tracing, version, yaml)
from . import events
from .charm import Charm
from .main import main

__all__ = ["Charm", "actions", "charm", "checks", "config", "context", "errors", "events", "framework", "handle", "layers", "log", "main", "model",
           "network", "notices", "pebble", "ports", "relation", "resources", "secrets", "status", "storage", "stored", "tracing", "version", "yaml"]
