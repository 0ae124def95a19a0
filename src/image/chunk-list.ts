/**
 * The part that all bytes of chunk maps share: which chunks of a range are present, and their digests; or which segments
 * of a level, and theirs.
 *
 *     8r  runs, ascending, neither adjacent nor empty: index of the first chunk (4), number of chunks (4), big-endian
 *     32  a digest for each present chunk, in the order of the chunks
 */
import { badMap } from "./bad-map.ts";
import { DIGEST_BYTES, ZERO_CHUNK_DIGEST } from "./map.ts";

const RUN_BYTES = 8;

export interface ChunkList {
  /** Three numbers a run, as in `ChunkMap`. */
  runs: Uint32Array;
  digests: Buffer;
}

/** `firstChunk` is taken from every index. */
export function encodeChunkList(
  header: Buffer,
  { runs, digests }: ChunkList,
  { firstChunk }: { firstChunk: number },
): Buffer {
  const runCount = runs.length / 3;
  const bytes = Buffer.allocUnsafe(header.length + runCount * RUN_BYTES + digests.length);
  header.copy(bytes);
  let at = header.length;
  for (let run = 0; run < runs.length; run += 3) {
    bytes.writeUInt32BE(runs[run]! - firstChunk, at);
    bytes.writeUInt32BE(runs[run + 1]!, at + 4);
    at += RUN_BYTES;
  }
  digests.copy(bytes, at);
  return bytes;
}

/** `bytes` from `at` to its end. `endChunk`: no chunk is at or past it. Whatever is not canonical is a `bad-map`. */
export function decodeChunkList(
  bytes: Buffer,
  at: number,
  expected: { runCount: number; present: number; endChunk: number },
): ChunkList {
  const { runCount, present, endChunk } = expected;
  const digestsAt = at + runCount * RUN_BYTES;
  if (bytes.length !== digestsAt + present * DIGEST_BYTES) throw badMap("its length does not fit its counts");
  const runs = decodeRuns(bytes, at, runCount);
  const last = runs.length - 3;
  if ((last < 0 ? 0 : runs[last + 1]! + runs[last + 2]!) !== present)
    throw badMap("its runs do not add up to its present chunks");
  if (last >= 0 && runs[last]! + runs[last + 1]! > endChunk) throw badMap("it names a chunk past the end");
  const digests = bytes.subarray(digestsAt);
  if (includesDigest(digests, ZERO_CHUNK_DIGEST)) throw badMap("it lists a chunk of zeros");
  return { runs, digests };
}

function decodeRuns(bytes: Buffer, at: number, runCount: number): Uint32Array {
  const runs = new Uint32Array(runCount * 3);
  let place = 0;
  let end = -1;
  for (let run = 0; run < runCount; run++) {
    const first = bytes.readUInt32BE(at + run * RUN_BYTES);
    const count = bytes.readUInt32BE(at + run * RUN_BYTES + 4);
    if (count === 0 || first <= end) throw badMap("its runs are empty, adjacent or out of order");
    runs[run * 3] = first;
    runs[run * 3 + 1] = count;
    runs[run * 3 + 2] = place;
    place += count;
    end = first + count;
  }
  return runs;
}

function includesDigest(digests: Buffer, digest: Buffer): boolean {
  for (let at = digests.indexOf(digest); at >= 0; at = digests.indexOf(digest, at + 1)) {
    if (at % DIGEST_BYTES === 0) return true;
  }
  return false;
}
