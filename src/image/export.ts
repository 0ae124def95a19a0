/**
 * An image becomes a raw, sparse file of exactly its size: holes where it has zeros.
 */
import { type FileHandle, open } from "node:fs/promises";
import type { ImageArtifact } from "../engine/artifact.ts";
import type { BlobStore } from "../engine/blobs.ts";
import { inParallel } from "../engine/in-parallel.ts";
import { BLOCK_BYTES } from "./dirty-map.ts";
import type { TransferOptions } from "./import.ts";
import { CHUNK_BYTES, type ChunkMap, DIGEST_BYTES, digestOf, presentChunks } from "./map.ts";
import { isZeros } from "./store-chunks.ts";
import { asDamagedImage, loadMap } from "./stored-map.ts";
import { writeWhole, writing } from "./write-whole.ts";

/** 8 MiB: so that what only a remote has comes by few requests, some at a time. */
const CHUNKS_AT_A_TIME = 128;

/**
 * Writes `image` to `path`, over what is there. Throws ArtifactDamaged where a chunk is missing or corrupt,
 * TplError `cannot-write-file` where the file cannot be made or filled.
 */
export async function exportImage(
  blobs: BlobStore,
  image: ImageArtifact,
  path: string,
  options: TransferOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const map = await loadMap(blobs, image);
  await writeWhole(path, async (partial) => {
    await writing(path, () => createFile(partial, map.sizeBytes));
    await fill(partial, { blobs, image, map, path }, options);
  });
}

async function createFile(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(sizeBytes);
}

interface Export {
  blobs: BlobStore;
  image: ImageArtifact;
  map: ChunkMap;
  path: string;
}

async function fill(partial: string, what: Export, options: TransferOptions): Promise<void> {
  const { blobs, image, map, path } = what;
  await using file = await open(partial, "r+");
  const totalBytes = (map.digests.length / DIGEST_BYTES) * CHUNK_BYTES;
  let doneBytes = 0;
  await inParallel(presentChunks(map), CHUNKS_AT_A_TIME, async (index) => {
    options.signal?.throwIfAborted();
    const chunk = await readChunk(blobs, image, map, index);
    const offset = index * CHUNK_BYTES;
    await writing(path, () => writeData(file, chunk.subarray(0, map.sizeBytes - offset), offset));
    doneBytes += CHUNK_BYTES;
    options.onProgress?.(doneBytes, totalBytes);
  });
  // All chunks of a small image are under way at once: none of them has asked since.
  options.signal?.throwIfAborted();
}

async function readChunk(
  blobs: BlobStore,
  image: ImageArtifact,
  map: ChunkMap,
  index: number,
): Promise<Buffer> {
  try {
    return await blobs.get(digestOf(map, index)!);
  } catch (error) {
    throw asDamagedImage(error, image.digest);
  }
}

/** Writes the ranges of `chunk` that are not zeros. */
async function writeData(file: FileHandle, chunk: Buffer, offset: number): Promise<void> {
  const isHole = (at: number) => isZeros(chunk.subarray(at, at + BLOCK_BYTES));
  for (let at = 0; at < chunk.length; ) {
    let end = at;
    while (end < chunk.length && !isHole(end)) end += BLOCK_BYTES;
    end = Math.min(end, chunk.length);
    for (let done = at; done < end; ) {
      const { bytesWritten } = await file.write(chunk, done, end - done, offset + done);
      done += bytesWritten;
    }
    at = end + BLOCK_BYTES;
  }
}
