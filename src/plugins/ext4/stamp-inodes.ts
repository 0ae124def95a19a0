/**
 * Gives every file of a fresh file system the same access, change and birth times. `mke2fs -d` takes the first two
 * from the folder it copies, where they tell when it was made and last read: nothing that belongs to the content,
 * and all that keeps two images of the same files from being equal. Modification times stay.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { fixedClock } from "./fixed-clock.ts";
import { readSuperblock } from "./read-superblock.ts";

const ROOT_INODE = 2;

/** Inodes below it are ext4's own (EXT4_GOOD_OLD_FIRST_INO, inodes.rst). */
const FIRST_INODE = 11;

/** `disk` is one that mke2fs has just populated: it gives out inodes in one row. `epoch` in seconds since 1970. */
export async function stampInodes(
  step: Pick<StepContext, "tool" | "scratch">,
  disk: Pick<Disk, "file" | "read">,
  epoch: number,
): Promise<void> {
  const { inodes, freeInodes } = await readSuperblock(disk);
  const used = inodes - freeInodes;
  const numbers = [ROOT_INODE, ...Array.from({ length: used - FIRST_INODE + 1 }, (_, i) => FIRST_INODE + i)];
  const script = join(await step.scratch(), "stamp");
  await writeFile(script, numbers.map((inode) => stamp(inode, epoch)).join(""));
  await step.tool("debugfs", ["-w", "-f", script, await disk.file()], {
    env: fixedClock(epoch),
    quiet: true,
  });
}

function stamp(inode: number, epoch: number): string {
  const fields = ["atime", "ctime", "crtime"];
  return fields
    .map((field) => `sif <${inode}> ${field} @${epoch}\nsif <${inode}> ${field}_extra 0\n`)
    .join("");
}
