/**
 * Gives back the space of chunks that are in the index no more. A pack without chunks is removed; from one that is
 * mostly garbage the chunks are moved first, as from small ones when many runs have left theirs. Killed at any point,
 * it leaves every chunk with a place. Readers go on in the file they have open, or look into the index again; a writer
 * whose pack has gone notices when it enters its chunks.
 */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { CHUNK_BYTES, type Chunk } from "../../engine/blobs.ts";
import { storeFault } from "../fault.ts";
import { PackFiles, packPath } from "./pack-files.ts";
import type { PackIndex, Place, PlacedChunk } from "./pack-index.ts";
import { PackWriter } from "./pack-writer.ts";

/** A pack with more garbage than this share of it is worth moving the rest. */
const MAX_GARBAGE = 0.2;
/** 8 MiB. */
const SMALL_CHUNKS = 128;
const MAX_SMALL_PACKS = 16;
/** Moved at a time: 4 MiB. */
const CHUNKS_AT_ONCE = 64;

/** `folder`: the store's. Throws TplError `store-…`. */
export async function reclaimPacks(folder: string, index: PackIndex): Promise<void> {
  const packs = index.packs().map(({ pack, chunks }) => ({ pack, chunks, slots: slotsOf(folder, pack) }));
  const isSmall = ({ slots }: { slots: number }) => slots < SMALL_CHUNKS;
  const tooManySmall = packs.filter(isSmall).length > MAX_SMALL_PACKS;
  const mover = new PackMover(folder, index);
  try {
    for (const pack of packs) {
      const hasMuchGarbage = pack.chunks < pack.slots * (1 - MAX_GARBAGE);
      if (pack.chunks > 0 && (hasMuchGarbage || (tooManySmall && isSmall(pack))))
        await mover.empty(pack.pack);
      if (index.dropPack(pack.pack)) rmSync(packPath(folder, pack.pack), { force: true });
    }
  } finally {
    mover.close();
  }
  removeUnknown(folder, index);
}

class PackMover {
  readonly #index: PackIndex;
  readonly #files: PackFiles;
  readonly #writer: PackWriter;
  readonly #from = new Map<string, Place>();

  constructor(folder: string, index: PackIndex) {
    this.#index = index;
    this.#files = new PackFiles(folder, { readOnly: false, now: Date.now });
    this.#writer = new PackWriter(folder, index, {
      enter: (chunks) => index.move(chunks, this.#from),
      digests: "believed",
    });
  }

  /** Moves all that is in `pack` now. What is damaged is moved as it is: whoever reads it finds out. */
  async empty(pack: number): Promise<void> {
    const chunks = this.#index.chunksOf(pack);
    const entered: Promise<void>[] = [];
    for (let next = 0; next < chunks.length; next += CHUNKS_AT_ONCE) {
      const read = await Promise.all(
        chunks.slice(next, next + CHUNKS_AT_ONCE).map((chunk) => this.#read(chunk)),
      );
      const written = this.#writer.write(read.filter((chunk) => chunk !== undefined));
      entered.push(...written.map((part) => part.entered));
    }
    this.#writer.enter();
    await Promise.all(entered);
    this.#from.clear();
  }

  close(): void {
    this.#writer.close();
    this.#files.close();
  }

  /** Undefined: the file does not have it. It stays in the index, where a reader finds it damaged, and keeps the pack. */
  async #read({ digest, pack, slot }: PlacedChunk): Promise<Chunk | undefined> {
    const data = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    if ((await this.#files.read(this.#files.use(pack), data, slot * CHUNK_BYTES)) < CHUNK_BYTES)
      return undefined;
    this.#from.set(Buffer.from(digest).toString("hex"), { pack, slot });
    return { digest, data };
  }
}

/** As many as there are places in the file. */
function slotsOf(folder: string, pack: number): number {
  const bytes = statSync(packPath(folder, pack), { throwIfNoEntry: false })?.size ?? 0;
  return Math.ceil(bytes / CHUNK_BYTES);
}

/** A pack is in the index before it is a file: one that is not there was dropped, and its removal cut short. With what was remembered of it. */
function removeUnknown(folder: string, index: PackIndex): void {
  const names = readdirSync(join(folder, "packs"));
  const known = new Set(index.packs().map(({ pack }) => `${pack}`));
  for (const name of names) {
    const [, pack] = /^(\d+)\.(?:pack|verified)$/.exec(name) ?? [];
    if (pack === undefined || known.has(pack)) continue;
    try {
      rmSync(join(folder, "packs", name), { force: true });
    } catch (error) {
      throw storeFault(error, `remove ${join(folder, "packs", name)}`);
    }
  }
}
