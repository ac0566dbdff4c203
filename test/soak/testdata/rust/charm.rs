//! The soak's charm in Rust.

use bangle::{Charm, Context, Result, ACTIVE};

bangle::charm!(charm);

pub fn charm() -> Charm {
    Charm::new().on("config-changed", changed).on_action("trap", trap).on_action("grow", grow).on_action("spin", spin)
}

fn changed(ctx: &Context) -> Result {
    let seen: u64 = ctx.state("seen").parse().unwrap_or(0);
    ctx.set_state("seen", &(seen + 1).to_string());
    ctx.set_status(ACTIVE, ctx.config("note").str());
    Ok(())
}

fn trap(_: &Context) -> Result {
    panic!("asked to trap");
}

fn grow(ctx: &Context) -> Result {
    let kept = vec![1u8; 8 << 20];
    ctx.set_result("kept", &kept.len().to_string());
    std::mem::forget(kept);
    Ok(())
}

fn spin(_: &Context) -> Result {
    let mut turns = 0u64;
    loop {
        turns = unsafe { std::ptr::read_volatile(&turns) } + 1;
    }
}
