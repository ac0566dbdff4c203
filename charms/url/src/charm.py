#!/usr/bin/env python3
"""The event handling loop of the documentation, and what its example of a test looks at."""

from ops import ActiveStatus, CharmBase, ConfigChangedEvent, RelationChangedEvent, StoredState, main


class MyCharm(CharmBase):
    """Remembers what it was told."""

    _stored = StoredState()

    def __init__(self, *args):
        super().__init__(*args)
        self._stored.set_default(url='', db={})
        # The handler is named: observe(event, self) is refused.
        self.framework.observe(self.on.config_changed, self._on_config_changed)
        self.framework.observe(self.on.db_relation_changed, self._on_db_relation_changed)

    @property
    def db(self) -> dict:
        """What each unit of the database said."""
        return {unit: dict(said) for unit, said in self._stored.db.items()}

    def _on_config_changed(self, event: ConfigChangedEvent) -> None:
        self._stored.url = self.model.config['url']
        self._say()

    def _on_db_relation_changed(self, event: RelationChangedEvent) -> None:
        if event.unit:
            said = event.relation.data[event.unit]
            self._stored.db[event.unit.name] = {key: said[key] for key in said if key == 'key'}
        self._say()

    def _say(self) -> None:
        told = ', '.join(f'{unit} {said.get("key", "nothing")}' for unit, said in sorted(self.db.items()))
        self.unit.status = ActiveStatus(f'{self._stored.url} {told}'.rstrip())


if __name__ == '__main__':
    main(MyCharm)
