/**
 * Whether an artifact is there. What an image or a snapshot consists of is `image/`'s and `vm/`'s knowledge, so a
 * function that tells it is given.
 */
import type { Artifact, Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";

/**
 * The blobs that an artifact needs beside the one its digest names: an image's chunks, a snapshot's images with
 * theirs. Throws what reading the manifest throws (`blob-missing`, `blob-corrupt`), or a TplError of its own for
 * one that makes no sense.
 */
export type PartsOf = (artifact: Artifact, blobs: BlobStore) => Promise<readonly Digest[]>;

export interface PresenceOptions {
  /**
   * `manifest`: the one blob that the digest names is there; a look, nothing is read. `all`: the manifest is read
   * and each blob it names is there (some 5 µs a blob). `content`: each of these is read to its end and verified.
   */
  depth: "manifest" | "all" | "content";
}

/** `unreachable`: only a remote could tell, and it cannot be asked. */
export type Presence = "present" | "missing" | "corrupt" | "unreachable";

export async function presence(
  artifact: Artifact,
  blobs: BlobStore,
  partsOf: PartsOf,
  { depth }: PresenceOptions,
): Promise<Presence> {
  if (artifact.type === "data") return "present"; // its value stands in whatever names it
  try {
    if (!(await blobs.has(artifact.digest))) return "missing";
    if (depth === "manifest") return "present";
    const parts = await partsOf(artifact, blobs);
    if (depth === "content") return await readAll([artifact.digest, ...parts], blobs);
    for (const part of parts) if (!(await blobs.has(part))) return "missing";
    return "present";
  } catch (error) {
    return faultOf(error);
  }
}

/** So that hashing one blob goes on while the disk brings the next. */
const READS_AT_ONCE = 4;

/** Goes on after a fault: the store puts aside what it finds corrupt, and all of that is to be found. */
async function readAll(digests: readonly Digest[], blobs: BlobStore): Promise<Presence> {
  const found = new Set<Presence>();
  const left = digests.values();
  const readOn = async () => {
    for (const digest of left) found.add(await read(digest, blobs));
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, readOn));
  if (found.has("corrupt")) return "corrupt";
  if (found.has("missing")) return "missing";
  return found.has("unreachable") ? "unreachable" : "present";
}

async function read(digest: Digest, blobs: BlobStore): Promise<Presence> {
  try {
    await blobs.get(digest);
    return "present";
  } catch (error) {
    return faultOf(error);
  }
}

/** A store that cannot be read says nothing of what is in it. */
function faultOf(error: unknown): Presence {
  if (error instanceof TplError && error.code === "store-unreachable") return "unreachable";
  if (!(error instanceof TplError) || error.code.startsWith("store-")) throw error;
  return error.code === "blob-missing" ? "missing" : "corrupt";
}
