/** Chunks on their way into the store: hashed, put, left out where they are zeros. */
import { hash } from "node:crypto";
import type { BlobStore } from "../engine/blobs.ts";
import { CHUNK_BYTES, digestFromBytes } from "./map.ts";

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/**
 * Stores the chunk at `bytes`, at most a whole one; a shorter one is padded with zeros. Returns its digest's 32
 * bytes, or null for zeros, which are never stored.
 */
export async function storeChunk(blobs: BlobStore, bytes: Buffer): Promise<Buffer | null> {
  if (isZeros(bytes)) return null;
  const chunk = bytes.length === CHUNK_BYTES ? bytes : padded(bytes);
  const digest = hash("sha256", chunk, "buffer");
  await blobs.put(digestFromBytes(digest), chunk);
  return digest;
}

/** Whether `bytes`, at most a chunk, is all zeros. */
export function isZeros(bytes: Buffer): boolean {
  return bytes.equals(bytes.length === CHUNK_BYTES ? ZEROS : ZEROS.subarray(0, bytes.length));
}

function padded(bytes: Buffer): Buffer {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  bytes.copy(chunk);
  return chunk;
}
