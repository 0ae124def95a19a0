/**
 * A raw file becomes an image: read once from front to back in pieces of 1 MiB, a few at a time, each chunk
 * hashed and put. Memory stays at a few MiB whatever the file's size. The file must not change meanwhile.
 */
import { type FileHandle, open } from "node:fs/promises";
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { TplError } from "../engine/errors.ts";
import type { ByteRange } from "./data-ranges.ts";
import { inParallel } from "./in-parallel.ts";
import { CHUNK_BYTES, emptyMap, withChanges } from "./map.ts";
import { storeChunk } from "./store-chunks.ts";
import { storeMap } from "./stored-map.ts";

const PIECE_BYTES = 16 * CHUNK_BYTES;
const PIECES_AT_A_TIME = 4;

export interface TransferOptions {
  onProgress?(doneBytes: number, totalBytes: number): void;
  /** Aborting rejects with the signal's reason, with nothing running on behind. */
  signal?: AbortSignal;
}

export interface ImportOptions extends TransferOptions {
  /** Default: the file's size. More: zeros behind it. Less: only so much of it. A block device needs it. */
  sizeBytes?: number;
  /** Where the file has data, in the order of offsets; what lies between is known to be zeros and is not read. */
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
  const changes = new Map<number, Buffer | null>();
  const free: Buffer[] = [];
  let doneBytes = 0;

  const ranges = options.ranges ?? [{ offset: 0, length: readable }];

  await inParallel(pieces(ranges, readable), PIECES_AT_A_TIME, async ({ offset, length }) => {
    options.signal?.throwIfAborted();
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    const piece = buffer.subarray(0, length);
    await readFully(file, piece, offset, path);
    for (let at = 0; at < piece.length; at += CHUNK_BYTES) {
      const digest = await storeChunk(blobs, piece.subarray(at, at + CHUNK_BYTES));
      if (digest) changes.set((offset + at) / CHUNK_BYTES, digest);
    }
    free.push(buffer);
    doneBytes += piece.length;
    options.onProgress?.(doneBytes, readable);
  });
  return await storeMap(blobs, withChanges(map, changes, sizeBytes));
}

async function openSource(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (error) {
    throw new TplError({
      code: "cannot-read-file",
      message: `cannot open ${path}: ${error instanceof Error ? error.message : error}`,
      hint: "check the path and its permissions",
      cause: error,
    });
  }
}

/** Whole chunks that hold all of `ranges`, each chunk once, and nothing past `endBytes`. */
function* pieces(ranges: readonly ByteRange[], endBytes: number): Generator<ByteRange> {
  let next = 0;
  for (const { offset, length } of ranges) {
    const end = Math.min(Math.ceil((offset + length) / CHUNK_BYTES) * CHUNK_BYTES, endBytes);
    next = Math.max(next, offset - (offset % CHUNK_BYTES));
    for (; next < end; next += PIECE_BYTES) yield { offset: next, length: Math.min(PIECE_BYTES, end - next) };
    next = end;
  }
}

async function readFully(file: FileHandle, into: Buffer, offset: number, path: string): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) {
      throw new TplError({
        code: "file-changed",
        message: `${path} became shorter while it was read: it ends at ${offset + done} bytes`,
        hint: "let nothing write to the file, and run again",
      });
    }
    done += bytesRead;
  }
}
