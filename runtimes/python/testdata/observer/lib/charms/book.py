"""A library of the charm: what it computes when it is imported belongs to one event."""

import os

UNIT = os.environ["JUJU_UNIT_NAME"]
EVENT = os.environ["JUJU_DISPATCH_PATH"]
pages = []
