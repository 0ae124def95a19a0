/** A blob store that counts by how much it grows: what is put through it and was there already counts nothing. */
import type { BlobStore } from "../../engine/blobs.ts";

export interface CountedBlobs {
  blobs: BlobStore;
  addedBytes(): number;
}

export function countedBlobs(blobs: BlobStore): CountedBlobs {
  let addedBytes = 0;
  return {
    blobs: {
      ...blobs,
      async put(digest, data) {
        const added = await blobs.put(digest, data);
        addedBytes += added;
        return added;
      },
    },
    addedBytes: () => addedBytes,
  };
}
