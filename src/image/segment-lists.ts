/** What the segments of one level of a map have in them, as one list. */
import type { Digest } from "../engine/artifact.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { badMap } from "./bad-map.ts";
import type { ChunkList } from "./chunk-list.ts";
import { ChunkListBuilder, DIGEST_BYTES } from "./map.ts";
import { decodeSegment } from "./map-segment.ts";

/** Brings a segment's bytes. */
export type SegmentSource = (digest: Digest) => Promise<Buffer>;

/** Small reads, from a remote the ones beside each other by one request: many at a time are fast, and take little memory. */
const SEGMENTS_AT_A_TIME = 32;

/**
 * `segments` ascend by their index. `capacity`: how many places each has. `end`: none of the places from there on has
 * anything. Throws TplError `bad-map`, and what `source` throws.
 */
export async function listedSegments(
  segments: readonly { index: number; digest: Digest }[],
  { capacity, end }: { capacity: number; end: number },
  source: SegmentSource,
): Promise<ChunkList> {
  const lists: ChunkList[] = [];
  await inParallel(segments.entries(), SEGMENTS_AT_A_TIME, async ([place, { index, digest }]) => {
    const first = index * capacity;
    if (first >= end) throw badMap("it names a segment past the end of the image");
    lists[place] = decodeSegment(await source(digest), { first, end: Math.min(first + capacity, end) });
  });
  return joined(lists);
}

/** A run goes on over the end of a segment. */
function joined(lists: readonly ChunkList[]): ChunkList {
  const entries = lists.reduce((sum, { digests }) => sum + digests.length / DIGEST_BYTES, 0);
  const all = new ChunkListBuilder(entries);
  for (const { runs, digests } of lists) {
    for (let run = 0; run < runs.length; run += 3) {
      const [first, count, place] = [runs[run]!, runs[run + 1]!, runs[run + 2]!];
      all.append(first, digests.subarray(place * DIGEST_BYTES, (place + count) * DIGEST_BYTES));
    }
  }
  return all.list();
}
