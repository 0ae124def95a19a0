/** What a reader of artifacts would have to get from the remote, told without getting it. */
import type { Artifact, Digest } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import type { PullTarget } from "./pull.ts";
import type { RemoteBlobs } from "./remote-blobs.ts";
import type { SharedStore } from "./shared-store.ts";

/**
 * Bytes as they travel, compressed; what several artifacts have in common counts once. Maps and manifests are read for
 * it, and kept where the local store can be written. Undefined: it cannot be told, the remote is away or an artifact is
 * nowhere.
 */
export async function bytesToFetch(
  artifacts: readonly Artifact[],
  target: PullTarget,
  shared: () => Promise<SharedStore>,
): Promise<number | undefined> {
  try {
    const missing = await missingHere(artifacts, target);
    return missing.size === 0 ? 0 : await storedBytes([...missing], (await shared()).blobs);
  } catch (error) {
    if (error instanceof TplError) return undefined;
    throw error;
  }
}

async function missingHere(
  artifacts: readonly Artifact[],
  { local, blobs, partsOf }: PullTarget,
): Promise<Set<Digest>> {
  const missing = new Set<Digest>();
  for (const artifact of artifacts) {
    if (artifact.type === "data") continue;
    const parts = await partsOf(artifact, blobs);
    for (const digest of [artifact.digest, ...parts])
      if (!missing.has(digest) && !(await local.has(digest))) missing.add(digest);
  }
  return missing;
}

async function storedBytes(digests: readonly Digest[], remote: RemoteBlobs): Promise<number | undefined> {
  if (digests.some((digest) => !remote.known(digest))) await remote.sync();
  let bytes = 0;
  for (const digest of digests) {
    const place = remote.known(digest);
    if (!place) return undefined;
    bytes += place.storedBytes;
  }
  return bytes;
}
