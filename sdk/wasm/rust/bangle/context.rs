use std::cell::{Ref, RefCell};

use crate::changeset::Writes;
use crate::host::{self, HostFn};
use crate::json::{Json, Writer};
use crate::relation::{overlay, Relation, RelationData};
use crate::{Container, Event, Map, Result, Secret};

/// Context is one event's world: what the charm may read, and the buffer of what it writes.
pub struct Context {
    event: Event,
    input: Json,
    pub(crate) host: RefCell<Option<Box<HostFn>>>,
    pub(crate) writes: RefCell<Writes>,
    pub(crate) relations: Vec<RelationData>,
}

/// Storage is one instance of a declared storage.
#[derive(Debug, Clone)]
pub struct Storage {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub location: String,
}

/// Resource is a file or image that was deployed with the charm.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    pub kind: String,
    /// "" = there is none.
    pub path: String,
    /// registrypath, username, password
    pub image: Map,
}

/// Goal is what the model is heading for: statuses by unit, and by endpoint of applications and units.
#[derive(Debug, Clone, Default)]
pub struct Goal {
    pub units: Map,
    pub relations: std::collections::BTreeMap<String, Map>,
}

impl Context {
    pub(crate) fn new(input: Json, host: Option<Box<HostFn>>) -> Context {
        let relations = input.get("view").get("relations").elements().iter().map(RelationData::read).collect();
        Context { event: Event::read(input.get("event")), input, host: RefCell::new(host), writes: RefCell::default(), relations }
    }

    pub(crate) fn view(&self, section: &str) -> &Json {
        self.input.get("view").get(section)
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The unit's name, "web/0".
    pub fn unit(&self) -> &str {
        self.view("unit").get("name").str()
    }

    /// The application's name.
    pub fn app(&self) -> &str {
        self.unit().split('/').next().unwrap_or("")
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        self.view("model").get("name").str()
    }

    /// Where other units reach this one, "" when it has no address yet.
    pub fn address(&self) -> &str {
        self.view("unit").get("private_address").str()
    }

    /// A port from 20000 to 29999 for a unit that nobody gave one: the same in every event. When it is taken, try 1, 2, … give others.
    pub fn stable_port(&self, attempt: u32) -> u32 {
        let name = format!("{} {}", self.view("model").get("uuid").str(), self.unit());
        let sum = name.bytes().fold(2166136261u32, |sum, c| (sum ^ c as u32).wrapping_mul(16777619)); // FNV-1a
        20000 + sum.wrapping_add(attempt.wrapping_mul(7919)) % 10000
    }

    /// Whether the unit is being removed.
    pub fn dying(&self) -> bool {
        !matches!(self.view("unit").get("life").str(), "" | "alive")
    }

    /// One option's value: what was set, or the default.
    pub fn config(&self, option: &str) -> &Json {
        self.view("config").get(option)
    }

    /// One of the action's parameters.
    pub fn param(&self, name: &str) -> &Json {
        self.input.get("event").get("action_params").get(name)
    }

    /// What the substrate tells a charm: proxies and the like.
    pub fn environment(&self) -> Map {
        self.view("environment").map()
    }

    /// Whether the unit leads its application now.
    pub fn is_leader(&self) -> Result<bool> {
        if !self.view("leadership").get("leader").bool() {
            return Ok(false);
        }
        Ok(self.call(&host::IS_LEADER, Writer::default())?.bool())
    }

    /// Sets the unit's status when the hook has ended well.
    pub fn set_status(&self, status: &str, message: &str) {
        self.writes.borrow_mut().unit_status = Some((status.to_string(), message.to_string()));
    }

    /// Sets the application's status when the hook has ended well. The leader alone may.
    pub fn set_app_status(&self, status: &str, message: &str) {
        self.writes.borrow_mut().app_status = Some((status.to_string(), message.to_string()));
    }

    /// Sets the unit's status at once, for work that takes its time.
    pub fn show_status(&self, status: &str, message: &str) -> Result {
        self.set_status(status, message);
        let mut w = Writer::object();
        w.member("current", status);
        w.member("message", message);
        self.call(&host::STATUS, w).map(drop)
    }

    /// Sets the workload's version as status shows it.
    pub fn set_version(&self, version: &str) {
        self.writes.borrow_mut().version = Some(version.to_string());
    }

    /// Opens "80/tcp", "8000-8999/udp" or "icmp".
    pub fn open_port(&self, port: &str) {
        self.writes.borrow_mut().open.push(port.to_string());
    }

    /// Closes a port.
    pub fn close_port(&self, port: &str) {
        self.writes.borrow_mut().close.push(port.to_string());
    }

    /// One key of the charm's state, own writes included; "" when there is none.
    pub fn state(&self, key: &str) -> String {
        match self.writes.borrow().state.get(key) {
            Some(written) => written.clone().unwrap_or_default(),
            None => self.view("charm_state").get(key).text(),
        }
    }

    /// Keeps a value for later events.
    pub fn set_state(&self, key: &str, value: &str) {
        self.writes.borrow_mut().state.insert(key.to_string(), Some(value.to_string()));
    }

    /// Forgets a value.
    pub fn delete_state(&self, key: &str) {
        self.writes.borrow_mut().state.insert(key.to_string(), None);
    }

    /// What the leader set for all units, own writes included.
    pub fn leader_settings(&self) -> Map {
        overlay(self.view("leader_settings").map(), &self.writes.borrow().leader)
    }

    /// Writes one of them; "" deletes. The leader alone may.
    pub fn set_leader_setting(&self, key: &str, value: &str) {
        self.writes.borrow_mut().leader.insert(key.to_string(), value.to_string());
    }

    /// The relations of an endpoint by id.
    pub fn relations(&self, endpoint: &str) -> Vec<Relation<'_>> {
        self.relations.iter().filter(|r| r.endpoint == endpoint).map(|data| Relation { ctx: self, data }).collect()
    }

    /// The event's relation.
    pub fn relation(&self) -> Option<Relation<'_>> {
        self.relations.iter().find(|r| r.id == self.event.relation_id).map(|data| Relation { ctx: self, data })
    }

    /// One container of the charm. Whether it can be reached `can_connect` says.
    pub fn container(&self, name: &str) -> Container<'_> {
        Container { ctx: self, name: name.to_string() }
    }

    /// A secret by its URI, as it stands in a databag or in the configuration.
    pub fn secret(&self, id: &str) -> Secret<'_> {
        Secret { ctx: self, id: id.to_string(), label: String::new() }
    }

    /// A secret by its label.
    pub fn secret_by_label(&self, label: &str) -> Secret<'_> {
        Secret { ctx: self, id: String::new(), label: label.to_string() }
    }

    /// The instances of one storage.
    pub fn storage(&self, name: &str) -> Vec<Storage> {
        let all = self.view("storage").elements().iter().filter(|v| v.get("name").str() == name);
        all.map(|v| Storage { id: v.get("id").text(), name: name.to_string(), kind: v.get("kind").text(), location: v.get("location").text() }).collect()
    }

    /// A resource; an empty one when there is none. A file that was not fetched yet is fetched.
    pub fn resource(&self, name: &str) -> Result<Resource> {
        let v = match self.view("resources").elements().iter().find(|v| v.get("name").str() == name) {
            Some(v) => v,
            None => return Ok(Resource::default()),
        };
        let mut r = Resource { kind: v.get("type").text(), path: v.get("path").text(), image: v.get("image").map() };
        if r.path.is_empty() && r.kind == "file" {
            let mut w = Writer::object();
            w.member("name", name);
            r.path = self.call(&host::RESOURCE, w)?.get("path").text();
        }
        Ok(r)
    }

    /// What the model is heading for, as it is now.
    pub fn goal(&self) -> Result<Goal> {
        let v = self.call(&host::GOAL, Writer::object())?;
        let statuses = |v: &Json| -> Map { v.members().iter().map(|(name, s)| (name.clone(), s.get("status").text())).collect() };
        let relations = v.get("relations").members().iter().map(|(endpoint, all)| (endpoint.clone(), statuses(all))).collect();
        Ok(Goal { units: statuses(v.get("units")), relations })
    }

    /// Adds to the action's results. Keys are dotted words in lower case.
    pub fn set_result(&self, key: &str, value: &str) {
        let mut writes = self.writes.borrow_mut();
        writes.action.get_or_insert_with(Default::default).results.insert(key.to_string(), value.to_string());
    }

    /// Marks the action as failed.
    pub fn fail(&self, message: &str) {
        let mut writes = self.writes.borrow_mut();
        writes.action.get_or_insert_with(Default::default).failed = Some(message.to_string());
    }

    /// Adds a line to the action's log at once.
    pub fn action_log(&self, message: &str) -> Result {
        let mut w = Writer::object();
        w.member("message", message);
        self.call(&host::ACTION_LOG, w).map(drop)
    }

    /// Writes to the unit's log at once: DEBUG, INFO, WARNING, ERROR. A log that cannot be written fails no hook.
    pub fn log(&self, level: &str, message: &str) {
        let mut w = Writer::object();
        w.member("level", level);
        w.member("message", message);
        let _ = self.call(&host::LOG, w);
    }

    /// Writes to the unit's log at once.
    pub fn info(&self, message: &str) {
        self.log("INFO", message)
    }

    pub(crate) fn written(&self) -> Ref<'_, Writes> {
        self.writes.borrow()
    }
}
