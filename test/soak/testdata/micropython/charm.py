"""The soak's charm in MicroPython."""

from bangle import ACTIVE, Charm

charm = Charm()
kept = []


@charm.on("config-changed")
def changed(ctx):
    """Say what the configuration says."""
    ctx.set_state("seen", str(int(ctx.state("seen") or 0) + 1))
    ctx.set_status(ACTIVE, ctx.config["note"])


@charm.action("trap")
def trap(ctx):
    """Break off in the midst."""
    raise ValueError("asked to trap")


@charm.action("grow")
def grow(ctx):
    """Take memory."""
    for _ in range(8):
        kept.append(bytearray(1 << 20))
    ctx.set_result("kept", str(len(kept)))


@charm.action("spin")
def spin(ctx):
    """Run for ever."""
    while True:
        pass
