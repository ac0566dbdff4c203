"""The model as a charm sees it."""

from . import relation, status, tools
from .config import Config


class Model:
    """Reads by hook tools, and writes by them."""

    def __init__(self, context):
        self.context, self.config = context, Config()
        self.unit = relation.Unit(context.unit_name, context.unit_name.partition("/")[0])

    def relations(self, endpoint):
        """Give the ids of an endpoint's relations."""
        return tools.run("relation-ids", endpoint, "--format=json")

    def members(self, identity):
        """Give the remote units."""
        return tools.run("relation-list", "--format=json", "-r", identity)

    def databag(self, identity, owner):
        """Give what a unit says."""
        return relation.Databag(owner, tools.run("relation-get", "--format=json", "-r", identity, "-", owner))

    def publish(self, identity, values):
        """Say something."""
        tools.run("relation-set", "-r", identity, "--file", "-", text=repr(values), decode=False)

    def set_status(self, to: status.Status):
        """Set the unit's status."""
        tools.tell("status-set", "--application=False", to.name, "--", to.message)

    def is_leader(self):
        """Say whether this unit leads."""
        return tools.run("is-leader", "--format=json")
