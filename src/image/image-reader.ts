/**
 * Reads of one image's content, on demand. A store that reads parts of chunks where they lie (`BlobStore.chunks`) is
 * asked for a range at a time. What it has not, and all there is in other stores, is fetched by whole chunks: each once,
 * however many readers ask for parts of it at a time, and kept in a bounded least-recently-used cache, as the rest of it
 * is mostly wanted soon. A failed read is not remembered: the next one asks the store again.
 */
import type { BlobStore, ChunkReader } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import { CHUNK_BYTES, type ChunkMap, digestAt, endOfAlike, placeOf } from "./map.ts";
import { allSettled } from "./settled.ts";

const CACHE_BYTES = 32 * 1024 * 1024;

export class ImageReader {
  readonly #blobs: BlobStore;
  readonly #map: ChunkMap;
  readonly #chunks: ChunkReader | undefined;
  readonly #capacity: number;
  /** By the chunk's place among the digests; in the order of use, the oldest first. */
  readonly #cached = new Map<number, Buffer>();
  readonly #loading = new Map<number, Promise<Buffer>>();
  #readBytes = 0;

  constructor(blobs: BlobStore, map: ChunkMap, cacheBytes: number = CACHE_BYTES) {
    this.#blobs = blobs;
    this.#map = map;
    this.#chunks = blobs.chunks?.(map.digests);
    this.#capacity = Math.max(1, Math.floor(cacheBytes / CHUNK_BYTES));
  }

  /** Read from the store so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /**
   * Fills `into` with what the image has from `offset` on, which lies within it. Undefined: it is filled. The promise
   * rejects with what the store throws, when nothing writes to `into` any more.
   */
  fill(into: Buffer, offset: number): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (let done = 0; done < into.length; ) {
      const index = Math.floor((offset + done) / CHUNK_BYTES);
      const stop = Math.min(endOfAlike(this.#map, index) * CHUNK_BYTES - offset, into.length);
      const target = done === 0 && stop === into.length ? into : into.subarray(done, stop);
      const place = placeOf(this.#map, index);
      const wait =
        place === undefined ? void target.fill(0) : this.#read(place, (offset + done) % CHUNK_BYTES, target);
      if (wait) waits.push(wait);
      done = stop;
    }
    return waits.length === 0 ? undefined : allSettled(waits);
  }

  /** Fills `into` from byte `from` of a chunk on, and from the ones that follow it. */
  #read(place: number, from: number, into: Buffer): Promise<void> | undefined {
    if (!this.#chunks) return this.#readEach(place, from, into);
    const read = this.#chunks.read(place, from, into);
    this.#readBytes += into.length;
    return read?.catch((error) => this.#readEach(place, from, into, unlessAbsent(error)));
  }

  /** Chunk by chunk, from the cache and into it. `fault`: why they could not be read where they lie. */
  #readEach(place: number, from: number, into: Buffer, fault?: TplError): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (let done = 0; done < into.length; ) {
      const at = from + done;
      const begin = at % CHUNK_BYTES;
      const target = into.subarray(done, done + CHUNK_BYTES - begin);
      const chunk = this.#chunk(place + Math.floor(at / CHUNK_BYTES), fault);
      if (Buffer.isBuffer(chunk)) chunk.copy(target, 0, begin);
      else waits.push(chunk.then((loaded) => void loaded.copy(target, 0, begin)));
      done += target.length;
    }
    return waits.length === 0 ? undefined : allSettled(waits);
  }

  #chunk(place: number, fault: TplError | undefined): Buffer | Promise<Buffer> {
    const cached = this.#cached.get(place);
    if (cached) {
      this.#cached.delete(place);
      this.#cached.set(place, cached);
      return cached;
    }
    const loading =
      this.#loading.get(place) ?? this.#load(place, fault).finally(() => this.#loading.delete(place));
    this.#loading.set(place, loading);
    return loading;
  }

  async #load(place: number, fault: TplError | undefined): Promise<Buffer> {
    this.#readBytes += CHUNK_BYTES;
    const digest = digestAt(this.#map, place);
    const chunk = await this.#blobs.get(digest).catch((error) => {
      // That a damaged chunk is missing now says less than how it was found.
      throw fault && isMissing(error) ? fault : error;
    });
    if (chunk.length !== CHUNK_BYTES) {
      throw new TplError({ code: "blob-corrupt", message: `chunk ${digest} has ${chunk.length} bytes` });
    }
    if (this.#cached.size >= this.#capacity) {
      const [oldest] = this.#cached.keys();
      this.#cached.delete(oldest!);
    }
    this.#cached.set(place, chunk);
    return chunk;
  }
}

/** What is missing or damaged where it lay may be had from elsewhere; anything else is an error. */
function unlessAbsent(error: unknown): TplError {
  if (isMissing(error) || (error instanceof TplError && error.code === "blob-corrupt")) return error;
  throw error;
}

function isMissing(error: unknown): error is TplError {
  return error instanceof TplError && error.code === "blob-missing";
}
