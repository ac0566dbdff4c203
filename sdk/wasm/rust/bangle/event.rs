use crate::json::Json;

/// Event is what happened. Only the fields of its kind are set.
#[derive(Debug, Clone, Default)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub relation_id: i64,
    pub endpoint: String,
    pub remote_app: String,
    pub remote_unit: String,
    pub departing_unit: String,
    pub container: String,
    pub notice_id: String,
    pub notice_type: String,
    pub notice_key: String,
    pub check: String,
    pub storage_id: String,
    pub secret_id: String,
    pub secret_label: String,
    pub secret_revision: i64,
    pub task_id: String,
    /// How many times it was already tried.
    pub attempt: i64,
}

impl Event {
    pub(crate) fn read(v: &Json) -> Event {
        let text = |name| v.get(name).text();
        Event {
            id: text("id"),
            kind: text("kind"),
            name: text("name"),
            relation_id: v.get("relation_id").int(),
            endpoint: text("endpoint"),
            remote_app: text("remote_app"),
            remote_unit: text("remote_unit"),
            departing_unit: text("departing_unit"),
            container: text("container"),
            notice_id: text("notice_id"),
            notice_type: text("notice_type"),
            notice_key: text("notice_key"),
            check: text("check_name"),
            storage_id: text("storage_id"),
            secret_id: text("secret_id"),
            secret_label: text("secret_label"),
            secret_revision: v.get("secret_revision").int(),
            task_id: text("task_id"),
            attempt: v.get("attempt").int(),
        }
    }
}
