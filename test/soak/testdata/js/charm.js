// The soak's charm in JavaScript.
import { Charm, Active } from "bangle";

const charm = new Charm();
export default charm;

charm.on("config-changed", (ctx) => {
	ctx.setState("seen", Number(ctx.state("seen") || 0) + 1);
	ctx.setStatus(Active, ctx.config.note);
});
charm.onAction("trap", () => { throw new Error("asked to trap"); });
charm.onAction("grow", (ctx) => {
	globalThis.kept = Array.from({ length: 8 }, () => new Uint8Array(1 << 20).fill(1));
	ctx.setResult("kept", globalThis.kept.length);
});
charm.onAction("spin", () => { for (;;); });
