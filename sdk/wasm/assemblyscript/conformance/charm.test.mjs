import assert from "node:assert/strict";
import test from "node:test";
import { vectors } from "../bangle/charmtest.mjs";

test("vectors", { skip: !process.env.BANGLE_VECTORS && "BANGLE_VECTORS names no file" }, () => {
  assert.deepEqual(vectors(process.env.BANGLE_VECTORS), []);
});
