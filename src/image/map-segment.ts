/**
 * The bytes of a segment: a part of an image's map, `SEGMENT_ENTRIES` places for chunks or for segments of the level
 * below, counted from its begin, so that equal parts of images are one blob wherever they lie. Canonical as maps are. A
 * segment with nothing in it has no bytes: it is left out. All numbers big-endian:
 *
 *     0   8  magic "tplchseg"
 *     8   4  version, 1
 *    12   4  number of runs
 *    16   4  number of entries, not 0
 *    20   …  runs and digests, as in `chunk-list.ts`
 */
import { badMap } from "./bad-map.ts";
import { type ChunkList, decodeChunkList, encodeChunkList } from "./chunk-list.ts";
import { DIGEST_BYTES } from "./map.ts";

/**
 * 15.75 MiB of chunks: what a change within them costs beside its chunk. A full one takes two blocks of 4 KiB on the
 * disk with its header and up to 13 runs, where 256 entries would take three.
 */
export const SEGMENT_ENTRIES = 252;

const MAGIC = Buffer.from("tplchseg", "latin1");
const VERSION = 1;
const HEADER_BYTES = 20;

export interface Segment {
  /** Among the segments of its level. */
  index: number;
  bytes: Buffer;
}

/** The segments of a list that have something in them, ascending by their index. */
export function* encodeSegments(list: ChunkList): Generator<Segment> {
  let runs: number[] = [];
  let index = -1;
  for (const [first, count, place] of piecesOf(list)) {
    const segment = Math.floor(first / SEGMENT_ENTRIES);
    if (segment !== index && runs.length > 0) {
      yield { index, bytes: encodeSegment(list, index, runs) };
      runs = [];
    }
    index = segment;
    runs.push(first, count, place);
  }
  if (runs.length > 0) yield { index, bytes: encodeSegment(list, index, runs) };
}

/**
 * `first`: the index of its first place in the list that it is part of, from whose begin the result counts. No entry is
 * at or past `end`. Whatever is not canonical is a `bad-map`.
 */
export function decodeSegment(bytes: Buffer, { first, end }: { first: number; end: number }): ChunkList {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("what it names as a segment is none");
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) throw badMap(`its segment's version is ${version}, this program reads ${VERSION}`);
  const runCount = bytes.readUInt32BE(12);
  const present = bytes.readUInt32BE(16);
  if (present === 0) throw badMap("it has a segment of zeros");
  const list = decodeChunkList(bytes, HEADER_BYTES, { runCount, present, endChunk: end - first });
  for (let run = 0; run < list.runs.length; run += 3) list.runs[run]! += first;
  return list;
}

/** The runs of a list, cut where a segment ends. */
function* piecesOf({ runs }: ChunkList): Generator<[first: number, count: number, place: number]> {
  for (let run = 0; run < runs.length; run += 3) {
    const end = runs[run]! + runs[run + 1]!;
    for (let first = runs[run]!; first < end; ) {
      const stop = Math.min(end, (Math.floor(first / SEGMENT_ENTRIES) + 1) * SEGMENT_ENTRIES);
      yield [first, stop - first, runs[run + 2]! + first - runs[run]!];
      first = stop;
    }
  }
}

/** Pieces next to each other have their digests next to each other. */
function encodeSegment(list: ChunkList, index: number, runs: number[]): Buffer {
  const firstPlace = runs[2]!;
  const endPlace = runs.at(-1)! + runs.at(-2)!;
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt32BE(VERSION, 8);
  header.writeUInt32BE(runs.length / 3, 12);
  header.writeUInt32BE(endPlace - firstPlace, 16);
  const digests = list.digests.subarray(firstPlace * DIGEST_BYTES, endPlace * DIGEST_BYTES);
  return encodeChunkList(
    header,
    { runs: Uint32Array.from(runs), digests },
    { firstChunk: index * SEGMENT_ENTRIES },
  );
}
