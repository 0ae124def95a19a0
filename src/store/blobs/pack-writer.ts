/**
 * Appends chunks to a pack that no other process writes to, and has them entered in the index, many in one transaction.
 * Until a chunk is in the index its bytes are nothing: what a killed process left behind its last entry is garbage.
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CHUNK_BYTES } from "../../engine/blobs.ts";
import { storeFault, systemCode } from "../fault.ts";
import { packPath } from "./pack-files.ts";
import type { PackIndex, PlacedChunk } from "./pack-index.ts";
import { WrittenSlots } from "./written-slots.ts";

/** 64 MiB. */
const CHUNKS_A_PACK = 1024;
/** 16 MiB: from there on a transaction costs no less a chunk. */
const CHUNKS_A_BATCH = 256;

interface OwnPack {
  pack: number;
  descriptor: number;
  nextSlot: number;
  /** Absent where nobody has looked at what is appended. */
  written: WrittenSlots | undefined;
}

interface Batch {
  chunks: { digest: Uint8Array; slot: number }[];
  entered: PromiseWithResolvers<void>;
}

/** `gone`: garbage collection has dropped the pack, and nothing was entered. */
export type EnterChunks = (chunks: readonly PlacedChunk[]) => "entered" | "gone";

export interface PackWriterOptions {
  /** Is given chunks of one pack. */
  enter: EnterChunks;
  /** `computed`: who appends a chunk has its digest from its bytes. `believed`: it is moved from where it lay. */
  digests: "computed" | "believed";
}

export class PackWriter {
  readonly #folder: string;
  readonly #index: PackIndex;
  readonly #options: PackWriterOptions;
  #own: OwnPack | undefined;
  #batch: Batch | undefined;

  /** `folder`: the store's. */
  constructor(folder: string, index: PackIndex, options: PackWriterOptions) {
    this.#folder = folder;
    this.#index = index;
    this.#options = options;
  }

  /**
   * Writes a chunk, at once, and resolves when it is in the index. Plain synchronous calls: the bytes go to the page
   * cache, which takes half the time of a call through the thread pool.
   */
  append(digest: Uint8Array, data: Uint8Array): Promise<void> {
    const own = this.#ownPack();
    const slot = own.nextSlot;
    if (!this.#batch) own.written?.beforeBatch();
    try {
      writeFully(own.descriptor, data, slot * CHUNK_BYTES);
    } catch (error) {
      throw storeFault(error, `write ${packPath(this.#folder, own.pack)}`);
    }
    own.nextSlot++;
    own.written?.wrote(slot, digest);
    this.#batch ??= this.#newBatch();
    const { chunks, entered } = this.#batch;
    chunks.push({ digest, slot });
    if (chunks.length === CHUNKS_A_BATCH || own.nextSlot === CHUNKS_A_PACK) this.#enter();
    if (this.#own === own && own.nextSlot === CHUNKS_A_PACK) this.#finish();
    return entered.promise;
  }

  close(): void {
    this.#enter();
    this.#finish();
  }

  #newBatch(): Batch {
    const batch = { chunks: [], entered: Promise.withResolvers<void>() };
    // Whoever put a chunk hears of it; a batch whose callers have all gone must not end the process.
    batch.entered.promise.catch(() => {});
    setImmediate(() => {
      if (this.#batch === batch) this.#enter();
    });
    return batch;
  }

  #enter(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (!batch) return;
    try {
      this.#own!.written?.afterBatch();
      while (this.#options.enter(placed(this.#own!, batch)) === "gone") this.#moveToNewPack(batch);
      batch.entered.resolve();
    } catch (error) {
      batch.entered.reject(error);
    }
  }

  /** Garbage collection took the pack for abandoned: what waits for its entry is written once more. */
  #moveToNewPack(batch: Batch): void {
    const lost = this.#own!;
    this.#own = undefined;
    try {
      const own = this.#ownPack();
      own.written = undefined; // what is read back may have been changed
      const data = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      for (const chunk of batch.chunks) {
        readSync(lost.descriptor, data, 0, CHUNK_BYTES, chunk.slot * CHUNK_BYTES);
        chunk.slot = own.nextSlot++;
        writeFully(own.descriptor, data, chunk.slot * CHUNK_BYTES);
      }
    } finally {
      closeSync(lost.descriptor);
      rmSync(packPath(this.#folder, lost.pack), { force: true });
    }
  }

  #finish(): void {
    const own = this.#own;
    this.#own = undefined;
    if (!own) return;
    own.written?.remember(this.#folder, own.pack);
    closeSync(own.descriptor);
  }

  #ownPack(): OwnPack {
    while (!this.#own) {
      const pack = this.#index.newPack();
      const descriptor = createPack(this.#folder, pack);
      if (descriptor === undefined) continue;
      const written = this.#options.digests === "computed" ? new WrittenSlots(descriptor) : undefined;
      this.#own = { pack, descriptor, nextSlot: 0, written };
    }
    return this.#own;
  }
}

/** Undefined: a file of an index that was moved away has that name. */
function createPack(folder: string, pack: number): number | undefined {
  const path = packPath(folder, pack);
  try {
    mkdirSync(join(folder, "packs"), { recursive: true });
    return openSync(path, "wx+", 0o644);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return undefined;
    throw storeFault(error, `write ${path}`);
  }
}

function writeFully(descriptor: number, data: Uint8Array, position: number): void {
  for (let written = 0; written < data.byteLength; )
    written += writeSync(descriptor, data, written, data.byteLength - written, position + written);
}

function placed({ pack }: OwnPack, { chunks }: Batch): PlacedChunk[] {
  return chunks.map(({ digest, slot }) => ({ digest, pack, slot }));
}
