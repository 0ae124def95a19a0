/** From the remote to the local store: all that artifacts need, so that they can be used without the remote. */
import type { Artifact, Digest } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { inParallel } from "../../engine/in-parallel.ts";
import type { PartsOf } from "../presence.ts";
import type { TransferOptions } from "./push.ts";
import type { SharedStore } from "./shared-store.ts";

export interface PullTarget {
  local: BlobStore;
  /** The local store with the remote behind it: what is read is kept. */
  blobs: BlobStore;
  partsOf: PartsOf;
}

export interface PullReport {
  /** Of blobs: how many were here already, how many came. */
  there: number;
  fetched: number;
  /** Uncompressed. */
  fetchedBytes: number;
}

/** Neighbours in a pack come by one request of up to 64 chunks: so some four requests are under way. */
const READS_AT_ONCE = 256;

export async function pull(
  artifacts: readonly Artifact[],
  { local, blobs, partsOf }: PullTarget,
  shared: SharedStore,
  { signal, onProgress }: TransferOptions = {},
): Promise<PullReport> {
  const needed = new Set<Digest>();
  const missing = new Set<Digest>();
  const note = async (digest: Digest) => {
    needed.add(digest);
    if (!(await local.has(digest))) missing.add(digest);
  };
  let fetched = 0;
  let fetchedBytes = 0;
  const fetch = async (digest: Digest) => {
    signal?.throwIfAborted();
    const { length } = await blobs.get(digest);
    fetchedBytes += length;
    fetched++;
    missing.delete(digest);
    onProgress?.({ done: needed.size - missing.size, total: needed.size, bytes: fetchedBytes });
  };
  for (const artifact of artifacts) {
    if (artifact.type === "data") continue;
    // The manifest is read to learn of the rest.
    await note(artifact.digest);
    if (missing.has(artifact.digest)) await fetch(artifact.digest);
    for (const part of await partsOf(artifact, blobs)) await note(part);
  }
  await inParallel(inOrderOfPacks([...missing], shared), READS_AT_ONCE, fetch);
  return { there: needed.size - fetched, fetched, fetchedBytes };
}

/** So that neighbours come by one request. */
function inOrderOfPacks(digests: readonly Digest[], { blobs }: SharedStore): Digest[] {
  const placed = digests.map((digest) => ({ digest, place: blobs.known(digest) }));
  placed.sort((a, b) => {
    if (!a.place || !b.place) return Number(!a.place) - Number(!b.place);
    return a.place.pack.localeCompare(b.place.pack) || a.place.offset - b.place.offset;
  });
  return placed.map(({ digest }) => digest);
}
