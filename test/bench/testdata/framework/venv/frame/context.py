"""What the agent says of the event, in the environment."""

import dataclasses
import os
import pathlib
import typing


@dataclasses.dataclass(frozen=True)
class Context:
    """The environment, read once."""

    dispatch_path: str = ""
    hook_name: str = ""
    unit_name: str = ""
    model_name: str = ""
    model_uuid: str = ""
    version: str = ""
    charm_dir: pathlib.Path = pathlib.Path(".")
    machine_id: typing.Optional[str] = None
    availability_zone: typing.Optional[str] = None
    principal_unit: typing.Optional[str] = None
    relation: typing.Optional[str] = None
    relation_id: typing.Optional[int] = None
    remote_app: typing.Optional[str] = None
    remote_unit: typing.Optional[str] = None
    departing_unit: typing.Optional[str] = None
    workload_name: typing.Optional[str] = None
    notice_id: typing.Optional[str] = None
    notice_type: typing.Optional[str] = None
    notice_key: typing.Optional[str] = None
    secret_id: typing.Optional[str] = None
    secret_label: typing.Optional[str] = None
    secret_revision: typing.Optional[int] = None
    storage_id: typing.Optional[str] = None
    action_name: typing.Optional[str] = None
    action_uuid: typing.Optional[str] = None
    debug: bool = False
    debug_at: typing.FrozenSet[str] = frozenset()

    @classmethod
    def read(cls, env=os.environ):
        """Read it; what is empty is not there."""
        def get(name):
            return env.get("JUJU_" + name) or None

        values = {f.name: get(f.name.upper()) for f in dataclasses.fields(cls) if f.name not in ("charm_dir", "debug", "debug_at", "relation_id", "secret_revision")}
        values = {k: v for k, v in values.items() if v is not None}
        if get("RELATION_ID"):
            values["relation_id"] = int(get("RELATION_ID").rpartition(":")[2])
        if get("SECRET_REVISION"):
            values["secret_revision"] = int(get("SECRET_REVISION"))
        return cls(charm_dir=pathlib.Path(get("CHARM_DIR") or "."), debug="JUJU_DEBUG" in env, debug_at=frozenset((get("DEBUG_AT") or "").split(",")), **values)

    @property
    def event(self):
        """The event's name."""
        kind, _, name = self.dispatch_path.rpartition("/")
        return name.replace("-", "_") + ("_action" if kind.endswith("actions") else "")
