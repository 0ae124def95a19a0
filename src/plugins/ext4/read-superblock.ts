/** Reads the superblock of an open disk. */
import { TplError } from "../../engine/errors.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { parseSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, type Superblock } from "./superblock.ts";

/** Throws TplError `not-ext4`. */
export async function readSuperblock(disk: Pick<Disk, "read">): Promise<Superblock> {
  const superblock = parseSuperblock(await disk.read(SUPERBLOCK_OFFSET, SUPERBLOCK_BYTES));
  if (!superblock) throw notExt4();
  return superblock;
}

export function notExt4(): TplError {
  return new TplError({
    code: "not-ext4",
    message: "the image holds no ext4 file system",
    hint: "make one with ext4/mkfs, or import a file that holds one",
  });
}
