/** Packs behind the store's back. */
import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import type { Digest } from "../../../src/engine/artifact.ts";
import { type BlobStore, CHUNK_BYTES } from "../../../src/engine/blobs.ts";
import { digestOf, hexOf } from "../../../src/store/blobs/digest.ts";
import { packPath } from "../../../src/store/blobs/pack-files.ts";
import { PackIndex, type Place } from "../../../src/store/blobs/pack-index.ts";

/** Where a chunk lies. */
export function placeOf(folder: string, digest: Digest): Place {
  const index = PackIndex.open(folder, "read")!;
  try {
    return index.find(Buffer.from(hexOf(digest), "hex"))!;
  } finally {
    index.close();
  }
}

/** In a tick of the clock in which the pack was not changed before, so that it shows in its times. */
export function overwriteInPack(folder: string, digest: Digest, content: Uint8Array): void {
  const { pack, slot } = placeOf(folder, digest);
  const descriptor = openSync(packPath(folder, pack), "r+");
  const changed = () => fstatSync(descriptor, { bigint: true }).ctimeNs;
  const before = changed();
  do writeSync(descriptor, content, 0, content.byteLength, slot * CHUNK_BYTES);
  while (changed() === before);
  closeSync(descriptor);
}

export function newChunks(count: number): [Digest, Buffer][] {
  return Array.from({ length: count }, () => {
    const data = randomBytes(CHUNK_BYTES);
    return [digestOf(data), data];
  });
}

export async function putChunks(blobs: BlobStore, count: number): Promise<Map<Digest, Buffer>> {
  const chunks = newChunks(count);
  await Promise.all(chunks.map(([digest, data]) => blobs.put(digest, data)));
  return new Map(chunks);
}

export async function readPart(
  blobs: BlobStore,
  digest: Digest,
  offset: number,
  into: Buffer,
): Promise<void> {
  await blobs.chunks!(Buffer.from(hexOf(digest), "hex")).read(0, offset, into);
}
