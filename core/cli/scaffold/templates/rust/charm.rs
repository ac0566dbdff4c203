//! The charm NAME.

use bangle::{Charm, Context, Layer, Result, Service, ACTIVE, WAITING};

bangle::charm!(charm);

pub fn charm() -> Charm {
    Charm::new().on("config-changed", configure).on("workload-pebble-ready", configure).on_action("info", info)
}

/// Runs what the configuration says.
fn configure(ctx: &Context) -> Result {
    let workload = ctx.container("workload");
    if !workload.can_connect() {
        ctx.set_status(WAITING, "for the container");
        return Ok(());
    }
    let service = Service { command: ctx.config("command").text(), ..Default::default() };
    workload.add_layer("NAME", &Layer { services: vec![("NAME".to_string(), service)], ..Default::default() })?;
    workload.replan()?;
    ctx.set_status(ACTIVE, "");
    Ok(())
}

/// Says whether the command runs.
fn info(ctx: &Context) -> Result {
    let running = ctx.container("workload").running("NAME")?;
    ctx.set_result("running", &running.to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use bangle::test::Harness;

    #[test]
    fn the_command_of_the_configuration_runs() {
        let mut t = Harness::new(super::charm());
        t.config("command", "\"sleep 1\"");
        t.answer("charm/supervisor@1.request", r#"{"error":{"class":"UNAVAILABLE","message":"connection refused"}}"#);
        t.hook("config-changed").unwrap();
        assert_eq!(t.status(), ("waiting", "for the container"));
        t.answer("charm/supervisor@1.request", "");
        t.hook("workload-pebble-ready").unwrap();
        assert_eq!(t.status(), ("active", ""));
        t.action("info", "{}").unwrap();
        assert_eq!(t.output().get("action").get("results").get("running").str(), "false");
    }
}
