/**
 * Has the kernel read what a check of an open disk is about to read. e2fsck takes the metadata in thousands of pieces of
 * 4 KiB and waits for each; from a disk that is served by another process, that is most of its time. What this process
 * has read in large pieces through the same file, the kernel keeps for e2fsck.
 */
import { type FileHandle, open } from "node:fs/promises";
import { TplError } from "../../engine/errors.ts";
import { inParallel } from "../../engine/in-parallel.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { readFully } from "../../engine/read-fully.ts";
import { CHUNK_BYTES } from "../../image/map.ts";
import { type ByteRange, metadataRanges } from "./tree/metadata.ts";
import { atMost } from "./tree/volume.ts";

/** A large file system has more than is worth the memory; the first part is. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_TABLE_BYTES = 16 * 1024 * 1024;
/** To find out where it lies. An image can be made in which that takes without end. */
const MAX_FINDING_BYTES = MAX_TABLE_BYTES + 4 * 1024 * 1024;
/** What FUSE asks for at once; of more, the kernel reads further ahead by itself. */
const PIECE_BYTES = 128 * 1024;
/** Node's threads for files are four, and somebody else may want one. */
const AT_A_TIME = 3;

/** Those that were read, or are being. */
const read = new WeakMap<object, Promise<void>>();

/**
 * Once for each disk, and only where the kernel keeps anything. Never fails: what it could not read, e2fsck meets
 * itself, and tells. The file is closed when it settles.
 */
export async function readAhead(
  disk: Pick<Disk, "file" | "keepsRead">,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!disk.keepsRead) return;
  const reading = read.get(disk) ?? disk.file().then((path) => readMetadata(path, signal));
  read.set(disk, reading);
  await reading;
}

async function readMetadata(path: string, signal: AbortSignal | undefined): Promise<void> {
  const file = await open(path, "r");
  try {
    const { size: sizeBytes } = await file.stat();
    const device = atMost(MAX_FINDING_BYTES, {
      sizeBytes,
      read: (offset, length) => readInto(file, offset, Buffer.allocUnsafe(length)),
    });
    const ranges = await metadataRanges(device, { maxTableBytes: MAX_TABLE_BYTES });
    let leftBytes = MAX_BYTES;
    const buffers = Array.from({ length: AT_A_TIME }, () => Buffer.allocUnsafe(PIECE_BYTES));
    await inParallel(pieces(ranges, sizeBytes), AT_A_TIME, async ({ offset, length }) => {
      leftBytes -= length;
      if (signal?.aborted || leftBytes < 0) return;
      const into = buffers.pop()!;
      for (let done = 0; done < length; done += PIECE_BYTES)
        await readInto(file, offset + done, into.subarray(0, Math.min(PIECE_BYTES, length - done)));
      buffers.push(into);
    });
  } catch (error) {
    const isOfTheDisk = error instanceof TplError || (error as NodeJS.ErrnoException).syscall !== undefined;
    if (!isOfTheDisk) throw error;
  } finally {
    await file.close();
  }
}

/** Fewer bytes than `into` has, where the file ends. */
async function readInto({ fd }: FileHandle, offset: number, into: Buffer): Promise<Buffer> {
  return into.subarray(0, await readFully(fd, into, offset));
}

/**
 * Ascending, those near each other as one. What lies between them is read too; as it is in the same chunks of the image,
 * or the next ones, no chunk is fetched from far away for it.
 */
export function* pieces(ranges: readonly ByteRange[], endOffset: number): Generator<ByteRange> {
  const sorted = ranges.filter(({ offset, length }) => offset + length <= endOffset);
  sorted.sort((a, b) => a.offset - b.offset);
  let [start, end] = [0, 0];
  for (const { offset, length } of sorted) {
    const isNear = Math.floor(offset / CHUNK_BYTES) - Math.floor((end - 1) / CHUNK_BYTES) <= 1;
    const isSmall = Math.max(end, offset + length) - start <= PIECE_BYTES;
    if (end > 0 && isNear && isSmall) {
      end = Math.max(end, offset + length);
      continue;
    }
    if (end > start) yield { offset: start, length: end - start };
    [start, end] = [offset, offset + length];
  }
  if (end > start) yield { offset: start, length: end - start };
}
