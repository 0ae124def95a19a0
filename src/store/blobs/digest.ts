/** Digests of blobs: sha256 by `node:crypto`, as `sha256:` and 64 lower-case hex digits. */
import { hash } from "node:crypto";
import type { Digest } from "../../engine/artifact.ts";

export function digestOf(data: Uint8Array): Digest {
  return `sha256:${hash("sha256", data, "hex")}`;
}

const FORM = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return FORM.test(text);
}

/** The 64 hex digits. A file name is made of them, so nothing else may come through. */
export function hexOf(digest: Digest): string {
  if (!isDigest(digest)) throw new Error(`bug: ${JSON.stringify(digest)} is not a digest`);
  return digest.slice("sha256:".length);
}

/** Of its 32 bytes. */
export function digestFromKey(key: Uint8Array): Digest {
  return `sha256:${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("hex")}`;
}
