/**
 * Roots of maps of versions 1 and 2, which stores still have. They begin as those of version 3 do (`map-format.ts`).
 * Version 1 is in one piece:
 *
 *    24   4  number of runs
 *    28   4  number of present chunks
 *    32   …  runs and digests, as in `chunk-list.ts`
 *
 * Version 2 names segments of 2048 chunks, all of them in the root:
 *
 *    24   4  chunks in a segment, 2048
 *    28   4  number of segments
 *    32 36s  segments that are not all zeros, ascending: index (4), digest (32)
 */
import type { Digest } from "../engine/artifact.ts";
import { badMap } from "./bad-map.ts";
import { type ChunkList, decodeChunkList } from "./chunk-list.ts";
import { DIGEST_BYTES, digestFromBytes } from "./map.ts";
import { listedSegments, type SegmentSource } from "./segment-lists.ts";

const HEADER_BYTES = 32;
const SEGMENT_CHUNKS = 2048;
const ENTRY_BYTES = 4 + DIGEST_BYTES;

/** `endChunk`: no chunk is at or past it. Whatever is not canonical is a `bad-map`. */
export function decodeVersion1(root: Buffer, endChunk: number): ChunkList {
  const runCount = root.readUInt32BE(24);
  const present = root.readUInt32BE(28);
  return decodeChunkList(root, HEADER_BYTES, { runCount, present, endChunk });
}

/** As `decodeVersion1`; throws what `segment` throws, too. */
export async function decodeVersion2(
  root: Buffer,
  endChunk: number,
  segment: SegmentSource,
): Promise<{ list: ChunkList; segments: Digest[] }> {
  if (root.readUInt32BE(24) !== SEGMENT_CHUNKS)
    throw badMap(`its segments are not of ${SEGMENT_CHUNKS} chunks`);
  const entries = decodeEntries(root, root.readUInt32BE(28));
  const list = await listedSegments(entries, { capacity: SEGMENT_CHUNKS, end: endChunk }, segment);
  return { list, segments: entries.map(({ digest }) => digest) };
}

function decodeEntries(root: Buffer, count: number): { index: number; digest: Digest }[] {
  if (root.length !== HEADER_BYTES + count * ENTRY_BYTES) throw badMap("its length does not fit its counts");
  const entries = [];
  let last = -1;
  for (let at = HEADER_BYTES; at < root.length; at += ENTRY_BYTES) {
    const index = root.readUInt32BE(at);
    if (index <= last) throw badMap("its segments are out of order");
    entries.push({ index, digest: digestFromBytes(root.subarray(at + 4, at + ENTRY_BYTES)) });
    last = index;
  }
  return entries;
}
