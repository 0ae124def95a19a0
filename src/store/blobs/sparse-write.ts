/** Bytes that become part of a new file, where its blocks of zeros become holes: they take no room on the disk. */
import { ftruncateSync, writevSync } from "node:fs";

/** The block of the file systems that stores lie on: of anything smaller there is no hole. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * Writes the buffers one after the other from `position` on, which is the file's end or past it. `position` and their
 * lengths are multiples of the block. Throws what writing throws, with a part written.
 */
export function writeSparsely(descriptor: number, buffers: readonly Uint8Array[], position: number): void {
  let run: Uint8Array[] = [];
  let runAt = position;
  let dataEnd = position;
  let at = position;
  for (const buffer of buffers) {
    for (const { from, end } of dataIn(buffer)) {
      if (at + from !== dataEnd) {
        writeFully(descriptor, run, runAt);
        run = [];
        runAt = at + from;
      }
      run.push(from === 0 && end === buffer.length ? buffer : buffer.subarray(from, end));
      dataEnd = at + end;
    }
    at += buffer.length;
  }
  writeFully(descriptor, run, runAt);
  if (dataEnd < at) ftruncateSync(descriptor, at);
}

/** The ranges of whole blocks that are not all zeros, none next to another. */
function* dataIn(buffer: Uint8Array): Generator<{ from: number; end: number }> {
  let from = 0;
  for (let at = 0; at < buffer.length; at += BLOCK_BYTES) {
    if (!isZeroBlock(buffer, at)) continue;
    if (from < at) yield { from, end: at };
    from = at + BLOCK_BYTES;
  }
  if (from < buffer.length) yield { from, end: buffer.length };
}

function isZeroBlock(buffer: Uint8Array, at: number): boolean {
  return buffer[at] === 0 && ZEROS.equals(buffer.subarray(at, at + BLOCK_BYTES));
}

function writeFully(descriptor: number, buffers: readonly Uint8Array[], position: number): void {
  if (buffers.length === 0) return;
  const length = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
  const written = writevSync(descriptor, buffers, position);
  // Short of a full disk or a signal there is no rest, so its copy costs nothing.
  if (written < length)
    writeFully(descriptor, [Buffer.concat(buffers).subarray(written)], position + written);
}
