use crate::host::{self, Import};
use crate::json::{self, Writer};
use crate::{Context, Map, Relation, Result};

/// Secret is one secret: known by its URI, "secret:…", or by the label that its owner or the unit gave it.
#[derive(Clone)]
pub struct Secret<'a> {
    pub(crate) ctx: &'a Context,
    pub id: String,
    pub label: String,
}

/// SecretSpec says what a secret is; empty fields are left out, which in `update` means unchanged. Keys of the content have
/// three or more lower-case letters, digits and hyphens.
#[derive(Debug, Clone, Default)]
pub struct SecretSpec {
    pub content: Map,
    pub label: String,
    pub description: String,
    /// never, hourly, daily, weekly, monthly, quarterly, yearly
    pub rotate: String,
    /// RFC 3339, or a duration from now: "48h"
    pub expire: String,
    /// The unit's own, not the application's; for a new one.
    pub unit: bool,
}

/// SecretInfo is what is known of an owned secret without reading it.
#[derive(Debug, Clone)]
pub struct SecretInfo {
    pub id: String,
    pub owner: String,
    pub label: String,
    pub description: String,
    pub rotation: String,
    pub rotates: String,
    pub expiry: String,
    pub revision: i64,
}

impl SecretSpec {
    fn write(&self, w: &mut Writer) {
        w.member("label", &self.label);
        w.member("description", &self.description);
        w.member("rotate", &self.rotate);
        w.member("expire", &self.expire);
        w.map("content", &self.content);
    }
}

impl Context {
    /// Makes a secret when the hook has ended well. Its id is known at once. The application's is the leader's to make.
    pub fn add_secret(&self, spec: &SecretSpec) -> Result<Secret<'_>> {
        let mut w = Writer::object();
        w.bool("unit", spec.unit);
        spec.write(&mut w);
        let answer = self.call(&host::SECRET_ADD, w)?;
        Ok(Secret { ctx: self, id: answer.get("id").text(), label: spec.label.clone() })
    }
}

impl Secret<'_> {
    /// Reads the revision that the unit tracks: the newest at the first time, and the same until `refresh`.
    pub fn content(&self) -> Result<Map> {
        self.read("")
    }

    /// Reads the newest revision this once.
    pub fn peek(&self) -> Result<Map> {
        self.read("peek")
    }

    /// Reads the newest revision, which is tracked from then on.
    pub fn refresh(&self) -> Result<Map> {
        self.read("refresh")
    }

    /// Begins a request with what the secret is known by.
    fn name(&self) -> Writer {
        let mut w = Writer::object();
        if self.id.is_empty() {
            w.member("label", &self.label);
        } else {
            w.member("id", &self.id);
        }
        w
    }

    fn read(&self, how: &str) -> Result<Map> {
        let mut w = self.name();
        if !how.is_empty() {
            w.bool(how, true);
        }
        let answer = self.ctx.call(&host::SECRET_GET, w)?;
        let mut content = answer.get("content").map();
        for (key, value) in answer.get("content_base64").members() {
            content.insert(key.clone(), json::base64(value.str()));
        }
        Ok(content)
    }

    /// What is known of an owned secret.
    pub fn info(&self) -> Result<SecretInfo> {
        let v = self.ctx.call(&host::SECRET_INFO, self.name())?;
        let text = |name| v.get(name).text();
        Ok(SecretInfo {
            id: text("id"),
            owner: text("owner"),
            label: text("label"),
            description: text("description"),
            rotation: text("rotation"),
            rotates: text("rotates"),
            expiry: text("expiry"),
            revision: v.get("revision").int(),
        })
    }

    /// Makes one call that changes an owned secret; one that is known by its label is looked up.
    fn write(&self, import: &Import, rest: impl FnOnce(&mut Writer)) -> Result {
        let id = if self.id.is_empty() { format!("secret:{}", self.info()?.id) } else { self.id.clone() };
        let mut w = Writer::object();
        w.member("id", &id);
        rest(&mut w);
        self.ctx.call(import, w).map(drop)
    }

    /// Gives an owned secret new content. What it holds already makes no revision.
    pub fn set(&self, content: Map) -> Result {
        self.update(&SecretSpec { content, ..SecretSpec::default() })
    }

    /// Changes an owned secret.
    pub fn update(&self, spec: &SecretSpec) -> Result {
        self.write(&host::SECRET_SET, |w| spec.write(w))
    }

    /// Lets the other side of a relation read an owned secret.
    pub fn grant(&self, r: &Relation<'_>) -> Result {
        self.grant_unit(r, "")
    }

    /// Lets one unit of the other side read it.
    pub fn grant_unit(&self, r: &Relation<'_>, unit: &str) -> Result {
        self.write(&host::SECRET_GRANT, |w| {
            w.int("relation_id", r.id());
            w.member("unit", unit);
        })
    }

    /// Takes back what `grant` gave.
    pub fn revoke(&self, r: &Relation<'_>) -> Result {
        self.write(&host::SECRET_REVOKE, |w| w.int("relation_id", r.id()))
    }

    /// Takes every grant of an application, "pg", or of a unit, "pg/0", back.
    pub fn revoke_from(&self, target: &str) -> Result {
        self.write(&host::SECRET_REVOKE, |w| w.member(if target.contains('/') { "unit" } else { "app" }, target))
    }

    /// Removes an owned secret.
    pub fn remove(&self) -> Result {
        self.remove_revision(0)
    }

    /// Removes one revision of it.
    pub fn remove_revision(&self, revision: i64) -> Result {
        self.write(&host::SECRET_REMOVE, |w| w.int("revision", revision))
    }
}
