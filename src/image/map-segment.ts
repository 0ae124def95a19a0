/**
 * The bytes of a segment: the part of a chunk map for `SEGMENT_CHUNKS` chunks (128 MiB of disk), counted from its
 * begin, so that equal parts of images are one blob wherever they lie. Canonical as maps are. A segment without chunks
 * has no bytes: it is left out. All numbers big-endian:
 *
 *     0   8  magic "tplchseg"
 *     8   4  version, 1
 *    12   4  number of runs
 *    16   4  number of present chunks, not 0
 *    20   …  runs and digests, as in `chunk-list.ts`
 */
import { badMap } from "./bad-map.ts";
import { type ChunkList, decodeChunkList, encodeChunkList } from "./chunk-list.ts";
import { type ChunkMap, DIGEST_BYTES } from "./map.ts";

/** A change within one costs storing it anew (64 KiB when it is full); a full 1 TiB has 8,192 of them. */
export const SEGMENT_CHUNKS = 2048;

const MAGIC = Buffer.from("tplchseg", "latin1");
const VERSION = 1;
const HEADER_BYTES = 20;

/** The segments of a map that are not all zeros, ascending by their index. */
export function* encodeSegments(map: ChunkMap): Generator<{ index: number; bytes: Buffer }> {
  let runs: number[] = [];
  let index = -1;
  for (const [first, count, place] of piecesOf(map)) {
    const segment = Math.floor(first / SEGMENT_CHUNKS);
    if (segment !== index && runs.length > 0) {
      yield { index, bytes: encodeSegment(map, index, runs) };
      runs = [];
    }
    index = segment;
    runs.push(first, count, place);
  }
  if (runs.length > 0) yield { index, bytes: encodeSegment(map, index, runs) };
}

/** `bytes` are those of the segment that begins with `firstChunk`; the list counts from the image's begin. */
export function decodeSegment(bytes: Buffer, firstChunk: number, endChunk: number): ChunkList {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("what it names as a segment is none");
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) throw badMap(`its segment's version is ${version}, this program reads ${VERSION}`);
  const runCount = bytes.readUInt32BE(12);
  const present = bytes.readUInt32BE(16);
  if (present === 0) throw badMap("it has a segment of zeros");
  const end = Math.min(SEGMENT_CHUNKS, endChunk - firstChunk);
  const list = decodeChunkList(bytes, HEADER_BYTES, { runCount, present, endChunk: end });
  for (let run = 0; run < list.runs.length; run += 3) list.runs[run]! += firstChunk;
  return list;
}

/** The runs of a map, cut where a segment ends. */
function* piecesOf({ runs }: ChunkMap): Generator<[first: number, count: number, place: number]> {
  for (let run = 0; run < runs.length; run += 3) {
    const end = runs[run]! + runs[run + 1]!;
    for (let first = runs[run]!; first < end; ) {
      const stop = Math.min(end, (Math.floor(first / SEGMENT_CHUNKS) + 1) * SEGMENT_CHUNKS);
      yield [first, stop - first, runs[run + 2]! + first - runs[run]!];
      first = stop;
    }
  }
}

/** Pieces next to each other have their digests next to each other. */
function encodeSegment(map: ChunkMap, index: number, runs: number[]): Buffer {
  const firstPlace = runs[2]!;
  const endPlace = runs.at(-1)! + runs.at(-2)!;
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 8);
  header.writeUInt32BE(runs.length / 3, 12);
  header.writeUInt32BE(endPlace - firstPlace, 16);
  const digests = map.digests.subarray(firstPlace * DIGEST_BYTES, endPlace * DIGEST_BYTES);
  return encodeChunkList(
    header,
    { runs: Uint32Array.from(runs), digests },
    { firstChunk: index * SEGMENT_CHUNKS },
  );
}
