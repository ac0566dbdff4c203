// What the host sees of a charm: the exports of ABI 1. A charm's module exports them again:
//   export { charm_abi_1, charm_alloc, charm_dispatch, charm_last_error } from "./bangle/abi";

import { charm } from "./charm";

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(fd: i32, vectors: usize, n: usize, written: usize): i32;

// Nothing here may allocate while the module starts: as the home of abort this file comes before the allocator.
let failed: string = "";
let output: ArrayBuffer | null = null;

/** Says why the charm ended on standard error, which is where the host looks for its last words. */
export function charm_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = String.UTF8.encode("panic: " + (message ? message : "") + "\nat " + (file ? file : "") + ":" + line.toString() + "\n");
  const vector = new StaticArray<usize>(3);
  vector[0] = changetype<usize>(text);
  vector[1] = text.byteLength;
  fd_write(2, changetype<usize>(vector), 1, changetype<usize>(vector) + 2 * sizeof<usize>());
  unreachable();
}

export function charm_abi_1(): void {}

export function charm_alloc(n: usize): usize { return heap.alloc(n); }

function packed(text: string): u64 {
  const bytes = String.UTF8.encode(text);
  output = bytes; // the host reads it after this has returned
  return <u64>changetype<usize>(bytes) << 32 | bytes.byteLength;
}

export function charm_dispatch(at: usize, n: usize): u64 {
  const text = charm.dispatch(String.UTF8.decodeUnsafe(at, n));
  if (charm.failed != null) {
    failed = charm.failed as string;
    return 0;
  }
  return packed(text == null ? "" : text);
}

export function charm_last_error(): u64 { return packed(failed); }
