"""The hook tools over a world. They take the arguments that charms give, and answer as Juju's do.

Everything that a charm can say to Juju comes by here, through the model or through `ops.hookcmds`.
"""

from __future__ import annotations

import json
import logging

import ops

from .. import _tools
from ._machine_secrets import SecretTools
from .errors import ActionMissingFromContextError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ._world import Link, World

logger = logging.getLogger('ops-scenario.tools')

_SETTABLE = ('active', 'blocked', 'maintenance', 'waiting')
# The flags that take a value; all others are switches. One-letter flags and long ones mean the same.
_WITH_VALUE = frozenset('r relation file s log-level owner label description expire rotate unit revision k8s-resources labels'.split())  # fmt: skip


class Call:
    """One call of a tool, taken apart: flags may stand anywhere, `--` ends them."""

    def __init__(self, tool: str, args: tuple[str, ...], stdin: str | None, content: dict[str, str] | None):
        self.tool = tool
        self.args = args
        self.stdin = stdin
        self.content = content
        self.flags: dict[str, str] = {}
        self.words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == '--':
                self.words.extend(rest)
            elif arg == '-' or not arg.startswith('-'):
                self.words.append(arg)
            else:
                name, equals, value = arg.lstrip('-').partition('=')
                self.flags[name] = value if equals else next(rest, '') if name in _WITH_VALUE else 'true'

    def on(self, flag: str) -> bool:
        """Whether a switch is on."""
        return self.flags.get(flag, 'false').lower() == 'true'

    def fail(self, message: str, code: int = 1) -> NoReturn:
        """Ends the call as a tool does."""
        raise _tools.Error(returncode=code, cmd=[self.tool, *self.args], stderr='ERROR %s\n' % message)

    def word(self) -> str | None:
        """The first word."""
        return self.words[0] if self.words else None


class Machine(SecretTools):
    """Runs tools; `run` is what `ops._tools.run` is outside of tests."""

    def __init__(self, world: World):
        self.world = world

    def run(
        self, tool: str, *args: str, stdin: str | None = None, content: dict[str, str] | None = None
    ) -> str:
        """The output of a tool. It fails with `_tools.Error`."""
        call = Call(tool, args, stdin, content)
        handler = getattr(self, '_' + tool.replace('-', '_'), None)
        if handler is None:
            raise NotImplementedError('%s is not there in tests' % tool)
        answer = handler(call)
        if call.flags.get('format') == 'json':
            return json.dumps(answer) + '\n'
        if answer is None:
            return ''
        return answer + '\n' if isinstance(answer, str) else json.dumps(answer) + '\n'

    # Relations.

    def _link(self, call: Call) -> Link:
        text = call.flags.get('r') or call.flags.get('relation') or ''
        endpoint, _, number = text.rpartition(':')
        found = self.world.link(int(number), endpoint or None) if number.lstrip('-').isdigit() else None
        if found is None:
            call.fail('invalid value "%s" for option -r: relation not found' % text, 2)
        return found

    def _relation_ids(self, call: Call) -> list[str]:
        links = sorted(self.world.links.values(), key=lambda link: link.id)
        return ['%s:%d' % (link.endpoint, link.id) for link in links if link.endpoint == call.word()]

    def _relation_list(self, call: Call) -> Any:
        link = self._link(call)
        return link.app if call.on('app') else [unit for unit in link.units if unit != self.world.unit]

    def _relation_get(self, call: Call) -> Any:
        link = self._link(call)
        key = call.word() or '-'
        member = call.words[1] if len(call.words) > 1 else self.world.unit
        if call.on('app'):
            member = member.partition('/')[0]
        if member not in link.bags:
            call.fail('cannot read relation settings: unit "%s": settings not found' % member)
        bag = link.bags[member]
        return dict(bag) if key == '-' else bag.get(key)

    def _relation_set(self, call: Call) -> None:
        link = self._link(call)
        data: dict[str, Any] = {}
        for word in call.words:
            data[word.partition('=')[0]] = word.partition('=')[2]
        if call.flags.get('file') == '-':
            data.update(json.loads(call.stdin or '{}'))
        member = self.world.unit
        if call.on('app'):
            member = self.world.app
            if not self.world.leader:
                call.fail('cannot write relation settings')
        bag = link.bags.setdefault(member, {})
        for key, value in data.items():
            if value == '':
                bag.pop(key, None)
            else:
                bag[key] = value

    def _relation_model_get(self, call: Call) -> dict[str, Any]:
        if self.world.juju < '3.6.2':
            call.fail('relation-model-get is only available on Juju >= 3.6.2')
        return {'uuid': self._link(call).model_uuid or self.world.model_uuid}

    def _network_get(self, call: Call) -> dict[str, Any]:
        name, meta = call.word() or '', self.world.endpoint(call.word() or '')
        extra = self.world.spec.meta.get('extra-bindings') or ()
        known = name in extra or name == 'juju-info' or meta is not None and meta.get('scope') != 'container'
        if not known:
            call.fail('no network config found for binding "%s": relation not found' % name)
        which = call.flags.get('r')
        return self.world.network(name, int(which.rpartition(':')[2]) if which else None)

    # The unit and its application.

    def _config_get(self, call: Call) -> Any:
        key = call.word()
        return dict(self.world.config) if key is None else self.world.config.get(key)

    def _is_leader(self, call: Call) -> bool:
        return self.world.leader

    def _resource_get(self, call: Call) -> str:
        return self.world.resource(call.word() or '')

    def _status_get(self, call: Call) -> dict[str, Any]:
        app = call.on('application')
        status = self.world.statuses['app' if app else 'unit']
        answer: dict[str, Any] = {'status': status.name, 'message': status.message, 'status-data': {}}
        return {'application-status': dict(answer, units={})} if app else answer

    def _status_set(self, call: Call) -> None:
        name, message = call.words[0], call.words[1] if len(call.words) > 1 else ''
        if name not in _SETTABLE:
            call.fail('invalid status "%s", expected one of [%s]' % (name, ', '.join(_SETTABLE)))
        which = 'app' if call.on('application') else 'unit'
        if which == 'app' and not self.world.leader:
            call.fail('setting application status: this unit is not the leader')
        self.world.told.statuses[which].append(self.world.statuses[which])
        self.world.statuses[which] = ops.StatusBase.from_name(name, message)

    def _application_version_set(self, call: Call) -> None:
        if self.world.version:
            self.world.told.versions.append(self.world.version)
        self.world.version = call.word() or ''

    def _goal_state(self, call: Call) -> dict[str, Any]:
        since = '2026-01-01T00:00:00Z'
        units = range(self.world.pick_planned())
        return {
            'units': {'%s/%d' % (self.world.app, n): {'status': 'active', 'since': since} for n in units},
            'relations': {},
        }

    def _credential_get(self, call: Call) -> dict[str, Any]:
        if not self.world.trusted:
            call.fail('charm is not trusted, initialise Context with `app_trusted=True`')
        if self.world.cloud is None:
            call.fail('cloud spec is empty, initialise it with `State(model=Model(..., cloud_spec=CloudSpec(...)))`')
        return dict(self.world.cloud)

    def _juju_reboot(self, call: Call) -> None:
        self.world.told.reboots += 1

    def _pod_spec_set(self, call: Call) -> None:
        from .. import _yaml

        texts = []
        for flag in ('file', 'k8s-resources'):
            path = call.flags.get(flag)
            if path is None:
                texts.append(None)
                continue
            with open(path, encoding='utf-8') as file:
                texts.append(_yaml.load(file.read()))
        if not self.world.leader:
            call.fail('this unit is not the leader')
        self.world.told.pod_spec = (texts[0], texts[1])

    # Ports and storages.

    def _port(self, call: Call) -> tuple[str, int | None]:
        protocol, first, last, _ = _tools.parse_port(call.word() or '')
        if last is not None:
            call.fail('port ranges are not there in tests')
        if protocol not in ('tcp', 'udp', 'icmp'):
            call.fail('invalid protocol "%s", expected "tcp", "udp", or "icmp"' % protocol)
        if (first is None) != (protocol == 'icmp'):
            call.fail('protocol "%s" %s' % (protocol, 'needs a port' if first is None else 'has no ports'))
        if first is not None and not 1 <= first <= 65535:
            call.fail('port must be within 1 and 65535, got %d' % first)
        return protocol, first

    def _open_port(self, call: Call) -> None:
        self.world.ports.add(self._port(call))

    def _close_port(self, call: Call) -> None:
        self.world.ports.discard(self._port(call))

    def _opened_ports(self, call: Call) -> list[str]:
        texts = [protocol if n is None else '%d/%s' % (n, protocol) for protocol, n in self.world.ports]
        return [text + ' (*)' for text in sorted(texts)] if call.on('endpoints') else sorted(texts)

    def _storage_list(self, call: Call) -> list[str]:
        name = call.word()
        return ['%s/%d' % key for key in sorted(self.world.storages) if name in (None, key[0])]

    def _storage_get(self, call: Call) -> Any:
        name, _, index = (call.flags.get('s') or '').partition('/')
        location = self.world.storages.get((name, int(index or -1)))
        if location is None:
            call.fail('invalid value "%s/%s" for option -s: storage not found' % (name, index))
        answer = {'kind': (self.world.spec.meta.get('storage') or {}).get(name, {}).get('type', 'filesystem')}
        answer['location'] = location
        return answer if call.word() is None else answer.get(call.word() or '')

    def _storage_add(self, call: Call) -> None:
        for word in call.words:
            name, _, count = word.partition('=')
            if '/' in name:
                call.fail('storage name cannot contain "/"')
            self.world.told.requested_storages[name] = int(count or 1)

    # Actions, log, controller state.

    def _in_action(self, call: Call) -> Any:
        if self.world.action is None:
            raise ActionMissingFromContextError('cannot call %s: the event is no action' % call.tool)
        return self.world.action

    def _action_get(self, call: Call) -> Any:
        action = self._in_action(call)
        declared = ((self.world.spec.actions or {}).get(action.name) or {}).get('params') or {}
        defaults = {n: schema['default'] for n, schema in declared.items() if isinstance(schema, dict) and 'default' in schema}
        params: Any = json.loads(json.dumps({**defaults, **action.params}))
        for part in (call.word() or '').split('.') if call.words else ():
            params = params.get(part) if isinstance(params, dict) else None
        return params

    def _action_set(self, call: Call) -> None:
        self._in_action(call)
        results = self.world.told.action_results or {}
        for word in call.words:
            key, _, value = word.partition('=')
            *above, last = key.split('.')
            inner = results
            for part in above:
                inner = inner.setdefault(part, {})
            inner[last] = value
        self.world.told.action_results = results

    def _action_fail(self, call: Call) -> None:
        self._in_action(call)
        self.world.told.action_failure = call.word() or ''

    def _action_log(self, call: Call) -> None:
        self._in_action(call)
        self.world.told.action_logs.append(' '.join(call.words))

    def _juju_log(self, call: Call) -> None:
        self.world.told.log.append((call.flags.get('log-level') or call.flags.get('l') or 'INFO', ' '.join(call.words)))

    def _state_get(self, call: Call) -> Any:
        return dict(self.world.charm_state) if not call.words else self.world.charm_state.get(call.words[0])

    def _state_set(self, call: Call) -> None:
        from .. import _yaml

        self.world.charm_state.update(_yaml.load(call.stdin or '') or {})
        for word in call.words:
            self.world.charm_state[word.partition('=')[0]] = word.partition('=')[2]

    def _state_delete(self, call: Call) -> None:
        self.world.charm_state.pop(call.word() or '', None)

    def _add_metric(self, call: Call) -> None:
        raise NotImplementedError('add-metric is not there in tests: Juju has had no metrics since 3.6.11')


class Backend(ops.model._ModelBackend):  # type: ignore[misc,name-defined]
    """What the model asks, answered by a machine. The values that tools turn into text are kept as they were."""

    def __init__(self, machine: Machine, pebbles: Any, **kwargs: Any):
        super().__init__(**kwargs)
        self._machine = machine
        self._pebbles = pebbles

    def _run(self, tool: str, *args: str, **kwargs: Any) -> str:
        with self._explained(tool):
            return self._machine.run(tool, *args, **kwargs)

    def _ask(self, tool: str, *args: str) -> Any:
        return json.loads(self._run(tool, *args))

    def is_leader(self) -> bool:
        """Without a memory: a test may change it between two questions."""
        return self._machine.world.leader

    def get_pebble(self, socket_path: str) -> Any:
        """The client of the supervisor of a container, which is the last directory but the socket's."""
        return self._pebbles(socket_path.split('/')[-2], socket_path)

    def update_relation_data(self, relation_id: int, entity: Any, data: Any, *, relation_name: Any = None) -> None:
        """Writes any databag: the model has seen to it that a charm writes its own only, and a test may write all."""
        link = self._machine.world.link(relation_id, relation_name)
        if link is None:
            raise ops.RelationNotFoundError('relation not found: %s' % relation_id)
        bag = link.bags.setdefault(entity.name, {})
        for key, value in data.items():
            bag[key] = value
            if value == '':
                del bag[key]

    def secret_info_get(self, *, id: str | None = None, label: str | None = None) -> Any:
        """What is known of a secret, its time of expiry as it was set: with a zone or without."""
        info = super().secret_info_get(id=id, label=label)
        held = self._machine.world.secret(id, label)
        if held is not None:
            info.expires = held.expire
        return info

    def storage_add(self, name: str, count: int = 1) -> None:
        """Asks for storages."""
        if not isinstance(count, int) or isinstance(count, bool):
            raise TypeError('the number of storages must be an int, not %r' % (count,))
        self._run('storage-add', '%s=%d' % (name, count))

    def action_set(self, results: dict[str, Any]) -> None:
        """Takes results as they are, once it is clear that Juju would."""
        from .._results import flatten

        world = self._machine.world
        if world.action is None:
            raise ActionMissingFromContextError('cannot call action-set: the event is no action')
        reserved = sorted({'stdout', 'stderr', 'stdout-encoding', 'stderr-encoding'} & set(flatten(results)))
        if reserved:
            raise ops.ModelError('ERROR cannot set reserved action key "%s"' % reserved[0])
        world.told.action_results = dict(world.told.action_results or {}, **results)
