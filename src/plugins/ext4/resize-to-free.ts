/** Resizes the file system of an open disk until as much is free as was asked: solved by the model, proved by the superblock. */
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { e2fsck } from "./e2fsck.ts";
import { MIB } from "./options.ts";
import { readSuperblock } from "./read-superblock.ts";
import { minimumBlocks, resize2fs } from "./resize2fs.ts";
import { shrinkToMinimum } from "./shrink-to-minimum.ts";
import { availableBlocks, blocksFor } from "./space-model.ts";
import { fileSystemBytes, type Superblock } from "./superblock.ts";
import { blocksIn, tune2fs } from "./tune2fs.ts";

/** One round does on every file system of the tests; a model that is a little wrong somewhere gets closer with each. */
const MAX_ROUNDS = 5;

/** At most this much more than was asked is free afterwards. */
const TOLERANCE = 1.01;

export interface FreeSpace {
  freeMiB: number;
  reservedMiB?: number | undefined;
}

/**
 * `disk` holds a checked file system and is large enough for what is asked. Returns the
 * superblock of the checked result. Throws TplError `free-space-unreachable` where the content, or an
 * odd last block group, leaves no such size.
 */
export async function resizeToFree(
  step: Pick<StepContext, "tool" | "log">,
  disk: Disk,
  { freeMiB, reservedMiB }: FreeSpace,
  clock: Record<string, string>,
): Promise<Superblock> {
  let now = await readSuperblock(disk);
  const { blockSizeBytes } = now;
  const wanted = {
    availableBlocks: blocksIn(freeMiB, blockSizeBytes),
    reservedBlocks: reservedMiB === undefined ? undefined : blocksIn(reservedMiB, blockSizeBytes),
  };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (isRight(now, wanted)) return now;
    const blocks = blocksFor(now, wanted);
    if (blocks * blockSizeBytes > disk.sizeBytes) throw unreachable(now, freeMiB, "it would be far larger");
    if (blocks < now.blocks && (await minimumBlocks(step, disk, clock)) > blocks) {
      const smallest = await shrinkToMinimum(step, disk, clock);
      if (availableBlocks(smallest) > wanted.availableBlocks * TOLERANCE)
        throw unreachable(smallest, freeMiB, "resize2fs makes it no smaller");
      now = smallest;
    } else {
      await resize2fs(step, disk, { blocks }, clock);
      await e2fsck(step, disk, "preen");
    }
    await tune2fs(step, disk, { reservedMiB }, { blockSizeBytes, clock });
    now = await readSuperblock(disk);
    step.log(`${now.blocks} blocks, ${availableBlocks(now)} of them to be had`);
  }
  if (isRight(now, wanted)) return now;
  throw unreachable(now, freeMiB, "no size of it has just that");
}

function isRight(
  now: Superblock,
  {
    availableBlocks: wanted,
    reservedBlocks,
  }: { availableBlocks: number; reservedBlocks: number | undefined },
): boolean {
  const available = availableBlocks(now);
  const reserved = reservedBlocks === undefined || reservedBlocks === now.reservedBlocks;
  return reserved && available >= wanted && available <= wanted * TOLERANCE;
}

function unreachable(now: Superblock, freeMiB: number, why: string): TplError {
  const availableMiB = Math.floor((availableBlocks(now) * now.blockSizeBytes) / MIB);
  const sizeMiB = Math.ceil(fileSystemBytes(now) / MIB);
  return new TplError({
    code: "free-space-unreachable",
    message: `the file system cannot be made to have ${freeMiB} MiB free: ${why}; at ${sizeMiB} MiB it has ${availableMiB} MiB`,
    hint: "ask for another freeMiB, or give sizeMiB",
  });
}
