/**
 * Reads the superblock of an open disk. A tool does the reading (`od`, in hex: its output is text), because the
 * engine's own process must never wait for a file that a run's disks serve.
 */
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { parseSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, type Superblock } from "./superblock.ts";

/** `file` is `await disk.file()`. Throws TplError `not-ext4`. */
export async function readSuperblock(step: Pick<StepContext, "tool">, file: string): Promise<Superblock> {
  const { stdout } = await step.tool(
    "od",
    ["-An", "-v", "-tx1", "-j", `${SUPERBLOCK_OFFSET}`, "-N", `${SUPERBLOCK_BYTES}`, file],
    { quiet: true },
  );
  const superblock = parseSuperblock(Buffer.from(stdout.replace(/\s+/g, ""), "hex"));
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
