/**
 * A raw file becomes an image: read once from front to back in pieces of 1 MiB, a few at a time, without its holes;
 * each chunk hashed, and put where the store does not have it. Memory stays at a few MiB whatever the file's size. The file must not change meanwhile.
 */
import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { ChunkChanges } from "./chunk-changes.ts";
import { type ByteRange, dataRanges } from "./data-ranges.ts";
import { PIECE_BYTES } from "./hash/hash-piece.ts";
import { hasherFor } from "./hash/hasher.ts";
import { CHUNK_BYTES, chunkCount, emptyMap, withChanges } from "./map.ts";
import { chunksOf, chunkWriterOf } from "./store-chunks.ts";
import { storeMap } from "./stored-map.ts";

/** One is read while another is hashed and the next ones put. */
const PIECES_AT_A_TIME = 6;

export interface TransferOptions {
  onProgress?(doneBytes: number, totalBytes: number): void;
  /** Aborting rejects with the signal's reason, with nothing running on behind. */
  signal?: AbortSignal;
}

export interface ImportOptions extends TransferOptions {
  /** Default: the file's size. More: zeros behind it. Less: only so much of it. A block device needs it. */
  sizeBytes?: number;
  /** Where the file has data, in the order of offsets; what lies between is known to be zeros and is not read. Default: looked up. */
  ranges?: readonly ByteRange[];
}

/** Stores the content of the file at `path` as an image. Zeros, and so holes, cost nothing in the store. */
export async function importFile(
  blobs: BlobStore,
  path: string,
  options: ImportOptions = {},
): Promise<ImageArtifact> {
  options.signal?.throwIfAborted();
  await using file = await openSource(path);
  const stat = await file.stat();
  if (!stat.isFile() && !(stat.isBlockDevice() && options.sizeBytes !== undefined)) {
    throw new TplError({
      code: "not-a-raw-image",
      message: `${path} is not a regular file`,
      hint: "give a raw disk image, for instance an ext4 file",
    });
  }
  const sizeBytes = options.sizeBytes ?? stat.size;
  const map = emptyMap(sizeBytes);
  const readable = stat.isFile() ? Math.min(stat.size, sizeBytes) : sizeBytes;
  const free: Buffer[] = [];
  let doneBytes = 0;

  const ranges = options.ranges ??
    (await sparseRanges(path, stat, options.signal)) ?? [{ offset: 0, length: readable }];
  const totalBytes = Math.min(
    readable,
    ranges.reduce((sum, { length }) => sum + length, 0),
  );
  const runs = runsOf(ranges, readable);
  const changes = new ChunkChanges(indexesOf(runs));
  const hasher = hasherFor(totalBytes);
  const writer = chunkWriterOf(blobs);
  await inParallel(pieces(runs, readable), PIECES_AT_A_TIME, async ({ offset, length }) => {
    options.signal?.throwIfAborted();
    const piece = free.pop() ?? hasher.newPiece();
    const chunks = piece.subarray(0, chunkCount(length) * CHUNK_BYTES);
    const { filledBytes, digests } = await reading(path, () =>
      hasher.readAndHash(chunks, { descriptor: file.fd, position: offset, length }),
    );
    if (filledBytes < length) throw becameShorter(path, offset + filledBytes);
    await writer.put(chunksOf(chunks, digests));
    changes.set(offset / CHUNK_BYTES, digests);
    free.push(piece);
    doneBytes += length;
    options.onProgress?.(Math.min(doneBytes, totalBytes), totalBytes);
  });
  await writer.finish();
  return await storeMap(blobs, withChanges(map, changes, sizeBytes));
}

/** Undefined: all of it is to be read. A file with as much on its disk as its size has no holes to find. */
async function sparseRanges(
  path: string,
  stat: Stats,
  signal: AbortSignal | undefined,
): Promise<readonly ByteRange[] | undefined> {
  if (!stat.isFile() || stat.blocks * 512 >= stat.size) return undefined;
  try {
    return await dataRanges(path, signal);
  } catch {
    signal?.throwIfAborted();
    return undefined; // without the tool, it is read to its end: the same image
  }
}

function openSource(path: string): Promise<FileHandle> {
  return reading(path, () => open(path, "r"));
}

/** What goes wrong in `act` is told as TplError `cannot-read-file`. */
async function reading<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new TplError({
      code: "cannot-read-file",
      message: `cannot read ${path}: ${error instanceof Error ? error.message : error}`,
      hint: "check the path and its permissions",
      cause: error,
    });
  }
}

/** Chunks side by side, by their indexes. */
interface ChunkRun {
  first: number;
  end: number;
}

/** The chunks that hold `ranges`, ascending, each once, and nothing past `endBytes`. */
function runsOf(ranges: readonly ByteRange[], endBytes: number): ChunkRun[] {
  const runs: ChunkRun[] = [];
  let next = 0;
  for (const { offset, length } of ranges) {
    const first = Math.max(next, Math.floor(offset / CHUNK_BYTES));
    const end = chunkCount(Math.min(offset + length, endBytes));
    if (first >= end) continue;
    runs.push({ first, end });
    next = end;
  }
  return runs;
}

function indexesOf(runs: readonly ChunkRun[]): Uint32Array {
  const indexes = new Uint32Array(runs.reduce((sum, { first, end }) => sum + end - first, 0));
  let at = 0;
  for (const { first, end } of runs) for (let index = first; index < end; index++) indexes[at++] = index;
  return indexes;
}

function* pieces(runs: readonly ChunkRun[], endBytes: number): Generator<ByteRange> {
  for (const { first, end } of runs) {
    const endOffset = Math.min(end * CHUNK_BYTES, endBytes);
    for (let offset = first * CHUNK_BYTES; offset < endOffset; offset += PIECE_BYTES)
      yield { offset, length: Math.min(PIECE_BYTES, endOffset - offset) };
  }
}

function becameShorter(path: string, bytes: number): TplError {
  return new TplError({
    code: "file-changed",
    message: `${path} became shorter while it was read: it ends at ${bytes} bytes`,
    hint: "let nothing write to the file, and run again",
  });
}
