/**
 * The bytes of a chunk map: a tree of lists with at most `SEGMENT_ENTRIES` entries each, so that a change costs one list
 * of each level, whatever the image's size. The lists that name chunks, and those that name lists, are segments
 * (`map-segment.ts`); the root is the list above them all. Canonical: equal content and size give equal bytes, hence the
 * same image digest, which is the root's; whatever else decodes to the same map is refused. Version 3, all numbers
 * big-endian:
 *
 *     0   8  magic "tplchmap"
 *     8   4  version, 3
 *    12   4  chunk size in bytes, 65536
 *    16   8  size of the image in bytes
 *    24   4  most entries in a segment, 252
 *    28   4  number of runs
 *    32   4  number of entries: segments of the level below
 *    36   …  runs and digests, as in `chunk-list.ts`
 *
 * How many levels of segments there are follows from the size: as few as leave the root no more entries than a segment
 * has, and at least one. One up to 3.9 GiB, two up to 976 GiB. Versions 1 and 2 are read and not written any more
 * (`old-map-formats.ts`).
 */
import { hash } from "node:crypto";
import type { Digest } from "../engine/artifact.ts";
import { badMap } from "./bad-map.ts";
import { type ChunkList, decodeChunkList, encodeChunkList } from "./chunk-list.ts";
import {
  CHUNK_BYTES,
  ChunkListBuilder,
  type ChunkMap,
  chunkCount,
  DIGEST_BYTES,
  digestFromBytes,
  MAX_IMAGE_BYTES,
} from "./map.ts";
import { encodeSegments, SEGMENT_ENTRIES } from "./map-segment.ts";
import { decodeVersion1, decodeVersion2 } from "./old-map-formats.ts";
import { listedSegments, type SegmentSource } from "./segment-lists.ts";

const MAGIC = Buffer.from("tplchmap", "latin1");
const VERSION = 3;
const HEADER_BYTES = 36;
/** Of every version. */
const COMMON_HEADER_BYTES = 32;

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
  let list: ChunkList = map;
  for (let level = levelsOf(map.sizeBytes); level > 0; level--) {
    const above = new ChunkListBuilder(list.digests.length / DIGEST_BYTES);
    for (const { index, bytes } of encodeSegments(list)) {
      const digest = hash("sha256", bytes, "buffer");
      above.append(index, digest);
      segments.push({ digest: digestFromBytes(digest), bytes });
    }
    list = above.list();
  }
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 8);
  header.writeUInt32BE(CHUNK_BYTES, 12);
  header.writeBigUInt64BE(BigInt(map.sizeBytes), 16);
  header.writeUInt32BE(SEGMENT_ENTRIES, 24);
  header.writeUInt32BE(list.runs.length / 3, 28);
  header.writeUInt32BE(list.digests.length / DIGEST_BYTES, 32);
  return { root: encodeChunkList(header, list, { firstChunk: 0 }), segments };
}

/**
 * Reads what `encodeMap` made, now or in earlier versions; `segment` brings a segment's bytes. Whatever is not canonical
 * is refused with TplError `bad-map`. Throws what `segment` throws.
 */
export async function decodeMap(root: Buffer, segment: SegmentSource): Promise<DecodedMap> {
  if (root.length < COMMON_HEADER_BYTES) throw badMap("it is shorter than a header");
  if (!root.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("it does not begin with a chunk map's magic");
  if (root.readUInt32BE(12) !== CHUNK_BYTES) throw badMap(`its chunk size is not ${CHUNK_BYTES}`);
  const sizeBytes = Number(root.readBigUInt64BE(16));
  if (sizeBytes > MAX_IMAGE_BYTES) throw badMap("its image is too large");
  const { list, segments } = await decodeList(root, chunkCount(sizeBytes), segment);
  return { map: { sizeBytes, ...list }, segments: [...new Set(segments)] };
}

interface DecodedList {
  list: ChunkList;
  segments: Digest[];
}

async function decodeList(root: Buffer, chunks: number, segment: SegmentSource): Promise<DecodedList> {
  const version = root.readUInt32BE(8);
  switch (version) {
    case 1:
      return { list: decodeVersion1(root, chunks), segments: [] };
    case 2:
      return await decodeVersion2(root, chunks, segment);
    case VERSION:
      return await decodeTree(root, chunks, segment);
    default:
      throw badMap(`its version is ${version}, this program reads up to ${VERSION}`);
  }
}

async function decodeTree(root: Buffer, chunks: number, segment: SegmentSource): Promise<DecodedList> {
  if (root.length < HEADER_BYTES) throw badMap("it is shorter than a header");
  if (root.readUInt32BE(24) !== SEGMENT_ENTRIES)
    throw badMap(`its segments are not of ${SEGMENT_ENTRIES} entries`);
  const endAt = (level: number) => Math.ceil(chunks / SEGMENT_ENTRIES ** level);
  const levels = levelsOf(chunks * CHUNK_BYTES);
  const segments: Digest[] = [];
  let list = decodeChunkList(root, HEADER_BYTES, {
    runCount: root.readUInt32BE(28),
    present: root.readUInt32BE(32),
    endChunk: endAt(levels),
  });
  for (let level = levels - 1; level >= 0; level--) {
    const entries = [...entriesOf(list)];
    for (const { digest } of entries) segments.push(digest);
    list = await listedSegments(entries, { capacity: SEGMENT_ENTRIES, end: endAt(level) }, segment);
  }
  return { list, segments };
}

/** Of segments, for an image of that size. */
function levelsOf(sizeBytes: number): number {
  let levels = 1;
  for (let most = SEGMENT_ENTRIES ** 2; most < chunkCount(sizeBytes); most *= SEGMENT_ENTRIES) levels++;
  return levels;
}

function* entriesOf({ runs, digests }: ChunkList): Generator<{ index: number; digest: Digest }> {
  for (let run = 0; run < runs.length; run += 3) {
    for (let at = 0; at < runs[run + 1]!; at++) {
      const place = (runs[run + 2]! + at) * DIGEST_BYTES;
      yield {
        index: runs[run]! + at,
        digest: digestFromBytes(digests.subarray(place, place + DIGEST_BYTES)),
      };
    }
  }
}
