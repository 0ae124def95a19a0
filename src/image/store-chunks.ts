/** Chunks on their way into the store: hashed, put, left out where they are zeros. */
import type { BlobStore } from "../engine/blobs.ts";
import type { Hasher } from "./hash/hasher.ts";
import { CHUNK_BYTES, digestFromBytes } from "./map.ts";

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/**
 * Stores the `length` bytes at the begin of `piece`, which came from `hasher`; the last chunk is padded with zeros.
 * Returns 32 bytes for each chunk, null for zeros, which are never stored. The piece may be used again then.
 */
export async function storePiece(
  blobs: BlobStore,
  hasher: Hasher,
  piece: Buffer,
  length: number,
): Promise<(Buffer | null)[]> {
  const chunks = piece.subarray(0, Math.ceil(length / CHUNK_BYTES) * CHUNK_BYTES).fill(0, length);
  const digests = await hasher.hash(chunks);
  await Promise.all(
    digests.map(async (digest, place) => {
      if (!digest) return;
      const start = place * CHUNK_BYTES;
      await blobs.put(digestFromBytes(digest), chunks.subarray(start, start + CHUNK_BYTES));
    }),
  );
  return digests;
}

/** Whether `bytes`, at most a chunk, is all zeros. */
export function isZeros(bytes: Buffer): boolean {
  return bytes.equals(bytes.length === CHUNK_BYTES ? ZEROS : ZEROS.subarray(0, bytes.length));
}
