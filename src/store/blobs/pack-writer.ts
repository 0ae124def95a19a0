/**
 * Appends chunks to a pack that no other process writes to, and has them entered in the index, many in one transaction.
 * Until a chunk is in the index its bytes are nothing: what a killed process left behind its last entry is garbage.
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CHUNK_BYTES, type Chunk } from "../../engine/blobs.ts";
import { storeFault, systemCode } from "../fault.ts";
import { packPath } from "./pack-files.ts";
import type { PackIndex, PlacedChunk } from "./pack-index.ts";
import { writeSparsely } from "./sparse-write.ts";
import { WrittenSlots } from "./written-slots.ts";

/** 64 MiB. */
const CHUNKS_A_PACK = 1024;

interface OwnPack {
  pack: number;
  descriptor: number;
  nextSlot: number;
  /** Absent where nobody has looked at what is appended. */
  written: WrittenSlots | undefined;
}

/** Chunks of the own pack that are written and not yet in the index. */
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

export interface WrittenPart {
  /** How many of the chunks that were to be written. */
  count: number;
  /** Resolves when they are in the index, rejects when they could not be entered. It may be left alone. */
  entered: Promise<void>;
}

export class PackWriter {
  readonly #folder: string;
  readonly #index: PackIndex;
  readonly #options: PackWriterOptions;
  #own: OwnPack | undefined;
  #batch: Batch | undefined;
  #isDue = false;

  /** `folder`: the store's. */
  constructor(folder: string, index: PackIndex, options: PackWriterOptions) {
    this.#folder = folder;
    this.#index = index;
    this.#options = options;
  }

  /**
   * Writes chunks, at once; they are entered when the pack is full or somebody asks for it. Plain synchronous calls:
   * the bytes go to the page cache, which takes half the time of a call through the thread pool.
   */
  write(chunks: readonly Chunk[]): WrittenPart[] {
    const written: WrittenPart[] = [];
    for (let next = 0; next < chunks.length; ) {
      const room = CHUNKS_A_PACK - this.#ownPack().nextSlot;
      const part = chunks.slice(next, next + room);
      written.push({ count: part.length, entered: this.#writePart(part) });
      next += part.length;
    }
    return written;
  }

  /** Enters what is written when the callers of this turn of the event loop have all been heard. */
  enterSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.enter();
    });
  }

  /** Enters what is written. What goes wrong is told by its promises. */
  enter(): void {
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

  close(): void {
    this.enter();
    this.#finish();
  }

  /** No more than there is room for. */
  #writePart(chunks: readonly Chunk[]): Promise<void> {
    const own = this.#ownPack();
    if (!this.#batch) own.written?.beforeBatch();
    try {
      const data = chunks.map((chunk) => chunk.data);
      writeSparsely(own.descriptor, data, own.nextSlot * CHUNK_BYTES);
    } catch (error) {
      this.close(); // no later chunk's holes may lie over what was written of this one
      throw storeFault(error, `write ${packPath(this.#folder, own.pack)}`);
    }
    this.#batch ??= newBatch();
    const { entered } = this.#batch;
    for (const { digest } of chunks) {
      const slot = own.nextSlot++;
      own.written?.wrote(slot, digest);
      this.#batch.chunks.push({ digest, slot });
    }
    if (own.nextSlot === CHUNKS_A_PACK) this.enter();
    // Another pack, where the full one was gone.
    if (this.#own?.nextSlot === CHUNKS_A_PACK) this.#finish();
    return entered.promise;
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
        writeSparsely(own.descriptor, [data], chunk.slot * CHUNK_BYTES);
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

function newBatch(): Batch {
  const batch = { chunks: [], entered: Promise.withResolvers<void>() };
  // Whoever wrote a chunk hears of it; a batch whose callers have all gone must not end the process.
  batch.entered.promise.catch(() => {});
  return batch;
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

function placed({ pack }: OwnPack, { chunks }: Batch): PlacedChunk[] {
  return chunks.map(({ digest, slot }) => ({ digest, pack, slot }));
}
