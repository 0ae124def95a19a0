/** A part of an open file, read into memory. */
import { readSync } from "node:fs";
import { readFully } from "../../engine/read-fully.ts";

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
  const filled = await readFully(descriptor, into.subarray(0, length), position);
  into.fill(0, filled);
  return filled;
}
