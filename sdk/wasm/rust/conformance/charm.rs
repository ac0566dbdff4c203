//! The charm that the vectors of sdk/wasm drive: it does what the config option "do" says, one command a line.

use bangle::{command, Charm, Context, ExecOptions, HttpRequest, KubeRequest, Layer, Map, PushOptions, Relation, Result, Secret, SecretSpec, Service};

bangle::charm!(charm);

pub fn charm() -> Charm {
    Charm::new().on_other(obey).on_action("backup", obey)
}

fn obey(ctx: &Context) -> Result {
    let lines = ctx.config("do").text();
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        run(ctx, &line.split(' ').collect::<Vec<_>>())?;
    }
    Ok(())
}

fn relation<'a>(ctx: &'a Context, id: &str) -> Relation<'a> {
    let found = ctx.relations("db").into_iter().find(|r| r.id().to_string() == id);
    found.unwrap_or_else(|| panic!("there is no relation {}", id))
}

fn run(ctx: &Context, w: &[&str]) -> Result {
    match w[0] {
        "status" => ctx.set_status(w[1], w[2]),
        "state" => ctx.set_state(w[1], w[2]),
        "bag" => relation(ctx, w[1]).set(w[2], w[3]),
        "app-bag" => relation(ctx, w[1]).set_app(w[2], w[3]),
        "copy-config" => ctx.set_state(w[2], &ctx.config(w[1]).text()),
        "copy-bag" => ctx.set_state(w[4], relation(ctx, w[1]).read(w[2])?.get(w[3]).map_or("", |v| v)),
        "copy-state" => ctx.set_state(w[2], &ctx.state(w[1])),
        "delete-state" => ctx.delete_state(w[1]),
        "log" => ctx.info(w[1]),
        "leader" => ctx.set_state(w[1], &ctx.is_leader()?.to_string()),
        "result" => ctx.set_result(w[1], w[2]),
        "param" => ctx.set_result(w[1], &ctx.param(w[1]).text()),
        "action-fail" => ctx.fail(w[1]),
        "show" => ctx.show_status(w[1], w[2])?,
        "open" => ctx.open_port(w[1]),
        "close" => ctx.close_port(w[1]),
        "version" => ctx.set_version(w[1]),
        "resource" => ctx.set_state("resource", &ctx.resource(w[1])?.path),
        "storage" => ctx.storage(w[1]).iter().for_each(|s| ctx.set_state(&s.id, &s.location)),
        "error" => return Err(w[1..].join(" ").into()),
        "panic" => panic!("{}", w[1]),
        _ => return more(ctx, w),
    }
    Ok(())
}

fn more(ctx: &Context, w: &[&str]) -> Result {
    let container = ctx.container(w[1]);
    match w[0] {
        "goal" => {
            let goal = ctx.goal()?;
            ctx.set_state("planned", &goal.units.len().to_string());
            ctx.set_state(w[1], goal.units.get(w[1]).map_or("", |v| v));
            ctx.set_state(w[2], goal.relations.get("db").and_then(|all| all.get(w[2])).map_or("", |v| v));
        }
        "get" => ctx.set_state("body", &container.request("GET", w[2], "", "")?.1),
        "push" => container.push(w[2], w[3], &PushOptions { make_dirs: true, ..Default::default() })?,
        "pull" => ctx.set_state(w[3], &container.pull(w[2])?),
        "exec" => {
            let done = container.exec(&w[2..], &ExecOptions::default())?;
            ctx.set_state("exec", &format!("{} {}", done.exit_code, done.stdout));
        }
        "service" => {
            let service = Service { command: command(&w[3..]), ..Default::default() };
            container.add_layer("obey", &Layer { services: vec![(w[2].to_string(), service)], ..Default::default() })?;
            container.replan()?;
        }
        "running" => ctx.set_state("running", &container.running(w[2])?.to_string()),
        "http" | "kube" | "package" | "machine" => return outside(ctx, w),
        _ => return secret(ctx, w),
    }
    Ok(())
}

fn outside(ctx: &Context, w: &[&str]) -> Result {
    let text = |at: usize| w.get(at).map_or(String::new(), |word| word.to_string());
    let service = ctx.machine_service(&text(2));
    match (w[0], w[1]) {
        ("http", method) => {
            let headers = Map::from([("Accept".to_string(), "text/plain".to_string())]);
            let r = ctx.http(&HttpRequest { method: method.to_string(), url: text(2), headers, body: text(3), timeout_ms: 2000 })?;
            ctx.set_state("http", &format!("{} {} {}", r.status, r.headers.get("Server").map_or("", |v| v), r.body));
        }
        ("kube", method) => {
            let r = KubeRequest { method: method.to_string(), path: text(2), query: text(3), body: text(4), ..Default::default() };
            let (status, body) = ctx.kube(&r)?;
            ctx.set_state("kube", &format!("{} {}", status, body));
        }
        ("package", action) => {
            let p = match action {
                "ensure" => ctx.ensure_package(w[2]),
                "remove" => ctx.remove_package(w[2]),
                _ => ctx.package(w[2]),
            }?;
            ctx.set_state("package", &format!("{} {} {}", p.installed, p.version, p.changed));
        }
        (_, action) => {
            let s = match action {
                "start" => service.start(),
                "stop" => service.stop(),
                "restart" => service.restart(),
                "reload" => service.reload(),
                "enable" => service.enable(),
                "disable" => service.disable(),
                _ => service.status(),
            }?;
            ctx.set_state(action, &format!("{} {}", s.active, s.enabled));
        }
    }
    Ok(())
}

fn secret(ctx: &Context, w: &[&str]) -> Result {
    let s = if w[1].starts_with("secret:") { ctx.secret(w[1]) } else { ctx.secret_by_label(w[1]) };
    let content = |at: usize| Map::from([(w[at].to_string(), w[at + 1].to_string())]);
    let keep = |read: Result<Map>| read.map(|content| ctx.set_state(w[3], content.get(w[2]).map_or("", |v| v)));
    match w[0] {
        "secret-add" => {
            let spec = SecretSpec { label: w[1].to_string(), unit: true, content: content(2), ..Default::default() };
            let added: Secret = ctx.add_secret(&spec)?;
            ctx.set_state("secret", &added.id);
            Ok(())
        }
        "secret-get" => keep(s.content()),
        "secret-peek" => keep(s.peek()),
        "secret-refresh" => keep(s.refresh()),
        "secret-info" => s.info().map(|info| ctx.set_state("info", &format!("{} {}", info.owner, info.revision))),
        "secret-set" => s.set(content(2)),
        "secret-grant" => s.grant(&relation(ctx, w[2])),
        "secret-grant-unit" => s.grant_unit(&relation(ctx, w[2]), w[3]),
        "secret-revoke" => s.revoke(&relation(ctx, w[2])),
        "secret-revoke-from" => s.revoke_from(w[2]),
        "secret-remove" => s.remove(),
        _ => Err(format!("cannot obey {}", w.join(" ")).into()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn vectors() {
        if let Ok(file) = std::env::var("BANGLE_VECTORS") {
            bangle::test::vectors(super::charm, &file);
        }
    }
}
