/**
 * The bytes of a chunk map: a root that names the segments (`map-segment.ts`). Canonical: equal content and size give
 * equal bytes, hence the same image digest, which is the root's; whatever else decodes to the same map is refused.
 * Version 2, all numbers big-endian:
 *
 *     0   8  magic "tplchmap"
 *     8   4  version, 2
 *    12   4  chunk size in bytes, 65536
 *    16   8  size of the image in bytes
 *    24   4  chunks in a segment, 2048
 *    28   4  number of segments
 *    32 36s  segments that are not all zeros, ascending: index (4), digest (32)
 *
 * Version 1, which is read and not written any more, was in one piece:
 *
 *    24   4  number of runs
 *    28   4  number of present chunks
 *    32   …  runs and digests, as in `chunk-list.ts`
 */
import { hash } from "node:crypto";
import type { Digest } from "../engine/artifact.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { badMap } from "./bad-map.ts";
import { type ChunkList, decodeChunkList } from "./chunk-list.ts";
import {
  CHUNK_BYTES,
  type ChunkMap,
  chunkCount,
  DIGEST_BYTES,
  digestFromBytes,
  MAX_IMAGE_BYTES,
} from "./map.ts";
import { decodeSegment, encodeSegments, SEGMENT_CHUNKS } from "./map-segment.ts";

const MAGIC = Buffer.from("tplchmap", "latin1");
const VERSION = 2;
const HEADER_BYTES = 32;
const ENTRY_BYTES = 4 + DIGEST_BYTES;

const SEGMENTS_AT_A_TIME = 8;

export interface EncodedMap {
  root: Buffer;
  segments: { digest: Digest; bytes: Buffer }[];
}

export interface DecodedMap {
  map: ChunkMap;
  /** The blobs that the map consists of beside its root. */
  segments: Digest[];
}

/** The canonical bytes of a map, as in the head of this file. */
export function encodeMap(map: ChunkMap): EncodedMap {
  const segments: EncodedMap["segments"] = [];
  const entries: Buffer[] = [];
  for (const { index, bytes } of encodeSegments(map)) {
    const digest = hash("sha256", bytes, "buffer");
    const place = Buffer.allocUnsafe(4);
    place.writeUInt32BE(index);
    entries.push(place, digest);
    segments.push({ digest: digestFromBytes(digest), bytes });
  }
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 8);
  header.writeUInt32BE(CHUNK_BYTES, 12);
  header.writeBigUInt64BE(BigInt(map.sizeBytes), 16);
  header.writeUInt32BE(SEGMENT_CHUNKS, 24);
  header.writeUInt32BE(segments.length, 28);
  return { root: Buffer.concat([header, ...entries]), segments };
}

/**
 * Reads what `encodeMap` made; `segment` brings a segment's bytes. Whatever is not canonical is refused with TplError
 * `bad-map`. Throws what `segment` throws.
 */
export async function decodeMap(
  root: Buffer,
  segment: (digest: Digest) => Promise<Buffer>,
): Promise<DecodedMap> {
  if (root.length < HEADER_BYTES) throw badMap("it is shorter than a header");
  if (!root.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("it does not begin with a chunk map's magic");
  if (root.readUInt32BE(12) !== CHUNK_BYTES) throw badMap(`its chunk size is not ${CHUNK_BYTES}`);
  const sizeBytes = Number(root.readBigUInt64BE(16));
  if (sizeBytes > MAX_IMAGE_BYTES) throw badMap("its image is too large");
  const version = root.readUInt32BE(8);
  if (version === 1) return { map: decodeWhole(root, sizeBytes), segments: [] };
  if (version === VERSION) return await decodeSegmented(root, sizeBytes, segment);
  throw badMap(`its version is ${version}, this program reads up to ${VERSION}`);
}

function decodeWhole(root: Buffer, sizeBytes: number): ChunkMap {
  const runCount = root.readUInt32BE(24);
  const present = root.readUInt32BE(28);
  const endChunk = chunkCount(sizeBytes);
  return { sizeBytes, ...decodeChunkList(root, HEADER_BYTES, { runCount, present, endChunk }) };
}

async function decodeSegmented(
  root: Buffer,
  sizeBytes: number,
  segment: (digest: Digest) => Promise<Buffer>,
): Promise<DecodedMap> {
  if (root.readUInt32BE(24) !== SEGMENT_CHUNKS)
    throw badMap(`its segments are not of ${SEGMENT_CHUNKS} chunks`);
  const entries = decodeEntries(root, root.readUInt32BE(28));
  const lists: ChunkList[] = [];
  await inParallel(entries.entries(), SEGMENTS_AT_A_TIME, async ([place, { index, digest }]) => {
    const firstChunk = index * SEGMENT_CHUNKS;
    const endChunk = chunkCount(sizeBytes);
    if (firstChunk >= endChunk) throw badMap("it names a segment past the end of the image");
    lists[place] = decodeSegment(await segment(digest), firstChunk, endChunk);
  });
  const segments = [...new Set(entries.map(({ digest }) => digest))];
  return { map: { sizeBytes, ...joined(lists) }, segments };
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

/** As one list, in which a run goes on over the end of a segment. */
function joined(lists: readonly ChunkList[]): ChunkList {
  const runs: number[] = [];
  let place = 0;
  let end = -1;
  for (const list of lists) {
    for (let run = 0; run < list.runs.length; run += 3) {
      const [first, count] = [list.runs[run]!, list.runs[run + 1]!];
      if (first === end) runs[runs.length - 2]! += count;
      else runs.push(first, count, place);
      place += count;
      end = first + count;
    }
  }
  return { runs: Uint32Array.from(runs), digests: Buffer.concat(lists.map(({ digests }) => digests)) };
}
