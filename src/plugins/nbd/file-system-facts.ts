/** What `nbd/attach-source` tells of the file system it attached: plain data for other steps and for the log. */
import * as z from "zod";
import { MIB, type Superblock } from "../ext4/index.ts";

export const fileSystemFacts = z.object({
  type: z.enum(["ext4", "xfs", "btrfs"]),
  /** Of the file system, which may be smaller than its disk. */
  sizeMiB: z.number(),
  usedMiB: z.number(),
  freeMiB: z.number(),
  blockSizeBytes: z.number(),
  /** Inodes in use: files, directories and all others, and the few that ext4 keeps for itself. Null: btrfs counts none. */
  files: z.number().nullable(),
  label: z.string(),
  uuid: z.string(),
  /** Of ext4 alone, by e2fsprogs' names. */
  features: z.array(z.string()),
});

export type FileSystemFacts = z.output<typeof fileSystemFacts>;

/** Free space is what root may use; amounts are rounded to whole MiB, used space upwards. */
export function factsOf(superblock: Superblock): FileSystemFacts {
  const { blocks, freeBlocks, blockSizeBytes, inodes, freeInodes, label, uuid, features } = superblock;
  return {
    type: "ext4",
    sizeMiB: Math.floor((blocks * blockSizeBytes) / MIB),
    usedMiB: Math.ceil(((blocks - freeBlocks) * blockSizeBytes) / MIB),
    freeMiB: Math.floor((freeBlocks * blockSizeBytes) / MIB),
    blockSizeBytes,
    files: inodes - freeInodes,
    label,
    uuid,
    features,
  };
}
