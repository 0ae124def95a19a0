/**
 * The chunks of one image as they are read: from the store once while they stay in a bounded
 * least-recently-used cache, and by one request however many readers ask for the same chunk at a time. A
 * failed read is not remembered: the next one asks the store again.
 */
import type { Digest } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import { CHUNK_BYTES, type ChunkMap, digestOf } from "./map.ts";

const CACHE_BYTES = 32 * 1024 * 1024;

export class ChunkCache {
  readonly #blobs: BlobStore;
  readonly #map: ChunkMap;
  readonly #capacity: number;
  /** In the order of use, the oldest first. */
  readonly #chunks = new Map<number, Buffer>();
  readonly #loading = new Map<number, Promise<Buffer>>();
  #loads = 0;

  constructor(blobs: BlobStore, map: ChunkMap, capacityBytes: number = CACHE_BYTES) {
    this.#blobs = blobs;
    this.#map = map;
    this.#capacity = Math.max(1, Math.floor(capacityBytes / CHUNK_BYTES));
  }

  /** Chunks read from the store so far. */
  get loads(): number {
    return this.#loads;
  }

  /**
   * A chunk's bytes, shared: not to be changed. Undefined: zeros. A promise only where the store has to be
   * asked; it rejects with what the store throws.
   */
  get(chunkIndex: number): Buffer | undefined | Promise<Buffer> {
    const cached = this.#chunks.get(chunkIndex);
    if (cached) {
      this.#chunks.delete(chunkIndex);
      this.#chunks.set(chunkIndex, cached);
      return cached;
    }
    const loading = this.#loading.get(chunkIndex);
    if (loading) return loading;
    const digest = digestOf(this.#map, chunkIndex);
    if (!digest) return undefined;

    const load = this.#load(chunkIndex, digest).finally(() => this.#loading.delete(chunkIndex));
    this.#loading.set(chunkIndex, load);
    return load;
  }

  async #load(chunkIndex: number, digest: Digest): Promise<Buffer> {
    this.#loads++;
    const chunk = await this.#blobs.get(digest);
    if (chunk.length !== CHUNK_BYTES) {
      throw new TplError({ code: "blob-corrupt", message: `chunk ${digest} has ${chunk.length} bytes` });
    }
    if (this.#chunks.size >= this.#capacity) {
      const [oldest] = this.#chunks.keys();
      this.#chunks.delete(oldest!);
    }
    this.#chunks.set(chunkIndex, chunk);
    return chunk;
  }
}
