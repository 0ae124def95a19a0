/** Takes chunks into a store's folder, many with one look and one write; see `ChunkWriter`. */
import type { Digest } from "../../engine/artifact.ts";
import type { Chunk, ChunkWriter } from "../../engine/blobs.ts";
import { digestFromKey } from "./digest.ts";
import type { Packs } from "./packs.ts";

interface ChunkWriterParts {
  packs: Packs;
  /** Whether a chunk is in the store otherwise. It is new to garbage collection then. */
  freshenElsewhere(digest: Digest): boolean;
  /** Called before anything is written. */
  prepareToWrite(): void;
}

export function chunkWriter({ packs, freshenElsewhere, prepareToWrite }: ChunkWriterParts): ChunkWriter {
  const waiting = new Set<Promise<void>>();
  let failed: { error: unknown } | undefined;
  const follow = (entered: Promise<void>) => {
    if (waiting.has(entered)) return;
    waiting.add(entered);
    entered.then(
      () => waiting.delete(entered),
      (error) => {
        failed ??= { error };
      },
    );
  };
  return {
    async put(chunks: readonly Chunk[]) {
      if (failed) throw failed.error;
      const absent = packs.absentOf(chunks).filter(({ digest }) => !freshenElsewhere(digestFromKey(digest)));
      if (absent.length === 0) return 0;
      prepareToWrite();
      const { addedBytes, entered } = packs.write(absent);
      for (const one of entered) follow(one);
      return addedBytes;
    },
    async finish() {
      packs.enter();
      await Promise.all(waiting);
      if (failed) throw failed.error;
    },
  };
}
