// The calls of the host. Each import is a function of its own that the compiler drops when nothing calls it, so that a module
// imports what its charm calls and nothing else.

import { Json, parse, Writer } from "./json";
import { Context } from "./context";

/** The shape of every import. */
export type Enter = (request: usize, n: usize, out: usize, cap: usize) => i32;

// @ts-ignore: decorator
@external("charm/answer@1", "take") declare function answer_take(request: usize, n: usize, out: usize, cap: usize): i32;

// Room for an answer of ordinary size; a larger one is fetched in a second crossing.
const FIRST = 2048;

/** Makes a call; the value is what follows "ok", null when the host answered with an error, which ctx.error then says. */
export function call(ctx: Context, enter: Enter, w: Writer): Json | null {
  w.close("}");
  const request = String.UTF8.encode(w.text);
  let out = new ArrayBuffer(FIRST);
  let n = enter(changetype<usize>(request), request.byteLength, changetype<usize>(out), FIRST);
  if (n < 0) {
    out = new ArrayBuffer(-n);
    n = answer_take(0, 0, changetype<usize>(out), -n);
  }
  if (n == 0) return new Json();
  const answer = parse(String.UTF8.decodeUnsafe(changetype<usize>(out), n));
  if (!answer) {
    ctx.fail("cannot read the host's answer: it is not JSON");
    return null;
  }
  const error = answer.get("error");
  if (error.exists) {
    ctx.fail(error.get("message").text);
    ctx.errorClass = error.get("class").text;
    return null;
  }
  return answer.get("ok");
}
