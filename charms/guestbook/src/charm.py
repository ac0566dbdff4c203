#!/usr/bin/env python3
"""Guestbook: whatever happened, make the workload be what configuration and relations say."""

import json
import signal
import urllib.request

import ops

VERSION = '1.0'


class Guestbook(ops.CharmBase):
    """The operator of one unit."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.container = self.unit.get_container('guestbook')
        self.settings = self.charm_dir / 'guestbook.json'
        on = self.on
        for event in (
            on.leader_elected, on.config_changed, on.upgrade_charm, on.update_status, on.guestbook_pebble_ready,
            on.nats_relation_changed, on.nats_relation_departed, on.nats_relation_broken,
            on.web_relation_created, on.web_relation_changed,
        ):  # fmt: skip
            framework.observe(event, self._on_change)
        framework.observe(on.install, self._on_install)
        framework.observe(on.stop, self._on_stop)
        framework.observe(on.entries_action, self._on_entries)

    def _on_install(self, _: ops.InstallEvent):
        self.unit.status = ops.MaintenanceStatus('waiting for the container')

    def _on_change(self, _: ops.EventBase):
        self.unit.status = self._reconcile()

    def _on_stop(self, _: ops.StopEvent):
        if self.container.can_connect() and self.container.get_services('guestbook'):
            self.container.stop('guestbook')

    def _on_entries(self, event: ops.ActionEvent):
        """Answer with the newest entries, from the unit itself."""
        url = f'http://{self._address()}:{self.config["port"]}/entries'
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)
        except OSError as error:
            event.fail(f'cannot read the entries from {url}: {error}')
            return
        newest = found[-event.params['limit'] :]
        event.set_results({'count': len(newest), 'entries': json.dumps(newest)})

    def _reconcile(self) -> ops.StatusBase:
        """Compare what should be with what is, mend the difference, and say how it is now."""
        if not self.container.can_connect():
            return ops.WaitingStatus('for the container')
        try:
            program = self.model.resources.fetch('workload')
        except ops.ModelError:
            return ops.BlockedStatus('give the program: deploy --resource workload=PATH')
        title = str(self.config['title'])
        urls = self._nats_urls()
        changed = self._write_settings({
            'title': title, 'accent': self.config['accent'], 'unit': self.unit.name, 'nats': urls,
        })  # fmt: skip
        if not urls:
            return ops.BlockedStatus('integrate me with nats')
        self._run(f'{program} --listen {self._address()}:{self.config["port"]} --config {self.settings}', changed)
        self._publish(title)
        self.unit.set_workload_version(VERSION)
        return ops.ActiveStatus(title)

    def _run(self, command: str, changed: bool):
        """Make the container run this command; one that runs already only hears that its settings changed."""
        was_running = any(s.is_running() for s in self.container.get_services('guestbook').values())
        layer: ops.pebble.LayerDict = {
            'services': {
                'guestbook': {
                    'override': 'replace', 'summary': 'the guestbook', 'startup': 'enabled', 'command': command,
                    'backoff-delay': '100ms', 'on-failure': 'restart',
                }
            }
        }  # fmt: skip
        self.container.add_layer('guestbook', layer, combine=True)
        self.container.replan()
        if changed and was_running:
            self.container.send_signal(signal.SIGHUP, 'guestbook')

    def _nats_urls(self) -> list:
        """Where the entries are kept: what the units of the related nats publish."""
        data = (relation.data[unit] for relation in self.model.relations['nats'] for unit in relation.units)
        return sorted(d['url'] for d in data if d.get('url'))

    def _address(self) -> str:
        network = self.model.get_binding('web').network
        return str(network.bind_address)

    def _publish(self, title: str):
        """Tell the front doors where this unit is; called when it serves."""
        port = int(self.config['port'])
        for relation in self.model.relations['web']:
            relation.data[self.unit].update({'url': f'http://{self._address()}:{port}', 'title': title})
        self.unit.set_ports(port)

    def _write_settings(self, settings: dict) -> bool:
        """Write the workload's file in one step and say whether it changed."""
        text = json.dumps(settings, indent=1, sort_keys=True)
        if self.settings.exists() and self.settings.read_text() == text:
            return False
        new = self.settings.with_suffix('.new')
        new.write_text(text)
        new.replace(self.settings)
        return True


if __name__ == '__main__':
    ops.main(Guestbook)
