/**
 * The pack files of a store, opened to read: `packs/N.pack`, chunks one after the other and nothing else. They stay
 * open, a bounded number of them, so that a chunk costs one read; one that is open can be read on when another process
 * has moved its chunks and removed it.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { FastCalls } from "../../engine/fast-calls.ts";
import { readFully } from "../../engine/read-fully.ts";
import { type FileIdentity, fileIdentity } from "./file-identity.ts";
import { SlotDigests } from "./slot-digests.ts";
import { rememberedSlots, rememberSlots, SETTLED_MS } from "./verified-packs.ts";

/** 32 GiB of chunks; 16 MiB of memory for what they were found to hold. */
const MAX_OPEN = 512;

export interface OpenPack {
  /** Not 0; another one when the pack was closed and is opened again. */
  readonly opening: number;
  readonly descriptor: number;
  /**
   * What was verified since it was opened, or before and remembered. A pack's bytes are written once and its number is
   * never used again, so what lay in a slot lies there as long as it can be read at all.
   */
  readonly whole: SlotDigests;
  /** When it was opened. */
  readonly identity: FileIdentity;
  /** Whether a change after it was opened is sure to show in its identity. */
  readonly isSettled: boolean;
  /** Whether more was verified than is remembered. */
  knowsMore: boolean;
  /** Reads under way in the thread pool. */
  uses: number;
}

interface PackFilesOptions {
  readOnly: boolean;
  /** Milliseconds since the epoch. */
  now: () => number;
}

export class PackFiles {
  readonly #folder: string;
  readonly #options: PackFilesOptions;
  /** By their numbers, in the order of use, the oldest first. */
  readonly #open = new Map<number, OpenPack>();
  readonly #byOpening = new Map<number, OpenPack>();
  readonly #reads = new FastCalls();
  #openings = 0;

  /** `folder`: the store's. */
  constructor(folder: string, options: PackFilesOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Opened if it is not. Throws what `open` does: ENOENT for no such pack. */
  use(pack: number): OpenPack {
    const known = this.#open.get(pack);
    if (known) this.#open.delete(pack);
    else if (this.#open.size >= MAX_OPEN) this.#closeOldestIdle();
    const file = known ?? this.#openPack(pack);
    this.#open.set(pack, file);
    return file;
  }

  /** Undefined: it was closed since. */
  stillOpen(opening: number): OpenPack | undefined {
    return this.#byOpening.get(opening);
  }

  /** Fills `into` from `position` on; how many bytes there were. Throws what `read` does. */
  async read(file: OpenPack, into: Buffer, position: number): Promise<number> {
    if (this.readHere(file, into, 0, into.length, position) === into.length) return into.length;
    return await this.readInPool(file, into, position);
  }

  /** As `read`, in the thread pool. */
  async readInPool(file: OpenPack, into: Buffer, position: number): Promise<number> {
    file.uses++;
    try {
      return await readFully(file.descriptor, into, position);
    } finally {
      file.uses--;
    }
  }

  /** Fills `length` bytes of `into` from `at` on, at once in this thread; how many it were. 0: that may take long, or fails. */
  readHere(file: OpenPack, into: Buffer, at: number, length: number, position: number): number {
    if (!this.#reads.expectFast(length)) return 0;
    const began = performance.now();
    try {
      return readSync(file.descriptor, into, at, length, position);
    } catch {
      // Whoever reads it in the other way meets the same error.
      return 0;
    } finally {
      this.#reads.took(performance.now() - began, length);
    }
  }

  /** Closes those that nothing reads; the others with the process. */
  close(): void {
    for (const [pack, { uses }] of this.#open) if (uses === 0) this.#close(pack);
  }

  #openPack(pack: number): OpenPack {
    const descriptor = openSync(packPath(this.#folder, pack), "r");
    const identity = fileIdentity(descriptor);
    const whole = rememberedSlots(this.#folder, pack, identity.text) ?? new SlotDigests();
    const isSettled = identity.changedMs + SETTLED_MS < this.#options.now();
    const opening = ++this.#openings;
    const file: OpenPack = { opening, descriptor, identity, isSettled, whole, knowsMore: false, uses: 0 };
    this.#byOpening.set(opening, file);
    return file;
  }

  #closeOldestIdle(): void {
    const idle = this.#open.entries().find(([, { uses }]) => uses === 0);
    if (idle) this.#close(idle[0]);
  }

  #close(pack: number): void {
    const file = this.#open.get(pack)!;
    this.#remember(pack, file);
    closeSync(file.descriptor);
    this.#byOpening.delete(file.opening);
    this.#open.delete(pack);
  }

  #remember(pack: number, { descriptor, identity, isSettled, knowsMore, whole }: OpenPack): void {
    if (this.#options.readOnly || !knowsMore || !isSettled) return;
    const { text } = fileIdentity(descriptor);
    if (text === identity.text) rememberSlots(this.#folder, pack, text, whole);
  }
}

export function packPath(folder: string, pack: number): string {
  return join(folder, "packs", `${pack}.pack`);
}
