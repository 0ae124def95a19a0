/** Where two images begin to differ, to the byte. */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { differingRanges } from "./differing-ranges.ts";
import { CHUNK_BYTES } from "./map.ts";
import { loadMap } from "./stored-map.ts";
import { openView } from "./view.ts";

export interface FirstDifference {
  offset: number;
  /** From the first to the last byte that differs in the first range of differing blocks, 64 KiB of it at most. */
  lengthBytes: number;
}

/** Undefined: they have the same content, maybe in different sizes. Throws ArtifactDamaged, or the reason of `signal`. */
export async function firstDifference(
  blobs: BlobStore,
  a: ImageArtifact,
  b: ImageArtifact,
  options: { signal?: AbortSignal } = {},
): Promise<FirstDifference | undefined> {
  const [range] = await differingRanges(blobs, a, b, options);
  if (!range) return undefined;
  const sizeBytes = Math.max(a.bytes, b.bytes);
  const length = Math.min(range.length, CHUNK_BYTES, sizeBytes - range.offset);
  const read = async (image: ImageArtifact) => {
    const map = await loadMap(blobs, image);
    const view = await openView({ blobs, map, sizeBytes, overlayPath: "", readOnly: true });
    try {
      return Buffer.from(await view.read(range.offset, length));
    } finally {
      await view.close();
    }
  };
  const [ofA, ofB] = [await read(a), await read(b)];
  let first = 0;
  while (ofA[first] === ofB[first]) first++;
  let end = length;
  while (ofA[end - 1] === ofB[end - 1]) end--;
  return { offset: range.offset + first, lengthBytes: end - first };
}
