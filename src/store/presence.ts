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
   * and each blob it names is there (some 5 µs a blob). Contents are not read either way.
   */
  depth: "manifest" | "all";
}

export type Presence = "present" | "missing" | "corrupt";

export async function presence(
  artifact: Artifact,
  blobs: BlobStore,
  partsOf: PartsOf,
  { depth }: PresenceOptions,
): Promise<Presence> {
  if (artifact.type === "data") return "present"; // its value stands in whatever names it
  if (!(await blobs.has(artifact.digest))) return "missing";
  if (depth === "manifest") return "present";
  try {
    for (const part of await partsOf(artifact, blobs)) if (!(await blobs.has(part))) return "missing";
    return "present";
  } catch (error) {
    if (!(error instanceof TplError)) throw error;
    return error.code === "blob-missing" ? "missing" : "corrupt";
  }
}
