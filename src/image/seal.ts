/**
 * Sealing: what a copy-on-write view shows becomes an image. The chunks that were changed are read, hashed and put, and
 * nothing else is; the new map names them and, for all the rest, what the old one named.
 */
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { ChunkChanges } from "./chunk-changes.ts";
import { PIECE_BYTES } from "./hash/hash-piece.ts";
import { hasherFor } from "./hash/hasher.ts";
import { CHUNK_BYTES, type ChunkMap, chunkCount, withChanges } from "./map.ts";
import { chunksOf, chunkWriterOf } from "./store-chunks.ts";
import { storeMap } from "./stored-map.ts";

/** One is read while another is hashed and the next ones put. */
const PIECES_AT_A_TIME = 6;

export interface SealOptions {
  /** Default: the view's. */
  sizeBytes?: number;
  signal?: AbortSignal;
}

/** A view that nobody writes to meanwhile. */
export interface Sealable {
  blobs: BlobStore;
  /** What it shows where nothing was changed. */
  shown: ChunkMap;
  sizeBytes: number;
  /** Indexes of the chunks in which something was, in any order. */
  dirtyChunks(): Iterable<number>;
  readInto(offset: number, into: Buffer): Promise<void> | undefined;
}

export async function seal(view: Sealable, options: SealOptions = {}): Promise<ImageArtifact> {
  const { sizeBytes = view.sizeBytes, signal } = options;
  const changes = await storeChanges(view, sizeBytes, signal);
  return await storeMap(view.blobs, withChanges(view.shown, changes, sizeBytes));
}

/** Puts the chunks that may differ from what `shown` has; their digests, or null for zeros. */
async function storeChanges(
  view: Sealable,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<ChunkChanges> {
  const indexes = chunksToStore(view, sizeBytes);
  const changes = new ChunkChanges(indexes);
  const hasher = hasherFor(indexes.length * CHUNK_BYTES);
  const writer = chunkWriterOf(view.blobs);
  const free: Buffer[] = [];
  await inParallel(piecesOf(indexes), PIECES_AT_A_TIME, async ({ first, count }) => {
    signal?.throwIfAborted();
    const start = first * CHUNK_BYTES;
    const end = Math.min(start + count * CHUNK_BYTES, sizeBytes, view.sizeBytes);
    const length = Math.max(0, end - start);
    const piece = free.pop() ?? hasher.newPiece();
    await view.readInto(start, piece.subarray(0, length));
    piece.fill(0, length, count * CHUNK_BYTES);
    const chunks = piece.subarray(0, count * CHUNK_BYTES);
    const digests = await hasher.hash(chunks);
    await writer.put(chunksOf(chunks, digests));
    changes.set(first, digests);
    free.push(piece);
  });
  await writer.finish();
  return changes;
}

/** The dirty chunks, and those that the end of what the view shows or of the new image cuts through. */
function chunksToStore({ shown, dirtyChunks }: Sealable, sizeBytes: number): Uint32Array {
  const cutThrough = [sizeBytes, shown.sizeBytes]
    .filter((end) => end % CHUNK_BYTES !== 0)
    .map((end) => Math.floor(end / CHUNK_BYTES));
  const indexes = Uint32Array.from([...dirtyChunks(), ...cutThrough]).sort();
  const endChunk = chunkCount(sizeBytes);
  return indexes.filter((index, at) => index < endChunk && index !== indexes[at - 1]);
}

/** Adjacent indexes together, up to a piece. */
function* piecesOf(indexes: Uint32Array): Generator<{ first: number; count: number }> {
  for (let at = 0; at < indexes.length; ) {
    const first = indexes[at]!;
    let count = 1;
    while (count < PIECE_BYTES / CHUNK_BYTES && indexes[at + count] === first + count) count++;
    yield { first, count };
    at += count;
  }
}
