/** Chunks on their way into packs: written, and not yet in the index. One that comes again meanwhile is written once. */
import { CHUNK_BYTES, type Chunk } from "../../engine/blobs.ts";
import type { PackWriter } from "./pack-writer.ts";

export interface WrittenChunks {
  /** By how many bytes the store grows. */
  addedBytes: number;
  /** The chunks are in the index when all of these have resolved: after `enter`, at the latest. */
  entered: Promise<void>[];
}

export class PendingChunks {
  readonly #writer: PackWriter;
  /** By their hex digests: what ends their waiting. */
  readonly #entered = new Map<string, Promise<void>>();

  constructor(writer: PackWriter) {
    this.#writer = writer;
  }

  /** Writes at once those that are not pending. */
  write(chunks: readonly Chunk[]): WrittenChunks {
    const entered = new Set<Promise<void>>();
    const fresh = new Map<string, Chunk>();
    for (const chunk of chunks) {
      const key = keyOf(chunk);
      const pending = this.#entered.get(key);
      if (pending) entered.add(pending);
      else fresh.set(key, chunk);
    }
    const keys = [...fresh.keys()];
    for (const { count, entered: partEntered } of this.#writer.write([...fresh.values()])) {
      entered.add(partEntered);
      this.#remember(keys.splice(0, count), partEntered);
    }
    return { addedBytes: fresh.size * CHUNK_BYTES, entered: [...entered] };
  }

  /** When the callers of this turn of the event loop have all been heard. */
  enterSoon(): void {
    this.#writer.enterSoon();
  }

  enter(): void {
    this.#writer.enter();
  }

  close(): void {
    this.#writer.close();
  }

  #remember(keys: readonly string[], entered: Promise<void>): void {
    for (const key of keys) this.#entered.set(key, entered);
    const forget = () => {
      for (const key of keys) this.#entered.delete(key);
    };
    entered.then(forget, forget);
  }
}

function keyOf({ digest }: Chunk): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString("hex");
}
