/** Reading a stretch of an open file by way of the thread pool, however many calls that takes. */
import { read } from "node:fs";

/** Node refuses more than 2 GiB in one call. */
const MAX_CALL_BYTES = 2 ** 30;

/** Fills `into` from `position` on. Returns how many bytes there were: fewer than all where the file ends earlier. */
export async function readFully(descriptor: number, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const count = await readOnce(descriptor, into.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function readOnce(descriptor: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = Math.min(into.length, MAX_CALL_BYTES);
    read(descriptor, into, 0, length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}
