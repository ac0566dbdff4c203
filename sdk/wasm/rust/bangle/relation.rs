use crate::host;
use crate::json::{Json, Writer};
use crate::{Context, Map, Result};

/// What the view says of one relation.
pub(crate) struct RelationData {
    pub id: i64,
    pub endpoint: String,
    remote_app: String,
    v: Json,
}

impl RelationData {
    pub fn read(v: &Json) -> RelationData {
        RelationData { id: v.get("id").int(), endpoint: v.get("endpoint").text(), remote_app: v.get("remote_app").text(), v: v.clone() }
    }
}

/// Relation is one relation of the unit.
#[derive(Clone, Copy)]
pub struct Relation<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) data: &'a RelationData,
}

/// What is read of a map after own writes: set values win, empty ones delete.
pub(crate) fn overlay(mut base: Map, set: &Map) -> Map {
    for (key, value) in set {
        if value.is_empty() {
            base.remove(key);
        } else {
            base.insert(key.clone(), value.clone());
        }
    }
    base
}

impl<'a> Relation<'a> {
    pub fn id(&self) -> i64 {
        self.data.id
    }

    pub fn endpoint(&self) -> &'a str {
        &self.data.endpoint
    }

    pub fn remote_app(&self) -> &'a str {
        &self.data.remote_app
    }

    /// The remote units (of a peer relation the other units) that the charm has been told of.
    pub fn units(&self) -> Vec<&'a str> {
        self.data.v.get("members").elements().iter().map(|m| m.get("unit").str()).collect()
    }

    /// Whether this is the relation's last hook.
    pub fn broken(&self) -> bool {
        self.data.v.get("broken").bool()
    }

    /// The databag of a unit or an application, own writes included. An error means that the unit has no right to it, or that
    /// it was left out of the view for its size and the host could not fetch it.
    pub fn read(&self, owner: &str) -> Result<Map> {
        let v = &self.data.v;
        if owner == self.ctx.unit() {
            return Ok(self.own(v.get("local_unit"), false));
        }
        if owner == self.ctx.app() && v.get("local_app_readable").bool() {
            return Ok(self.own(v.get("local_app"), true));
        }
        let section = format!("bag/{}/{}", self.id(), owner);
        if self.ctx.view("on_demand").elements().iter().any(|s| s.str() == section) {
            return self.fetch(owner);
        }
        if owner == self.remote_app() {
            return Ok(v.get("remote_app_bag").map());
        }
        for list in ["members", "departed"] {
            if let Some(m) = v.get(list).elements().iter().find(|m| m.get("unit").str() == owner) {
                return Ok(m.get("bag").map());
            }
        }
        self.fetch(owner)
    }

    fn own(&self, bag: &Json, app: bool) -> Map {
        let writes = self.ctx.written();
        match writes.bags.get(&(self.id(), app)) {
            Some(set) => overlay(bag.map(), set),
            None => bag.map(),
        }
    }

    fn fetch(&self, owner: &str) -> Result<Map> {
        let mut w = Writer::object();
        w.int("relation_id", self.id());
        w.member("owner", owner);
        Ok(self.ctx.call(&host::BAG, w)?.map())
    }

    fn write(&self, app: bool, key: &str, value: &str) {
        let mut writes = self.ctx.writes.borrow_mut();
        writes.bags.entry((self.id(), app)).or_default().insert(key.to_string(), value.to_string());
    }

    /// Writes one key of the unit's own databag; "" deletes it.
    pub fn set(&self, key: &str, value: &str) {
        self.write(false, key, value)
    }

    /// Writes one key of the application's databag; "" deletes it. The leader alone may.
    pub fn set_app(&self, key: &str, value: &str) {
        self.write(true, key, value)
    }
}
