/** A part of an open file, read into memory. */
import { read, readSync } from "node:fs";

export interface FilePart {
  descriptor: number;
  position: number;
  length: number;
}

/** Fills `into`, at least as long, with zeros behind the part. Returns how much there was: less where the file ends. */
export function fillHere(into: Uint8Array, { descriptor, position, length }: FilePart): number {
  let filled = 0;
  while (filled < length) {
    const count = readSync(descriptor, into, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  into.fill(0, filled);
  return filled;
}

/** As `fillHere`, by way of the thread pool. */
export async function fill(into: Uint8Array, { descriptor, position, length }: FilePart): Promise<number> {
  let filled = 0;
  while (filled < length) {
    const count = await readOnce(descriptor, into, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  into.fill(0, filled);
  return filled;
}

function readOnce(
  descriptor: number,
  into: Uint8Array,
  at: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, into, at, length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}
