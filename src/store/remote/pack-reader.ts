/**
 * Ranged reads of packs. What is asked for at about the same time and lies close together comes by one request; where
 * somebody reads a pack from front to back, the next request brings more than was asked for.
 */
import type { ObjectStore } from "../objects/object-store.ts";
import { packKey } from "./layout.ts";

/** Bytes between two blobs that cost less than another request. */
const GAP_BYTES = 32 * 1024;
const REQUEST_BYTES = 4 * 2 ** 20;
const FIRST_AHEAD_BYTES = 128 * 1024;
const MOST_AHEAD_BYTES = 2 ** 20;
/** Packs that are read from front to back at a time: each keeps what came ahead. */
const AHEAD_PACKS = 8;

interface Wanted {
  offset: number;
  end: number;
  resolve(bytes: Buffer): void;
  reject(error: unknown): void;
}

interface Ahead {
  offset: number;
  data: Buffer;
  /** Where the last request that was answered ended. */
  readTo: number;
  aheadBytes: number;
}

export class PackReader {
  readonly #objects: ObjectStore;
  readonly #wanted = new Map<string, Wanted[]>();
  /** In the order of use, the oldest first. */
  readonly #ahead = new Map<string, Ahead>();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Bytes that are the caller's; fewer than asked for where the pack ends before. */
  read(pack: string, offset: number, length: number): Promise<Buffer> {
    const cached = this.#fromAhead(pack, offset, length);
    if (cached) return Promise.resolve(cached);
    return new Promise((resolve, reject) => {
      const wanted = this.#wanted.get(pack) ?? [];
      if (wanted.length === 0) {
        this.#wanted.set(pack, wanted);
        // Whoever asks in this turn of the event loop is heard first.
        setImmediate(() => this.#fetch(pack));
      }
      wanted.push({ offset, end: offset + length, resolve, reject });
    });
  }

  #fromAhead(pack: string, offset: number, length: number): Buffer | undefined {
    const ahead = this.#ahead.get(pack);
    if (!ahead || offset < ahead.offset || offset + length > ahead.offset + ahead.data.length)
      return undefined;
    ahead.readTo = Math.max(ahead.readTo, offset + length);
    return Buffer.from(ahead.data.subarray(offset - ahead.offset, offset - ahead.offset + length));
  }

  #fetch(pack: string): void {
    const wanted = this.#wanted.get(pack)!.sort((a, b) => a.offset - b.offset);
    this.#wanted.delete(pack);
    for (const group of closeTogether(wanted)) void this.#fetchGroup(pack, group);
  }

  async #fetchGroup(pack: string, group: readonly Wanted[]): Promise<void> {
    const offset = group[0]!.offset;
    const end = Math.max(...group.map((wanted) => wanted.end));
    const aheadBytes = this.#aheadBytes(pack, offset);
    const length = end - offset + aheadBytes;
    try {
      const data = await this.#objects.get(packKey(pack), { range: { offset, length } });
      this.#remember(pack, { offset, data, readTo: end, aheadBytes });
      for (const wanted of group)
        wanted.resolve(Buffer.from(data.subarray(wanted.offset - offset, wanted.end - offset)));
    } catch (error) {
      for (const wanted of group) wanted.reject(error);
    }
  }

  /** None, until a request begins where the last one ended. */
  #aheadBytes(pack: string, offset: number): number {
    const last = this.#ahead.get(pack);
    if (!last || offset < last.readTo || offset > last.readTo + GAP_BYTES) return 0;
    return Math.min(Math.max(last.aheadBytes * 2, FIRST_AHEAD_BYTES), MOST_AHEAD_BYTES);
  }

  #remember(pack: string, ahead: Ahead): void {
    this.#ahead.delete(pack);
    const data = ahead.aheadBytes > 0 ? ahead.data : Buffer.alloc(0);
    this.#ahead.set(pack, { ...ahead, data });
    if (this.#ahead.size > AHEAD_PACKS) this.#ahead.delete(this.#ahead.keys().next().value!);
  }
}

/** `wanted` is in the order of the pack. */
function closeTogether(wanted: readonly Wanted[]): Wanted[][] {
  const groups: Wanted[][] = [];
  let end = 0;
  for (const one of wanted) {
    const group = groups.at(-1);
    if (group && one.offset <= end + GAP_BYTES && one.end - group[0]!.offset <= REQUEST_BYTES)
      group.push(one);
    else groups.push([one]);
    end = group === groups.at(-1) ? Math.max(end, one.end) : one.end;
  }
  return groups;
}
