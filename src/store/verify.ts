/** Reads every blob again and compares it with its digest; then tells which artifacts are no longer whole. */
import type { Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import type { StoredArtifact } from "./inventory.ts";
import { type PartsOf, presence } from "./presence.ts";
import { tieredBlobs } from "./remote/tiered.ts";

export interface VerifyOptions {
  signal?: AbortSignal;
  onProgress?(done: { blobs: number; bytes: number }): void;
  /** Where what is not in `blobs` may be. An artifact is not broken while nobody can tell. */
  behind?(): Promise<BlobStore>;
}

export interface Verification {
  blobs: number;
  bytes: number;
  /** Blobs whose content is not what their digest says. In a writable store they are moved to `damaged/`. */
  damaged: Digest[];
  /** What cannot be read whole: a blob of it is damaged or missing. */
  broken: (StoredArtifact & { state: "missing" | "corrupt" })[];
}

/** So that hashing one blob goes on while the disk brings the next. */
const READS_AT_ONCE = 4;

/** `artifacts` is the store's inventory. */
export async function verify(
  blobs: BlobStore,
  artifacts: readonly StoredArtifact[],
  partsOf: PartsOf,
  options: VerifyOptions = {},
): Promise<Verification> {
  const damaged = new Set<Digest>();
  const done = { blobs: 0, bytes: 0 };
  const listed = blobs.list()[Symbol.asyncIterator]();
  const readOn = async () => {
    for (let next = await listed.next(); !next.done; next = await listed.next()) {
      options.signal?.throwIfAborted();
      const { digest, bytes } = next.value;
      if (!(await isWhole(blobs, digest))) damaged.add(digest);
      done.blobs++;
      done.bytes += bytes;
      options.onProgress?.({ ...done });
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readOn));
  const broken: Verification["broken"] = [];
  const whole = withoutThe(damaged, blobs);
  const all = options.behind ? tieredBlobs({ local: whole, remote: options.behind, uses: "ignored" }) : whole;
  for (const stored of artifacts) {
    options.signal?.throwIfAborted();
    const state = await presence(stored.artifact, all, partsOf, { depth: "all" });
    if (state === "missing" || state === "corrupt") broken.push({ ...stored, state });
  }
  return { ...done, damaged: [...damaged], broken };
}

async function isWhole(blobs: BlobStore, digest: Digest): Promise<boolean> {
  try {
    await blobs.get(digest);
    return true;
  } catch (error) {
    if (error instanceof TplError && error.code === "blob-corrupt") return false;
    // Another process removed it between the listing and the reading; else what it lay in is gone.
    if (error instanceof TplError && error.code === "blob-missing") return !(await blobs.has(digest));
    throw error;
  }
}

/** A store that is only read still has its damaged blobs in their places. */
function withoutThe(damaged: ReadonlySet<Digest>, blobs: BlobStore): BlobStore {
  return { ...blobs, has: async (digest) => !damaged.has(digest) && blobs.has(digest) };
}
