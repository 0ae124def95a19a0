/**
 * Gathers blobs into packs and uploads them: first a pack, then its index. Two packs travel while the next is filled,
 * and whoever brings more waits: memory stays at some four packs. A pack's name is its content's hash, so that one
 * which a killed process uploaded is not sent again.
 */
import { hash } from "node:crypto";
import type { Digest } from "../../engine/artifact.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { indexKey, packKey } from "./layout.ts";
import {
  encodeIndex,
  PACK_HEADER_BYTES,
  type PackEntry,
  type PackedBlob,
  packBlob,
  packHeader,
} from "./pack-format.ts";

const PACK_BYTES = 32 * 2 ** 20;
const UPLOADS_AT_ONCE = 2;

export interface PackWriterOptions {
  objects: ObjectStore;
  /** Called when a pack and its index are there. */
  onPack(pack: string, index: Buffer): void;
  /** Whether a pack that is there has turned out to be another one than its name says: it is put again. */
  isDamaged(pack: string): boolean;
  signal?: AbortSignal | undefined;
  /** When a pack is full. Default: 32 MiB. */
  packBytes?: number | undefined;
}

interface Filling {
  /** As large as it may become. */
  data: Buffer;
  entries: PackEntry[];
  /** So far. */
  bytes: number;
}

export class PackWriter {
  readonly #options: PackWriterOptions;
  readonly #uploads = new Set<Promise<void>>();
  /** Given to `add`, and not in an uploaded pack yet. */
  readonly #underWay = new Set<Digest>();
  #filling: Filling | undefined;
  /** Blobs come into the pack in the order of `add`: neighbours in an image stay neighbours. */
  #turn: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  /** Bytes of packs and indexes that were uploaded. */
  sentBytes = 0;

  constructor(options: PackWriterOptions) {
    this.#options = options;
  }

  /** Resolves when there is room for the next one; rejects when an upload has failed. The data may be changed then. */
  async add(digest: Digest, data: Uint8Array): Promise<void> {
    if (this.#underWay.has(digest)) return;
    this.#underWay.add(digest);
    const packed = packBlob(data);
    packed.catch(() => undefined); // awaited in its turn
    const turn = this.#turn.then(async () => this.#append(digest, await packed));
    this.#turn = turn.catch(() => undefined);
    await turn;
  }

  /** Resolves when everything that was added is there. */
  async flush(): Promise<void> {
    await this.#turn;
    this.#seal();
    await Promise.all(this.#uploads);
    this.#throwFailure();
  }

  async #append(digest: Digest, { stored, bytes, encoding }: PackedBlob): Promise<void> {
    this.#throwFailure();
    if (this.#filling && this.#filling.bytes + stored.length > this.#filling.data.length) {
      this.#seal();
      while (this.#uploads.size > UPLOADS_AT_ONCE) await Promise.race(this.#uploads);
      this.#throwFailure();
    }
    const { packBytes = PACK_BYTES } = this.#options;
    this.#filling ??= emptyPack(Math.max(packBytes, PACK_HEADER_BYTES + stored.length));
    const pack = this.#filling;
    pack.data.set(stored, pack.bytes);
    pack.entries.push({ digest, offset: pack.bytes, storedBytes: stored.length, bytes, encoding });
    pack.bytes += stored.length;
  }

  #seal(): void {
    const pack = this.#filling;
    this.#filling = undefined;
    if (!pack) return;
    const upload = this.#upload(pack)
      .catch((error) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#uploads.delete(upload);
        for (const { digest } of pack.entries) this.#underWay.delete(digest);
      });
    this.#uploads.add(upload);
  }

  async #upload({ data: memory, entries, bytes }: Filling): Promise<void> {
    const { objects, onPack, isDamaged, signal } = this.#options;
    const options = signal ? { signal } : {};
    const data = memory.subarray(0, bytes);
    const pack = hash("sha256", data);
    const index = encodeIndex(entries, bytes);
    signal?.throwIfAborted();
    if (isDamaged(pack) || (await objects.stat(packKey(pack)))?.bytes !== bytes) {
      await objects.put(packKey(pack), data, options);
      this.sentBytes += bytes;
    }
    await objects.put(indexKey(pack), index, options);
    this.sentBytes += index.length;
    onPack(pack, index);
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

function emptyPack(mostBytes: number): Filling {
  const data = Buffer.allocUnsafeSlow(mostBytes);
  packHeader().copy(data);
  return { data, entries: [], bytes: PACK_HEADER_BYTES };
}
