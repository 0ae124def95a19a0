/**
 * The chunk map: what an image is. A size in bytes and, for every fixed-size chunk that is not all zeros, the
 * sha256 of its content (the last chunk is padded with zeros to a whole one, so growing rewrites nothing).
 * Encoding is canonical: equal content and size give equal bytes, hence the same image digest, however the
 * image came about. Maps are immutable and flat: a lookup is one binary search, never a chain of ancestors.
 *
 * Format, version 1, all numbers big-endian:
 *
 *     0   8  magic "tplchmap"
 *     8   4  version, 1
 *    12   4  chunk size in bytes, 65536
 *    16   8  size of the image in bytes
 *    24   4  number of runs
 *    28   4  number of present chunks
 *    32  8r  runs, ascending, neither adjacent nor empty: index of the first chunk (4), number of chunks (4)
 *     …  32  a digest for each present chunk, in the order of the chunks
 */
import { createHash, hash } from "node:crypto";
import type { Digest, ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { ArtifactDamaged, TplError } from "../engine/errors.ts";

/** Small enough that a scattered 4 KiB write costs little in the store, large enough that 10 GiB need 163,840 digests. */
export const CHUNK_BYTES = 65536;
export const DIGEST_BYTES = 32;
/** Chunk indexes are 32 bits. */
export const MAX_IMAGE_BYTES = CHUNK_BYTES * 0xffff_ffff;

const MAGIC = Buffer.from("tplchmap", "latin1");
const VERSION = 1;
const HEADER_BYTES = 32;
const RUN_BYTES = 8;
const ZERO_CHUNK_DIGEST = createHash("sha256").update(Buffer.alloc(CHUNK_BYTES)).digest();

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

/** The digest of a chunk as 32 bytes (a view into the map, not to be changed); undefined: the chunk is zeros. */
export function digestBytesOf(map: ChunkMap, chunkIndex: number): Buffer | undefined {
  const run = firstRunEndingAfter(map, chunkIndex) * 3;
  if (run === map.runs.length || map.runs[run]! > chunkIndex) return undefined;
  const place = map.runs[run + 2]! + chunkIndex - map.runs[run]!;
  return map.digests.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES);
}

/** The digest of a chunk; undefined: the chunk is zeros. */
export function digestOf(map: ChunkMap, chunkIndex: number): Digest | undefined {
  const bytes = digestBytesOf(map, chunkIndex);
  return bytes && digestFromBytes(bytes);
}

/** Whether any chunk of `[firstChunk, endChunk)` is present. */
export function anyPresent(map: ChunkMap, firstChunk: number, endChunk: number): boolean {
  const run = firstRunEndingAfter(map, firstChunk) * 3;
  return run < map.runs.length && map.runs[run]! < endChunk;
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

/**
 * The map with some chunks replaced (32 digest bytes) or made zeros (null), cut or grown to `sizeBytes`.
 * Costs one copy of the digests and the sorting of the changes.
 *
 * Cutting to a size within a chunk needs that chunk among the changes when it holds data past the new end.
 */
export function withChanges(
  map: ChunkMap,
  changes: ReadonlyMap<number, Uint8Array | null>,
  sizeBytes: number,
): ChunkMap {
  checkSize(sizeBytes);
  const endChunk = chunkCount(sizeBytes);
  const pieces: Piece[] = [];
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
        pieces.push({ first: from, count: to - from, source: map.digests, place });
      }
      if (runEnd > end) break;
      run += 3;
    }
  };
  for (const index of indexes) {
    if (index >= endChunk) break;
    keep(index);
    const digest = changes.get(index);
    if (digest && !ZERO_CHUNK_DIGEST.equals(digest)) {
      pieces.push({ first: index, count: 1, source: digest, place: 0 });
    }
    next = index + 1;
  }
  keep(endChunk);
  return fromPieces(sizeBytes, pieces);
}

/** The canonical bytes of a map, as in the head of this file. */
export function encodeMap(map: ChunkMap): Buffer {
  const runCount = map.runs.length / 3;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + runCount * RUN_BYTES + map.digests.length);
  MAGIC.copy(bytes);
  bytes.writeUInt32BE(VERSION, 8);
  bytes.writeUInt32BE(CHUNK_BYTES, 12);
  bytes.writeBigUInt64BE(BigInt(map.sizeBytes), 16);
  bytes.writeUInt32BE(runCount, 24);
  bytes.writeUInt32BE(map.digests.length / DIGEST_BYTES, 28);
  let at = HEADER_BYTES;
  for (let run = 0; run < map.runs.length; run += 3) {
    bytes.writeUInt32BE(map.runs[run]!, at);
    bytes.writeUInt32BE(map.runs[run + 1]!, at + 4);
    at += RUN_BYTES;
  }
  map.digests.copy(bytes, at);
  return bytes;
}

/** Reads what `encodeMap` wrote. Whatever is not canonical is refused with TplError `bad-map`. The map keeps `bytes`. */
export function decodeMap(bytes: Buffer): ChunkMap {
  if (bytes.length < HEADER_BYTES) throw badMap("it is shorter than a header");
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    throw badMap("it does not begin with a chunk map's magic");
  const version = bytes.readUInt32BE(8);
  if (version !== VERSION) throw badMap(`its version is ${version}, this program reads ${VERSION}`);
  if (bytes.readUInt32BE(12) !== CHUNK_BYTES) throw badMap(`its chunk size is not ${CHUNK_BYTES}`);
  const sizeBytes = Number(bytes.readBigUInt64BE(16));
  if (sizeBytes > MAX_IMAGE_BYTES) throw badMap("its image is too large");
  const runCount = bytes.readUInt32BE(24);
  const present = bytes.readUInt32BE(28);
  const digestsAt = HEADER_BYTES + runCount * RUN_BYTES;
  if (bytes.length !== digestsAt + present * DIGEST_BYTES) throw badMap("its length does not fit its counts");

  const runs = decodeRuns(bytes, runCount);
  const last = runs.length - 3;
  if ((last < 0 ? 0 : runs[last + 1]! + runs[last + 2]!) !== present) {
    throw badMap("its runs do not add up to its present chunks");
  }
  if (last >= 0 && runs[last]! + runs[last + 1]! > chunkCount(sizeBytes)) {
    throw badMap("it names a chunk past the end of the image");
  }
  const digests = bytes.subarray(digestsAt);
  if (includesDigest(digests, ZERO_CHUNK_DIGEST)) throw badMap("it lists a chunk of zeros");
  return { sizeBytes, runs, digests };
}

/** The digest of the image that the map describes. */
export function mapDigest(map: ChunkMap): Digest {
  return `sha256:${hash("sha256", encodeMap(map))}`;
}

/** Reads an image's map. Throws ArtifactDamaged where the blob is missing or corrupt, TplError `bad-map` where it is no map. */
export async function loadMap(blobs: BlobStore, image: ImageArtifact): Promise<ChunkMap> {
  let bytes: Buffer;
  try {
    bytes = await blobs.get(image.digest);
  } catch (error) {
    throw asDamagedImage(error, image.digest);
  }
  const map = decodeMap(bytes);
  if (map.sizeBytes !== image.bytes) {
    throw badMap(`it is of an image of ${map.sizeBytes} bytes, where ${image.bytes} were expected`);
  }
  return map;
}

/** Stores a map, whose chunks must be in the store already; what comes back names the image. */
export async function storeMap(blobs: BlobStore, map: ChunkMap): Promise<ImageArtifact> {
  const bytes = encodeMap(map);
  const digest: Digest = `sha256:${hash("sha256", bytes)}`;
  await blobs.put(digest, bytes);
  return { type: "image", digest, bytes: map.sizeBytes };
}

/** What a store's error means for image `digest`: a missing or corrupt blob is a damaged image; any other stays as it is. */
export function asDamagedImage(error: unknown, digest: Digest): unknown {
  if (!(error instanceof TplError)) return error;
  const { code } = error;
  if (code !== "blob-missing" && code !== "blob-corrupt") return error;
  return new ArtifactDamaged({ code, digest, message: `image ${digest}: ${error.message}`, cause: error });
}

export function digestFromBytes(bytes: Buffer): Digest {
  return `sha256:${bytes.toString("hex")}`;
}

/** Some adjacent present chunks whose digests lie together. */
interface Piece {
  first: number;
  count: number;
  source: Uint8Array;
  /** In digests, not bytes. */
  place: number;
}

function fromPieces(sizeBytes: number, pieces: readonly Piece[]): ChunkMap {
  const present = pieces.reduce((sum, piece) => sum + piece.count, 0);
  const digests = Buffer.allocUnsafe(present * DIGEST_BYTES);
  const runs: number[] = [];
  let place = 0;
  let end = -1;
  for (const { first, count, source, place: sourcePlace } of pieces) {
    const bytes = source.subarray(sourcePlace * DIGEST_BYTES, (sourcePlace + count) * DIGEST_BYTES);
    if (bytes.length !== count * DIGEST_BYTES) throw new Error("bug: a digest is not 32 bytes");
    digests.set(bytes, place * DIGEST_BYTES);
    if (first === end) runs[runs.length - 2]! += count;
    else runs.push(first, count, place);
    place += count;
    end = first + count;
  }
  return { sizeBytes, runs: Uint32Array.from(runs), digests };
}

function decodeRuns(bytes: Buffer, runCount: number): Uint32Array {
  const runs = new Uint32Array(runCount * 3);
  let place = 0;
  let end = -1;
  for (let run = 0; run < runCount; run++) {
    const first = bytes.readUInt32BE(HEADER_BYTES + run * RUN_BYTES);
    const count = bytes.readUInt32BE(HEADER_BYTES + run * RUN_BYTES + 4);
    if (count === 0 || first <= end) throw badMap("its runs are empty, adjacent or out of order");
    runs[run * 3] = first;
    runs[run * 3 + 1] = count;
    runs[run * 3 + 2] = place;
    place += count;
    end = first + count;
  }
  return runs;
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

function includesDigest(digests: Buffer, digest: Buffer): boolean {
  for (let at = digests.indexOf(digest); at >= 0; at = digests.indexOf(digest, at + 1)) {
    if (at % DIGEST_BYTES === 0) return true;
  }
  return false;
}

function checkSize(sizeBytes: number): void {
  if (Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= MAX_IMAGE_BYTES) return;
  throw new TplError({
    code: "bad-image-size",
    message: `an image cannot have ${sizeBytes} bytes`,
    hint: `give a whole number of bytes, at most ${MAX_IMAGE_BYTES}`,
  });
}

function badMap(reason: string): TplError {
  return new TplError({
    code: "bad-map",
    message: `not a chunk map of this program: ${reason}`,
    hint: "build the image again",
  });
}
