/**
 * Which entry of which index a digest has: open addressing over numbers, since a team's remote has millions of chunks
 * and a `Map` of texts takes four times the memory. Digests are uniform already: their first bytes are the hash.
 */
import type { Digest } from "../../engine/artifact.ts";
import { hexOf } from "../blobs/digest.ts";
import { ENTRY_BYTES, entryAt, type PackEntry } from "./pack-format.ts";

export interface Located extends PackEntry {
  pack: string;
}

interface Table {
  pack: string;
  entries: Buffer;
  /** The number of its first entry among all. */
  first: number;
  isGone: boolean;
}

const EMPTY = 0;

export class DigestTable {
  readonly #tables: Table[] = [];
  /** Numbers of entries, counted from 1. */
  #slots = new Uint32Array(1024);
  #count = 0;

  /** `entries`: as `PackIndex` has them. */
  add(pack: string, entries: Buffer): void {
    const added = entries.length / ENTRY_BYTES;
    this.#tables.push({ pack, entries, first: this.#count, isGone: false });
    this.#count += added;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    else for (let i = 0; i < added; i++) this.#insert(entries, i * ENTRY_BYTES, this.#count - added + i);
  }

  /** Nothing of this pack is found any more. */
  drop(pack: string): void {
    for (const table of this.#tables) if (table.pack === pack) table.isGone = true;
  }

  /** Where it lies; the first pack that has it. `except`: packs that are not to be looked in. */
  find(digest: Digest, except?: ReadonlySet<string>): Located | undefined {
    const wanted = Buffer.from(hexOf(digest), "hex");
    const mask = this.#slots.length - 1;
    for (let slot = wanted.readUInt32BE(0) & mask; this.#slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const table = this.#tableOf(this.#slots[slot]! - 1);
      const at = (this.#slots[slot]! - 1 - table.first) * ENTRY_BYTES;
      if (table.isGone || except?.has(table.pack)) continue;
      if (table.entries.compare(wanted, 0, 32, at, at + 32) === 0)
        return { pack: table.pack, ...entryAt(table.entries, at) };
    }
    return undefined;
  }

  #grow(): void {
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(this.#count * 4)));
    for (const { entries, first } of this.#tables)
      for (let at = 0; at < entries.length; at += ENTRY_BYTES)
        this.#insert(entries, at, first + at / ENTRY_BYTES);
  }

  #insert(entries: Buffer, at: number, entry: number): void {
    const mask = this.#slots.length - 1;
    let slot = entries.readUInt32BE(at) & mask;
    while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
    this.#slots[slot] = entry + 1;
  }

  #tableOf(entry: number): Table {
    let low = 0;
    let high = this.#tables.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#tables[middle]!.first <= entry) low = middle;
      else high = middle - 1;
    }
    return this.#tables[low]!;
  }
}
