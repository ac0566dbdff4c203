use std::collections::BTreeMap;

use crate::json::Writer;
use crate::{Context, Map};

/// The buffer of one event.
#[derive(Default)]
pub(crate) struct Writes {
    pub unit_status: Option<(String, String)>,
    pub app_status: Option<(String, String)>,
    pub version: Option<String>,
    pub open: Vec<String>,
    pub close: Vec<String>,
    pub state: BTreeMap<String, Option<String>>, // None = deleted
    pub leader: Map,
    pub bags: BTreeMap<(i64, bool), Map>, // by relation and whether it is the application's
    pub action: Option<Action>,
}

#[derive(Default)]
pub(crate) struct Action {
    pub results: Map,
    pub failed: Option<String>,
}

fn status(w: &mut Writer, name: &str, status: &Option<(String, String)>) {
    if let Some((current, message)) = status {
        w.name(name);
        w.open('{');
        w.member("current", current);
        w.member("message", message);
        w.close('}');
    }
}

impl Context {
    /// Everything that was written, as the ABI's output.
    pub(crate) fn changeset(&self) -> String {
        let writes = self.written();
        let mut w = Writer::object();
        status(&mut w, "unit_status", &writes.unit_status);
        status(&mut w, "app_status", &writes.app_status);
        if let Some(version) = &writes.version {
            w.name("workload_version");
            w.string(version);
        }
        if !writes.bags.is_empty() {
            w.name("bags");
            w.open('[');
            for ((id, app), set) in &writes.bags {
                w.open('{');
                w.int("relation_id", *id);
                w.bool("app", *app);
                w.map("set", set);
                w.close('}');
            }
            w.close(']');
        }
        w.list("open_ports", &writes.open);
        w.list("close_ports", &writes.close);
        let set: Map = writes.state.iter().filter_map(|(k, v)| Some((k.clone(), v.clone()?))).collect();
        let gone: Vec<&String> = writes.state.iter().filter(|(_, v)| v.is_none()).map(|(k, _)| k).collect();
        w.map("state_set", &set);
        w.list("state_delete", &gone);
        w.map("leader_settings", &writes.leader);
        if let Some(action) = &writes.action {
            w.name("action");
            w.open('{');
            w.map("results", &action.results);
            w.bool("failed", action.failed.is_some());
            w.member("message", action.failed.as_deref().unwrap_or(""));
            w.close('}');
        }
        w.close('}');
        w.text
    }
}
