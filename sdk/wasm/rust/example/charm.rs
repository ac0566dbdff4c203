//! A web service with a database relation, configuration, actions and a secret: the charm that every guest library of sdk/wasm
//! has in its own language. vectors/story.json is what all of them do.

use bangle::{command, Charm, Container, Context, ExecOptions, Layer, Map, PushOptions, Result, SecretSpec, Service, ACTIVE, BLOCKED, WAITING};

bangle::charm!(charm);

pub fn charm() -> Charm {
    let hooks = ["config-changed", "secret-changed", "web-pebble-ready", "db-relation-created", "db-relation-changed", "db-relation-broken", "site-relation-created"];
    let charm = hooks.iter().fold(Charm::new(), |charm, hook| charm.on(hook, reconcile));
    charm.on("site-relation-created", share).on("upgrade-charm", version).on("update-status", summary).on_action("info", info).on_action("rotate", rotate)
}

/// What the other side of the db relation says: where the database is, and what opens it.
struct Database {
    address: String,
    password: String,
}

/// Brings the service to what configuration and database say, and says what is missing.
fn reconcile(ctx: &Context) -> Result {
    let web = ctx.container("web");
    if !web.can_connect() {
        ctx.set_status(WAITING, "for the container");
        return Ok(());
    }
    let db = match find_database(ctx)? {
        Some(db) => db,
        None => return Ok(()),
    };
    let (port, old) = (ctx.config("port").int().to_string(), ctx.state("port"));
    serve(ctx, &web, &db, &port)?;
    if old != port {
        if !old.is_empty() {
            ctx.close_port(&format!("{}/tcp", old));
        }
        ctx.open_port(&format!("{}/tcp", port));
        ctx.set_state("port", &port);
    }
    for site in ctx.relations("site") {
        site.set("url", &url(ctx));
    }
    ctx.set_status(ACTIVE, "");
    Ok(())
}

/// Reads the db relation; it sets the status when there is nothing to be found.
fn find_database(ctx: &Context) -> Result<Option<Database>> {
    let db = match ctx.relations("db").into_iter().find(|r| !r.broken()) {
        Some(db) => db,
        None => {
            ctx.set_status(BLOCKED, "needs a database");
            if !ctx.state("port").is_empty() {
                ctx.container("web").stop(&["web"])?;
            }
            return Ok(None);
        }
    };
    let bag = db.read(db.remote_app())?;
    let secret = match bag.get("secret") {
        Some(uri) => ctx.secret(uri),
        None => {
            ctx.set_status(WAITING, "for the database");
            return Ok(None);
        }
    };
    let content = if ctx.event().name == "secret-changed" { secret.refresh()? } else { secret.content()? };
    let text = |map: &Map, key: &str| map.get(key).cloned().unwrap_or_default();
    Ok(Some(Database { address: text(&bag, "address"), password: text(&content, "password") }))
}

/// Writes the service's configuration and runs it.
fn serve(ctx: &Context, web: &Container, db: &Database, port: &str) -> Result {
    let text = format!("title = {}\npassword = {}\n", ctx.config("title").text(), db.password);
    web.push("/etc/web.conf", &text, &PushOptions { make_dirs: true, permissions: "0600".to_string(), ..Default::default() })?;
    let mut environment = Map::from([("DATABASE".to_string(), db.address.clone())]);
    for storage in ctx.storage("data") {
        environment.insert("DATA".to_string(), storage.location);
    }
    let service = Service { summary: "the web service".to_string(), command: command(&["/bin/web", "--port", port]), environment, ..Default::default() };
    web.add_layer("web", &Layer { services: vec![("web".to_string(), service)], ..Default::default() })?;
    web.replan()
}

/// Hands the admin's secret to the other side of a site relation.
fn share(ctx: &Context) -> Result {
    let admin = ctx.state("admin");
    if !ctx.is_leader()? || admin.is_empty() {
        return Ok(());
    }
    let site = ctx.relation().ok_or("the event has no relation")?;
    site.set_app("admin", &admin);
    ctx.secret(&admin).grant(&site)
}

/// Sets the admin's password: it makes the secret, or a new revision of it.
fn rotate(ctx: &Context) -> Result {
    if !ctx.is_leader()? {
        return Err("only the leader can rotate the password".into());
    }
    let content = Map::from([("password".to_string(), ctx.param("password").text())]);
    if !ctx.state("admin").is_empty() {
        ctx.secret_by_label("admin").set(content)?;
        ctx.set_result("rotated", "true");
        return Ok(());
    }
    let secret = ctx.add_secret(&SecretSpec { content, label: "admin".to_string(), description: "the admin's password".to_string(), ..Default::default() })?;
    ctx.set_state("admin", &secret.id);
    for site in ctx.relations("site") {
        site.set_app("admin", &secret.id);
        secret.grant(&site)?;
    }
    ctx.set_result("made", &secret.id);
    Ok(())
}

/// Answers where the service is.
fn info(ctx: &Context) -> Result {
    if ctx.state("port").is_empty() {
        return Err("the service does not run yet".into());
    }
    ctx.action_log(&format!("looking at {}", ctx.unit()))?;
    let running = ctx.container("web").running("web")?;
    ctx.set_result("url", &url(ctx));
    ctx.set_result("running", &running.to_string());
    Ok(())
}

/// Asks the workload for its version.
fn version(ctx: &Context) -> Result {
    let done = ctx.container("web").exec(&["/bin/web", "--version"], &ExecOptions { timeout_ms: 5000, ..Default::default() })?;
    if done.exit_code == 0 {
        ctx.set_version(&done.stdout);
    } else {
        ctx.log("WARNING", &format!("no version: {}", done.stderr));
    }
    Ok(())
}

/// Sets the application's status.
fn summary(ctx: &Context) -> Result {
    if ctx.is_leader()? {
        ctx.set_app_status(ACTIVE, &format!("served by {}", ctx.unit()));
    }
    Ok(())
}

fn url(ctx: &Context) -> String {
    format!("http://{}:{}", ctx.address(), ctx.state("port"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bangle::test::Harness;

    #[test]
    fn story() {
        if let Some(file) = std::env::var("BANGLE_VECTORS").ok().filter(|f| !f.is_empty()) {
            bangle::test::vectors(charm, &file);
        }
    }

    fn related() -> Harness {
        let mut t = Harness::new(charm());
        t.config("port", "8080");
        t.config("title", "\"hello\"");
        t.relation(1, "db", "pg");
        t
    }

    #[test]
    fn says_what_is_missing() {
        let mut t = related();
        t.answer("charm/supervisor@1.request", r#"{"error":{"class":"UNAVAILABLE","message":"connection refused"}}"#);
        assert_eq!(t.hook("config-changed"), Ok(true));
        assert_eq!(t.status(), ("waiting", "for the container"));
        t.answer("charm/supervisor@1.request", "");
        t.relation_hook(1, "relation-created", "").unwrap();
        assert_eq!(t.status(), ("waiting", "for the database"));
        assert_eq!(t.hook("install"), Ok(false));
    }

    #[test]
    fn serves_with_the_databases_secret() {
        let mut t = related();
        let uri = t.secret(&[("password", "s3cret")]);
        t.remote(1, "pg", "address", "10.0.0.7:5432");
        t.remote(1, "pg", "secret", &uri);
        t.relation_hook(1, "relation-changed", "pg/0").unwrap();
        assert_eq!(t.status(), ("active", ""));
        assert_eq!(t.file("/etc/web.conf"), "title = hello\npassword = s3cret\n");
        t.answer("charm/supervisor@1.push", r#"{"error":{"class":"UNAVAILABLE","message":"no space left"}}"#);
        assert_eq!(t.hook("config-changed").unwrap_err().message, "no space left");
    }

    #[test]
    fn shares_the_admins_secret() {
        let mut t = related();
        t.relation(2, "site", "proxy");
        t.action("rotate", r#"{"password":"one"}"#).unwrap();
        assert_eq!(t.output().get("action").get("message").str(), "only the leader can rotate the password");
        t.leader(true);
        t.action("rotate", r#"{"password":"one"}"#).unwrap();
        assert_eq!(t.written(2, true, "admin"), "secret:00000000000000000001");
        assert_eq!(t.requests("charm/secret@1.grant"), [r#"{"id":"secret:00000000000000000001","relation_id":2}"#]);
    }
}
