/** Blobs in memory, for tests and for what needs no disk. Keeps its own copy of what it is given. */
import type { Digest } from "../../engine/artifact.ts";
import type { BlobStore } from "../../engine/blobs.ts";
import { hexOf } from "./digest.ts";
import { blobCorrupt, blobMissing, matches } from "./verified.ts";

export interface MemoryBlobs extends BlobStore {
  /** What is kept, as it is: change a value to damage a blob. */
  readonly content: Map<Digest, Buffer>;
}

export function memoryBlobs(): MemoryBlobs {
  const content = new Map<Digest, Buffer>();
  return {
    content,
    readOnly: false,
    async has(digest) {
      return content.has(digest);
    },
    async get(digest) {
      const data = content.get(digest);
      if (!data) throw blobMissing(digest);
      if (!matches(digest, data)) {
        content.delete(digest);
        throw blobCorrupt(digest, data);
      }
      return Buffer.from(data);
    },
    async put(digest, data) {
      hexOf(digest);
      if (content.has(digest)) return 0;
      content.set(digest, Buffer.from(data));
      return data.byteLength;
    },
    async *list() {
      for (const [digest, data] of content) yield { digest, bytes: data.byteLength };
    },
    async remove(digest) {
      content.delete(digest);
    },
  };
}
