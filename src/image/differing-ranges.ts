/**
 * Where two images differ: from their maps, by whole chunks, then to the block by reading those chunks alone. What lies
 * past the end of the smaller one counts as zeros.
 */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { BLOCK_BYTES } from "./dirty-map.ts";
import { CHUNK_BYTES, digestOf, presentChunks } from "./map.ts";
import { loadMap } from "./stored-map.ts";
import { openView } from "./view.ts";

/** In bytes, multiples of 4096. */
export interface DifferingRange {
  offset: number;
  length: number;
}

const CHUNKS_AT_A_TIME = 8;

/** Ascending, none adjacent to another. Throws ArtifactDamaged, or the reason of `signal`. */
export async function differingRanges(
  blobs: BlobStore,
  a: ImageArtifact,
  b: ImageArtifact,
  { signal }: { signal?: AbortSignal } = {},
): Promise<DifferingRange[]> {
  const [mapA, mapB] = [await loadMap(blobs, a), await loadMap(blobs, b)];
  const present = new Set([...presentChunks(mapA), ...presentChunks(mapB)]);
  const differing = [...present].filter((index) => digestOf(mapA, index) !== digestOf(mapB, index));
  const sizeBytes = Math.max(a.bytes, b.bytes);
  const open = (map: typeof mapA) => openView({ blobs, map, sizeBytes, overlayPath: "", readOnly: true });
  const [viewA, viewB] = [await open(mapA), await open(mapB)];
  const blocks = new Set<number>();
  try {
    await inParallel(differing, CHUNKS_AT_A_TIME, async (index) => {
      signal?.throwIfAborted();
      const start = index * CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES, sizeBytes - start);
      const [ofA, ofB] = await Promise.all([viewA.read(start, length), viewB.read(start, length)]);
      for (let at = 0; at < length; at += BLOCK_BYTES)
        if (!ofA.subarray(at, at + BLOCK_BYTES).equals(ofB.subarray(at, at + BLOCK_BYTES)))
          blocks.add((start + at) / BLOCK_BYTES);
    });
  } catch (error) {
    throw viewA.fault() ?? viewB.fault() ?? error;
  } finally {
    await Promise.all([viewA.close(), viewB.close()]);
  }
  return joined([...blocks].sort((one, other) => one - other));
}

function joined(blocks: readonly number[]): DifferingRange[] {
  const ranges: DifferingRange[] = [];
  for (const block of blocks) {
    const offset = block * BLOCK_BYTES;
    const last = ranges.at(-1);
    if (last && last.offset + last.length === offset) last.length += BLOCK_BYTES;
    else ranges.push({ offset, length: BLOCK_BYTES });
  }
  return ranges;
}
