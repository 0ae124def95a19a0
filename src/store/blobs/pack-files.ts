/**
 * The pack files of a store, opened to read: `packs/N.pack`, chunks one after the other and nothing else. They stay
 * open, a bounded number of them, so that a chunk costs one read; one that is open can be read on when another process
 * has moved its chunks and removed it.
 */
import { closeSync, openSync, read, readSync } from "node:fs";
import { join } from "node:path";
import { FastCalls } from "../../engine/fast-calls.ts";

const MAX_OPEN = 128;

interface OpenPack {
  descriptor: number;
  /** Reads under way. */
  uses: number;
}

export class PackFiles {
  readonly #folder: string;
  /** In the order of use, the oldest first. */
  readonly #open = new Map<number, OpenPack>();
  readonly #reads = new FastCalls();

  /** `folder`: the store's. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Fills `into` from `position` on; how many bytes there were. Throws what `open` and `read` do: ENOENT for no such pack. */
  async read(pack: number, into: Buffer, position: number): Promise<number> {
    if (this.readHere(pack, into, position) === into.length) return into.length;
    return await readInPool(this.#use(pack), into, position);
  }

  /** As `read`, at once in this thread, maybe less; undefined: that may take long, or fails. */
  readHere(pack: number, into: Buffer, position: number): number | undefined {
    const file = this.#open.get(pack);
    if (!file || !this.#reads.expectFast(into.length)) return undefined;
    const began = performance.now();
    try {
      return readSync(file.descriptor, into, 0, into.length, position);
    } catch {
      // Whoever reads it in the other way meets the same error.
      return undefined;
    } finally {
      this.#reads.took(performance.now() - began, into.length);
    }
  }

  /** Closes those that nothing reads; the others with the process. */
  close(): void {
    for (const [pack, { uses }] of this.#open) if (uses === 0) this.#close(pack);
  }

  #use(pack: number): OpenPack {
    const known = this.#open.get(pack);
    if (known) this.#open.delete(pack);
    else if (this.#open.size >= MAX_OPEN) this.#closeOldestIdle();
    const file = known ?? { descriptor: openSync(packPath(this.#folder, pack), "r"), uses: 0 };
    this.#open.set(pack, file);
    return file;
  }

  #closeOldestIdle(): void {
    const idle = this.#open.entries().find(([, { uses }]) => uses === 0);
    if (idle) this.#close(idle[0]);
  }

  #close(pack: number): void {
    closeSync(this.#open.get(pack)!.descriptor);
    this.#open.delete(pack);
  }
}

export function packPath(folder: string, pack: number): string {
  return join(folder, "packs", `${pack}.pack`);
}

async function readInPool(file: OpenPack, into: Buffer, position: number): Promise<number> {
  file.uses++;
  try {
    let filled = 0;
    while (filled < into.length) {
      const count = await readSome(file.descriptor, into, filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  } finally {
    file.uses--;
  }
}

function readSome(descriptor: number, into: Buffer, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, into, at, into.length - at, position, (error, count) =>
      error ? reject(error) : resolve(count),
    );
  });
}
