/**
 * Shrinks the file system of an open disk as far as resize2fs goes. Its `-M` works from an estimate that gets better
 * with every round, so it is asked again until it stops gaining.
 */
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { e2fsck } from "./e2fsck.ts";
import { readSuperblock } from "./read-superblock.ts";
import { resize2fs } from "./resize2fs.ts";
import type { Superblock } from "./superblock.ts";

/** Three rounds are enough on every root seen; the rest is a guard. */
const MAX_ROUNDS = 5;

/** The superblock afterwards. The file system was checked just before, since resize2fs wants that; it is after every round. */
export async function shrinkToMinimum(
  step: Pick<StepContext, "tool" | "log">,
  disk: Pick<Disk, "file" | "read">,
  clock: Record<string, string>,
): Promise<Superblock> {
  let superblock = await readSuperblock(disk);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const blocksBefore = superblock.blocks;
    await resize2fs(step, disk, "minimum", clock);
    superblock = await readSuperblock(disk);
    step.log(`${superblock.blocks} blocks, ${blocksBefore - superblock.blocks} fewer`);
    if (superblock.blocks >= blocksBefore) return superblock;
    await e2fsck(step, disk, "yes");
  }
  return superblock;
}
