"""The environment of a hook, as Juju sets it."""

from __future__ import annotations

import logging

from ._relations import PeerRelation

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pathlib
    from typing import Any

    from ._context import Context
    from ._events import Event
    from ._state import State

logger = logging.getLogger('ops-scenario.environment')


def environment(state: State, event: Event, context: Context[Any], root: pathlib.Path) -> dict[str, str]:
    """The variables for an event."""
    if not context.app_name:
        raise ValueError('cannot run a charm without a name: neither its metadata nor Context has one')
    given = {
        'JUJU_VERSION': context.juju_version,
        'JUJU_UNIT_NAME': '%s/%d' % (context.app_name, context.unit_id),
        'JUJU_MODEL_NAME': state.model.name,
        'JUJU_MODEL_UUID': state.model.uuid,
        'JUJU_CHARM_DIR': str(root.absolute()),
        'JUJU_MACHINE_ID': context._machine_id,
        'JUJU_AVAILABILITY_ZONE': context._availability_zone,
        'JUJU_PRINCIPAL_UNIT': context._principal_unit,
    }
    out = {name: value for name, value in given.items() if value is not None}
    out.update(_hook(event))
    if event.kind == 'relation' and event.relation is not None:
        out.update(_relation(event, context))
    if event.container is not None:
        out['JUJU_WORKLOAD_NAME'] = event.container.name
    if event.notice is not None:
        out['JUJU_NOTICE_ID'] = event.notice.id
        out['JUJU_NOTICE_TYPE'] = event.notice._type_name
        out['JUJU_NOTICE_KEY'] = event.notice.key
    if event.check_info is not None:
        out['JUJU_PEBBLE_CHECK_NAME'] = event.check_info.name
    if event.storage is not None:
        out['JUJU_STORAGE_ID'] = '%s/%d' % (event.storage.name, event.storage.index)
    if event.secret is not None:
        out['JUJU_SECRET_ID'] = event.secret.id
        out['JUJU_SECRET_LABEL'] = event.secret.label or ''
        if event.secret_revision is not None:
            out['JUJU_SECRET_REVISION'] = str(event.secret_revision)
    return out


def _hook(event: Event) -> dict[str, str]:
    action = event.action
    if event.kind != 'action' or action is None:
        return {'JUJU_DISPATCH_PATH': 'hooks/' + event.hook, 'JUJU_HOOK_NAME': event.hook}
    return {
        'JUJU_DISPATCH_PATH': 'actions/' + action.name,
        'JUJU_HOOK_NAME': '',
        'JUJU_ACTION_NAME': action.name,
        'JUJU_ACTION_UUID': action.id,
        'JUJU_ACTION_TAG': 'action-' + action.id,
    }


def _relation(event: Event, context: Context[Any]) -> dict[str, str]:
    relation: Any = event.relation
    app = context.app_name if isinstance(relation, PeerRelation) else relation.remote_app_name
    out = {
        'JUJU_RELATION': relation.endpoint,
        'JUJU_RELATION_ID': '%s:%d' % (relation.endpoint, relation.id),
        'JUJU_REMOTE_APP': app,
    }
    unit = event.relation_remote_unit_id
    if unit is None and not event.name.endswith(('_created', '_broken')):
        units = relation._remote_unit_ids
        unit = units[0] if units else None
        if len(units) > 1:
            logger.warning('%s does not say of which unit it is: it is of unit %s', event.name, unit)
    if unit is None:
        return out
    out['JUJU_REMOTE_UNIT'] = '%s/%d' % (app, unit)
    if event.name.endswith('_relation_departed'):
        leaving = event.relation_departed_unit_id
        out['JUJU_DEPARTING_UNIT'] = '%s/%d' % (app, unit if leaving is None else leaving)
    return out
