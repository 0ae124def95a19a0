/**
 * The chunk map: what an image is. A size in bytes and, for every fixed-size chunk that is not all zeros, the
 * sha256 of its content (the last chunk is padded with zeros to a whole one, so growing rewrites nothing).
 * Maps are immutable, canonical (equal content and size give equal maps, however the image came about) and flat:
 * a lookup is one binary search, never a chain of ancestors. `map-format.ts` has their bytes.
 */
import { hash } from "node:crypto";
import type { Digest } from "../engine/artifact.ts";
import { CHUNK_BYTES } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";

/** Small enough that a scattered 4 KiB write costs little in the store, large enough that 10 GiB need 163,840 digests. */
export { CHUNK_BYTES };

export const DIGEST_BYTES = 32;
/** Chunk indexes are 32 bits. */
export const MAX_IMAGE_BYTES = CHUNK_BYTES * 0xffff_ffff;

/** Never in a map: a chunk of zeros is left out. */
export const ZERO_CHUNK_DIGEST = hash("sha256", Buffer.alloc(CHUNK_BYTES), "buffer");

export interface ChunkMap {
  readonly sizeBytes: number;
  /** Three numbers a run: the first chunk's index, the number of chunks, the first chunk's place in `digests`. */
  readonly runs: Uint32Array;
  /** 32 bytes for each present chunk. */
  readonly digests: Buffer;
}

/** An image of zeros. */
export function emptyMap(sizeBytes: number): ChunkMap {
  checkSize(sizeBytes);
  return { sizeBytes, runs: new Uint32Array(0), digests: Buffer.alloc(0) };
}

/** How many chunks cover `sizeBytes`. */
export function chunkCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_BYTES);
}

/** Where the digest of a chunk stands among the map's; undefined: the chunk is zeros. */
export function placeOf(map: ChunkMap, chunkIndex: number): number | undefined {
  const run = firstRunEndingAfter(map, chunkIndex) * 3;
  if (run === map.runs.length || map.runs[run]! > chunkIndex) return undefined;
  return map.runs[run + 2]! + chunkIndex - map.runs[run]!;
}

/** The digest at a place of the map's. */
export function digestAt(map: ChunkMap, place: number): Digest {
  return digestFromBytes(map.digests.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES));
}

/** The digest of a chunk; undefined: the chunk is zeros. */
export function digestOf(map: ChunkMap, chunkIndex: number): Digest | undefined {
  const place = placeOf(map, chunkIndex);
  return place === undefined ? undefined : digestAt(map, place);
}

/** Whether any chunk of `[firstChunk, endChunk)` is present. */
export function anyPresent(map: ChunkMap, firstChunk: number, endChunk: number): boolean {
  const run = firstRunEndingAfter(map, firstChunk) * 3;
  return run < map.runs.length && map.runs[run]! < endChunk;
}

/** The first chunk after `chunkIndex` that is not, like it, present or absent; infinity where there is none. */
export function endOfAlike(map: ChunkMap, chunkIndex: number): number {
  const run = firstRunEndingAfter(map, chunkIndex) * 3;
  if (run === map.runs.length) return Number.POSITIVE_INFINITY;
  const first = map.runs[run]!;
  return chunkIndex < first ? first : first + map.runs[run + 1]!;
}

/** Indexes of the present chunks, ascending. */
export function* presentChunks(map: ChunkMap): Generator<number> {
  for (let run = 0; run < map.runs.length; run += 3) {
    const first = map.runs[run]!;
    for (let index = first; index < first + map.runs[run + 1]!; index++) yield index;
  }
}

/** Every digest that the map names, once each. */
export function chunkDigests(map: ChunkMap): Digest[] {
  const hex = new Set<string>();
  for (let place = 0; place < map.digests.length; place += DIGEST_BYTES) {
    hex.add(map.digests.toString("hex", place, place + DIGEST_BYTES));
  }
  return Array.from(hex, (digits): Digest => `sha256:${digits}`);
}

/** Chunks by their index: 32 digest bytes, or null where they have become zeros. A `Map` is one. */
export interface ChangedChunks {
  readonly size: number;
  keys(): Iterable<number>;
  get(index: number): Uint8Array | null | undefined;
}

/**
 * The map with some chunks replaced or made zeros, cut or grown to `sizeBytes`. Costs one copy of the digests and the
 * sorting of the changes.
 *
 * Cutting to a size within a chunk needs that chunk among the changes when it holds data past the new end.
 */
export function withChanges(map: ChunkMap, changes: ChangedChunks, sizeBytes: number): ChunkMap {
  checkSize(sizeBytes);
  const endChunk = chunkCount(sizeBytes);
  const made = new ChunkListBuilder(map.digests.length / DIGEST_BYTES + changes.size);
  const indexes = Uint32Array.from(changes.keys()).sort();
  let run = 0;
  let next = 0;

  const keep = (end: number) => {
    while (next < end && run < map.runs.length) {
      const first = map.runs[run]!;
      const runEnd = first + map.runs[run + 1]!;
      const from = Math.max(first, next);
      const to = Math.min(runEnd, end);
      if (from < to) {
        const place = map.runs[run + 2]! + from - first;
        made.append(from, map.digests.subarray(place * DIGEST_BYTES, (place + to - from) * DIGEST_BYTES));
      }
      if (runEnd > end) break;
      run += 3;
    }
  };
  for (const index of indexes) {
    if (index >= endChunk) break;
    keep(index);
    const digest = changes.get(index);
    if (digest && !ZERO_CHUNK_DIGEST.equals(digest)) made.append(index, digest);
    next = index + 1;
  }
  keep(endChunk);
  return { sizeBytes, ...made.list() };
}

export function digestFromBytes(bytes: Buffer): Digest {
  return `sha256:${bytes.toString("hex")}`;
}

/** Makes the runs and digests of a map, or of a level of its bytes, from chunks in their order. */
export class ChunkListBuilder {
  readonly #runs: number[] = [];
  readonly #digests: Buffer;
  #count = 0;
  #end = -1;

  /** `mostChunks`: of those that will be present. */
  constructor(mostChunks: number) {
    this.#digests = Buffer.allocUnsafeSlow(mostChunks * DIGEST_BYTES);
  }

  /** Chunks side by side from index `first` on, all after the ones before. */
  append(first: number, digests: Uint8Array): void {
    const count = digests.length / DIGEST_BYTES;
    if (!Number.isInteger(count)) throw new Error("bug: a digest is not 32 bytes");
    this.#digests.set(digests, this.#count * DIGEST_BYTES);
    if (first === this.#end) this.#runs[this.#runs.length - 2]! += count;
    else this.#runs.push(first, count, this.#count);
    this.#count += count;
    this.#end = first + count;
  }

  list(): Pick<ChunkMap, "runs" | "digests"> {
    const used = this.#digests.subarray(0, this.#count * DIGEST_BYTES);
    // What was replaced has left room that is not to be kept as long as the list.
    const digests = used.length < this.#digests.length ? Buffer.from(used) : used;
    return { runs: Uint32Array.from(this.#runs), digests };
  }
}

/** Which run is the first to end after `chunkIndex`; the number of runs when none does. */
function firstRunEndingAfter(map: ChunkMap, chunkIndex: number): number {
  let low = 0;
  let high = map.runs.length / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (map.runs[middle * 3]! + map.runs[middle * 3 + 1]! > chunkIndex) high = middle;
    else low = middle + 1;
  }
  return low;
}

function checkSize(sizeBytes: number): void {
  if (Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= MAX_IMAGE_BYTES) return;
  throw new TplError({
    code: "bad-image-size",
    message: `an image cannot have ${sizeBytes} bytes`,
    hint: `give a whole number of bytes, at most ${MAX_IMAGE_BYTES}`,
  });
}
