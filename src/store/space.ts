/** What takes the space of a store: of each artifact the bytes that it has, and those that nothing else has. */
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import type { StoredArtifact } from "./inventory.ts";
import type { PartsOf } from "./presence.ts";

export interface Space {
  /** Of all blobs. */
  bytes: number;
  /** Of those that no artifact has. */
  unusedBytes: number;
  artifacts: { stored: StoredArtifact; bytes: number; ownBytes: number }[];
}

/** A damaged artifact counts with what can be read of it. Memory: some bytes for each blob. */
export async function spaceOf(
  artifacts: readonly StoredArtifact[],
  blobs: BlobStore,
  partsOf: PartsOf,
): Promise<Space> {
  const sizes = new Map<Digest, number>();
  for await (const { digest, bytes } of blobs.list()) sizes.set(digest, bytes);
  /** Who has a blob: the index of the one artifact that does, or -1 for several. */
  const owners = new Map<Digest, number>();
  const found = [];
  for (const [i, stored] of artifacts.entries()) {
    const parts = new Set([
      stored.artifact.digest,
      ...(await partsIfReadable(stored.artifact, blobs, partsOf)),
    ]);
    let bytes = 0;
    for (const part of parts) {
      bytes += sizes.get(part) ?? 0;
      owners.set(part, owners.has(part) ? -1 : i);
    }
    found.push({ stored, bytes, ownBytes: 0 });
  }
  let total = 0;
  let unusedBytes = 0;
  for (const [digest, bytes] of sizes) {
    total += bytes;
    const owner = owners.get(digest);
    if (owner === undefined) unusedBytes += bytes;
    else if (owner >= 0) found[owner]!.ownBytes += bytes;
  }
  return { bytes: total, unusedBytes, artifacts: found };
}

async function partsIfReadable(
  artifact: Artifact,
  blobs: BlobStore,
  partsOf: PartsOf,
): Promise<readonly Digest[]> {
  try {
    return await partsOf(artifact, blobs);
  } catch (error) {
    // Data is in its record and no blob; what is damaged or missing, `artifacts verify` tells.
    if (error instanceof TplError) return [];
    throw error;
  }
}
