/** Where two images begin to differ. */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { CHUNK_BYTES, type ChunkMap, digestOf, presentChunks } from "./map.ts";
import { asDamagedImage, loadMap } from "./stored-map.ts";

export interface DifferingRange {
  offset: number;
  /** To the last byte that differs in that chunk of 64 KiB; of images of different sizes, to the end of the larger. */
  lengthBytes: number;
}

/** Undefined: they are the same. Throws ArtifactDamaged. */
export async function firstDifference(
  blobs: BlobStore,
  one: ImageArtifact,
  other: ImageArtifact,
): Promise<DifferingRange | undefined> {
  const sides = await Promise.all(
    [one, other].map(async (image) => ({ image, map: await loadMap(blobs, image) })),
  );
  const index = firstDifferingChunk(sides[0]!.map, sides[1]!.map);
  if (index === undefined) {
    const offset = Math.min(one.bytes, other.bytes);
    const lengthBytes = Math.max(one.bytes, other.bytes) - offset;
    return lengthBytes === 0 ? undefined : { offset, lengthBytes };
  }
  const [a, b] = await Promise.all(sides.map(({ image, map }) => readChunk(blobs, image, map, index)));
  let first = 0;
  while (a![first] === b![first]) first++;
  let end = CHUNK_BYTES;
  while (a![end - 1] === b![end - 1]) end--;
  return { offset: index * CHUNK_BYTES + first, lengthBytes: end - first };
}

function firstDifferingChunk(one: ChunkMap, other: ChunkMap): number | undefined {
  let first: number | undefined;
  for (const [map, against] of [
    [one, other],
    [other, one],
  ] as const)
    for (const index of presentChunks(map)) {
      if (first !== undefined && index >= first) break;
      if (digestOf(map, index) !== digestOf(against, index)) first = index;
    }
  return first;
}

async function readChunk(
  blobs: BlobStore,
  image: ImageArtifact,
  map: ChunkMap,
  index: number,
): Promise<Buffer> {
  const digest = digestOf(map, index);
  if (!digest) return Buffer.alloc(CHUNK_BYTES);
  try {
    return await blobs.get(digest);
  } catch (error) {
    throw asDamagedImage(error, image.digest);
  }
}
