/**
 * Whether a tree fits into a file system, found out before anything is copied: blocks and inodes in use there,
 * blocks and inodes free here. Holes and hard links count as they will after the copy.
 */
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { diskTooSmall, type Superblock } from "../ext4/index.ts";

type Tools = Pick<StepContext, "tool">;

export interface Amount {
  bytes: number;
  /** Inodes. */
  files: number;
}

export interface Space {
  needed: Amount;
  room: Amount;
}

/** What is in use on the whole file system of `path`: at once, where counting the tree's files takes a while. */
export async function usedOn(step: Tools, path: string): Promise<Amount> {
  const { stdout } = await step.tool("stat", ["-f", "-c", "%S %b %f %c %d", "--", path], { quiet: true });
  const [blockSizeBytes = 0, blocks = 0, freeBlocks = 0, inodes = 0, freeInodes = 0] = stdout
    .trim()
    .split(" ")
    .map(Number);
  return { bytes: blockSizeBytes * (blocks - freeBlocks), files: inodes - freeInodes };
}

/** What the tree at `path` takes up on its own file system. */
export async function usedBy(step: Tools, path: string): Promise<Amount> {
  const sum = async (...options: string[]) => {
    const { stdout } = await step.tool("du", ["-sx", ...options, "--", path], { quiet: true });
    return Number.parseInt(stdout, 10);
  };
  return { bytes: await sum("--block-size=1"), files: await sum("--inodes") };
}

/** What root may still put into a file system. */
export function roomIn({ blockSizeBytes, freeBlocks, freeInodes }: Superblock): Amount {
  return { bytes: blockSizeBytes * freeBlocks, files: freeInodes };
}

/** The error when it does not fit; undefined when it does. `diskBytes` is the target's whole size. */
export function shortageOf({ needed, room }: Space, diskBytes: number): TplError | undefined {
  if (needed.bytes > room.bytes) return spaceRanOut({ needed, room }, diskBytes);
  if (needed.files > room.files)
    return new TplError({
      code: "too-few-inodes",
      message: `the source tree has ${needed.files} files, the disk has inodes for ${room.files}; ${needed.files - room.files} are missing`,
      hint: "make the disk larger, or give ext4/mkfs a smaller bytesPerInode",
    });
  return undefined;
}

/** The error when it turned out not to fit while copying. */
export function spaceRanOut({ needed, room }: Space, diskBytes: number): TplError {
  return diskTooSmall({
    what: "the source tree",
    neededBytes: needed.bytes,
    availableBytes: room.bytes,
    diskBytes,
  });
}
