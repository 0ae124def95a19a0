/**
 * Blobs in a store's folder: those of a chunk's size in packs (`packs.ts`), all others as files of their own
 * (`loose.ts`), as were chunks in stores of format 1. Which of the two has a blob is asked in the order that opens no
 * index for a manifest: a run whose steps are all in the store needs none.
 */
import { join } from "node:path";
import type { Digest } from "../../engine/artifact.ts";
import { type BlobStore, CHUNK_BYTES, type ListedBlob } from "../../engine/blobs.ts";
import { readOnlyStore } from "../fault.ts";
import { raiseFormat } from "../layout.ts";
import { chunkWriter } from "./chunk-writer.ts";
import { looseBlobs } from "./loose.ts";
import { LooseChunks } from "./loose-chunks.ts";
import { Packs } from "./packs.ts";

export interface FolderBlobsOptions {
  readOnly?: boolean;
  /** Milliseconds since the epoch; by the clock that files get their times from. */
  now?: () => number;
}

/** `path` is the store's folder; what is missing in it is made on the first `put`. */
export function folderBlobs(path: string, options: FolderBlobsOptions = {}): BlobStore {
  const { readOnly = false, now = Date.now } = options;
  const loose = looseBlobs(path, { readOnly });
  const packs = new Packs(path, { readOnly, now });
  const looseChunks = new LooseChunks(join(path, "blobs"));
  const isLoose = (digest: Digest) => !packs.isOpen && loose.has(digest);
  const freshenLooseChunk = (digest: Digest) => looseChunks.had(digest) && loose.freshen(digest);
  let hasFormat = false;
  const prepareToWrite = () => {
    if (readOnly) throw readOnlyStore(path);
    if (!hasFormat) raiseFormat(path);
    hasFormat = true;
  };
  return {
    readOnly,
    async has(digest) {
      return isLoose(digest) || packs.has(digest) || loose.has(digest);
    },
    async get(digest) {
      return (isLoose(digest) ? undefined : await packs.get(digest)) ?? (await loose.get(digest));
    },
    chunks: (digests) => packs.chunks(digests),
    async put(digest, data) {
      if (data.byteLength === CHUNK_BYTES) {
        if ((await packs.freshen(digest)) || freshenLooseChunk(digest)) return 0;
        prepareToWrite();
        return await packs.append(digest, data);
      }
      if (loose.freshen(digest)) return 0;
      prepareToWrite();
      loose.put(digest, data);
      return data.byteLength;
    },
    chunkWriter: () => chunkWriter({ packs, freshenElsewhere: freshenLooseChunk, prepareToWrite }),
    async *list(): AsyncGenerator<ListedBlob> {
      // Two processes of different formats may have put the same chunk at once.
      for (const blob of loose.list()) if (blob.bytes !== CHUNK_BYTES || !packs.has(blob.digest)) yield blob;
      yield* packs.list();
    },
    async remove(digest, { unlessPutSinceMs = Number.MAX_SAFE_INTEGER } = {}) {
      packs.remove(digest, unlessPutSinceMs);
      loose.remove(digest, unlessPutSinceMs);
    },
    reclaim: () => packs.reclaim(),
    close: () => packs.close(),
  };
}
