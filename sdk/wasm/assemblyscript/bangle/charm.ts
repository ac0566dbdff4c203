import { parse } from "./json";
import { Context } from "./context";

/**
 * Handler handles one event. It returns true: what it wrote is applied, in one transaction. It returns false, or throws:
 * nothing is, and status shows ctx.error's first line. In an action the action fails, not the unit.
 */
export type Handler = (ctx: Context) => bool;

class Entry {
  constructor(public name: string, public handle: Handler) {}
}

/** Charm is a set of handlers. */
export class Charm {
  private hooks: Entry[] = [];
  private actions: Entry[] = [];
  private other: Entry[] = [];
  /** Why the last event failed, null when it did not. */
  failed: string | null = null;

  /** Handles the hook of that name. A second handler of the same hook runs after the first, unless that failed. */
  on(hook: string, handler: Handler): Charm {
    this.hooks.push(new Entry(hook, handler));
    return this;
  }

  /** Handles an action. */
  onAction(name: string, handler: Handler): Charm {
    this.actions.push(new Entry(name, handler));
    return this;
  }

  /** Handles every hook that has no handler of its own. Without it such hooks succeed without doing anything. */
  onOther(handler: Handler): Charm {
    this.other = [new Entry("", handler)];
    return this;
  }

  /** Runs one event. The output is null when nothing handles it, and when it failed. */
  dispatch(text: string): string | null {
    this.failed = null;
    const input = parse(text);
    if (!input) {
      this.failed = "cannot read the event: it is not JSON";
      return null;
    }
    const ctx = new Context(input);
    const action = ctx.event.kind == "action";
    const list = action ? this.actions : this.hooks;
    let handled = false;
    for (let i = 0; i < list.length; i++) {
      if (list[i].name != ctx.event.name) continue;
      handled = true;
      if (!this.run(list[i], ctx, action)) return this.failed == null ? ctx.changeset() : null;
    }
    if (!handled && !action && this.other.length > 0) {
      handled = true;
      if (!this.run(this.other[0], ctx, false)) return null;
    }
    return handled ? ctx.changeset() : null;
  }

  private run(entry: Entry, ctx: Context, action: bool): bool {
    if (entry.handle(ctx)) return true;
    if (ctx.error == "") ctx.fail("the charm failed and did not say why");
    if (action) ctx.failAction(ctx.error);
    else this.failed = ctx.error;
    return false;
  }
}

/** The charm that this module is: charm.on("config-changed", configure). */
export const charm: Charm = new Charm();
