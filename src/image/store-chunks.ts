/** Chunks on their way into the store: hashed, put, left out where they are zeros. */
import type { BlobStore, Chunk, ChunkWriter } from "../engine/blobs.ts";
import { CHUNK_BYTES, digestFromBytes } from "./map.ts";

const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** For the chunks of one image, whatever the store can do. */
export function chunkWriterOf(blobs: BlobStore): ChunkWriter {
  if (blobs.chunkWriter) return blobs.chunkWriter();
  return {
    async put(chunks) {
      const puts = chunks.map(({ digest, data }) => blobs.put(digestFromBytes(Buffer.from(digest)), data));
      return (await Promise.all(puts)).reduce((sum, added) => sum + added, 0);
    },
    async finish() {},
  };
}

/** Those chunks of a piece that are not zeros. `digests`: of each, null for zeros. */
export function chunksOf(piece: Buffer, digests: readonly (Buffer | null)[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (const [place, digest] of digests.entries()) {
    const data = piece.subarray(place * CHUNK_BYTES, (place + 1) * CHUNK_BYTES);
    if (digest) chunks.push({ digest, data });
  }
  return chunks;
}

/** Whether `bytes`, at most a chunk, is all zeros. */
export function isZeros(bytes: Buffer): boolean {
  return bytes.equals(bytes.length === CHUNK_BYTES ? ZEROS : ZEROS.subarray(0, bytes.length));
}
