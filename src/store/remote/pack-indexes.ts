/**
 * What a remote's packs hold, as far as it was asked for. An index never changes, so each is fetched once and kept in
 * a folder of the local store: the next process finds it there.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../engine/artifact.ts";
import { TplError } from "../../engine/errors.ts";
import { namesIn } from "../names-in.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { temporaryName } from "../temporary.ts";
import { DigestTable, type Located } from "./digest-table.ts";
import { indexKey, PACKS, packKey, packOfIndexKey } from "./layout.ts";
import { decodeIndex } from "./pack-format.ts";

const FETCHES_AT_ONCE = 8;
/** How long a listing is believed to be complete. */
const FRESH_MS = 10_000;

export interface PackIndexesOptions {
  objects: ObjectStore;
  /** Where indexes are kept; absent: in memory alone. */
  folder?: string | undefined;
  /** Told of an index that cannot be used. */
  onFault(error: unknown): void;
}

export class PackIndexes {
  readonly #options: PackIndexesOptions;
  readonly #table = new DigestTable();
  readonly #loaded = new Set<string>();
  readonly #loading = new Map<string, Promise<void>>();
  #kept: string[] | undefined;
  #syncing: Promise<void> | undefined;
  #syncedMs = 0;

  constructor(options: PackIndexesOptions) {
    this.#options = options;
  }

  /** As far as it is known without asking the remote. */
  find(digest: Digest, except?: ReadonlySet<string>): Located | undefined {
    const found = this.#table.find(digest, except);
    if (found || !this.#loadKept()) return found;
    return this.#table.find(digest, except);
  }

  /** Knows these packs from now on. Throws TplError `blob-corrupt` or `object-missing` for one that cannot be used. */
  async load(packs: readonly string[]): Promise<void> {
    await inTurns(packs, (pack) => this.#load(pack));
  }

  /** Knows every pack there is now. One whose index is damaged is told, and counts as not there. */
  async sync(): Promise<void> {
    if (Date.now() - this.#syncedMs < FRESH_MS) return;
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing;
  }

  /** A pack that was just written. */
  add(pack: string, index: Buffer): void {
    if (this.#loaded.has(pack)) this.#table.drop(pack);
    this.#use(pack, index);
    this.#keep(pack, index);
  }

  /** What it says is not so: it is asked for again when it is needed. */
  forget(pack: string): void {
    this.#table.drop(pack);
    this.#loaded.delete(pack);
    this.#syncedMs = 0;
    if (this.#options.folder !== undefined) rmSync(this.#fileOf(pack), { force: true });
  }

  async #sync(): Promise<void> {
    this.#loadKept();
    const keys = new Set<string>();
    for await (const { key } of this.#options.objects.list(PACKS)) keys.add(key);
    // An index whose pack somebody deleted says nothing.
    const packs = [...keys].map(packOfIndexKey).filter((pack) => pack !== undefined);
    const listed = new Set(packs.filter((pack) => keys.has(packKey(pack))));
    for (const pack of [...this.#loaded].filter((known) => !listed.has(known))) this.forget(pack);
    await inTurns([...listed], async (pack) => {
      try {
        await this.#load(pack);
      } catch (error) {
        if (!(error instanceof TplError) || error.code.startsWith("store-")) throw error;
        this.#options.onFault(error);
      }
    });
    this.#syncedMs = Date.now();
  }

  async #load(pack: string): Promise<void> {
    if (this.#loaded.has(pack)) return;
    const loading = this.#loading.get(pack) ?? this.#fetch(pack).finally(() => this.#loading.delete(pack));
    this.#loading.set(pack, loading);
    await loading;
  }

  async #fetch(pack: string): Promise<void> {
    const kept = this.#readKept(pack);
    if (kept && this.#tryUse(pack, kept)) return;
    const index = await this.#options.objects.get(indexKey(pack));
    this.#use(pack, index);
    this.#keep(pack, index);
  }

  #use(pack: string, index: Buffer): void {
    const { entries } = decodeIndex(index, `${indexKey(pack)} of ${this.#options.objects.name}`);
    this.#table.add(pack, entries);
    this.#loaded.add(pack);
  }

  #tryUse(pack: string, index: Buffer): boolean {
    try {
      this.#use(pack, index);
      return true;
    } catch {
      return false; // what we kept of it is damaged: it is fetched again
    }
  }

  /** False: that was done before. */
  #loadKept(): boolean {
    if (this.#kept || this.#options.folder === undefined) return false;
    this.#kept = namesIn(this.#options.folder, { unreadable: "none" }).filter((name) =>
      /^[0-9a-f]{64}\.index$/.test(name),
    );
    for (const name of this.#kept) {
      const pack = name.slice(0, 64);
      const index = this.#loaded.has(pack) ? undefined : this.#readKept(pack);
      if (index) this.#tryUse(pack, index);
    }
    return true;
  }

  #readKept(pack: string): Buffer | undefined {
    if (this.#options.folder === undefined) return undefined;
    try {
      return readFileSync(this.#fileOf(pack));
    } catch {
      return undefined; // it can be fetched
    }
  }

  /** Only a cache: a store that cannot be written, or is full, works without. */
  #keep(pack: string, index: Buffer): void {
    const { folder } = this.#options;
    if (folder === undefined) return;
    const temporary = join(folder, `.${temporaryName()}`);
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(temporary, index);
      renameSync(temporary, this.#fileOf(pack));
    } catch {
      rmSync(temporary, { force: true });
    }
  }

  #fileOf(pack: string): string {
    return join(this.#options.folder!, `${pack}.index`);
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const worker = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, worker));
}
