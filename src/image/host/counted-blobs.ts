/** A blob store that counts by how much it grows: what is put through it and was there already counts nothing. */
import type { BlobStore, ChunkWriter } from "../../engine/blobs.ts";

export interface CountedBlobs {
  blobs: BlobStore;
  addedBytes(): number;
}

export function countedBlobs(blobs: BlobStore): CountedBlobs {
  let addedBytes = 0;
  const count = (added: number) => {
    addedBytes += added;
    return added;
  };
  const counted = ({ put, finish }: ChunkWriter): ChunkWriter => ({
    put: async (chunks) => count(await put(chunks)),
    finish,
  });
  return {
    blobs: {
      ...blobs,
      put: async (digest, data) => count(await blobs.put(digest, data)),
      ...(blobs.chunkWriter && { chunkWriter: () => counted(blobs.chunkWriter!()) }),
    },
    addedBytes: () => addedBytes,
  };
}
