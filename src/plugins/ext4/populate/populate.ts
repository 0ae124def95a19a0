/**
 * Writes a tree into an ext4 image, the same way on any day: the one way in which files get into an image in number.
 * What is promised of the bytes: `populate-script.ts`.
 */
import type { TplError } from "../../../engine/errors.ts";
import type { StepContext } from "../../../engine/plugin/context.ts";
import type { Disk } from "../../../engine/plugin/disk.ts";
import { e2fsck } from "../e2fsck.ts";
import { clockOf } from "../fixed-clock.ts";
import { fsckVerdict } from "../fsck-status.ts";
import { readSuperblock } from "../read-superblock.ts";
import { LIBRARY_SCRIPT } from "./library-script.ts";
import { POPULATE_SCRIPT } from "./populate-script.ts";
import { runTreeScript } from "./tree-script.ts";
import { VOLUME_SCRIPT } from "./volume-script.ts";

export interface Populating {
  /** Absolute path of the folder whose content goes in, attributes of its own included. Needs root. */
  from: string;
  /** `used`: whatever files there are go. `fresh`: where there are any, nothing is done. */
  state: "fresh" | "used";
  /** Where they tell nothing of the content, as in a folder that was made just now, they are the file system's clock. */
  accessTimes: "carried" | "epoch";
  /** The error where it is full. */
  whenFull(): Promise<TplError> | TplError;
  onBytes?(done: number): void;
}

/**
 * `disk` has a checked ext4, not mounted, whose latest time is the clock. Afterwards it was checked again, after the last
 * write. Returns a name in the root where `fresh` was asked for and it is not. Throws ToolError `copy-failed` and
 * `fsck-failed`, TplError `not-ext4` and what `whenFull` makes.
 */
export async function populate(
  step: Pick<StepContext, "tool" | "log">,
  disk: Pick<Disk, "file" | "read">,
  { from, state, accessTimes, whenFull, onBytes }: Populating,
): Promise<{ occupiedBy?: string }> {
  const superblock = await readSuperblock(disk);
  const env = clockOf(superblock);
  const file = await disk.file();
  let occupiedBy: string | undefined;
  await runTreeScript(step, {
    script: LIBRARY_SCRIPT + VOLUME_SCRIPT + POPULATE_SCRIPT,
    args: [from, file, state, accessTimes],
    env,
    whenFull,
    onEvent(kind, text) {
      if (kind === "progress") onBytes?.(Number(text));
      if (kind === "occupied") occupiedBy = text;
    },
  });
  if (occupiedBy !== undefined) return { occupiedBy };
  // Large folders are lists so far: -D gives them their index. libext2fs keeps no account of quotas, and a wrong one of
  // the blocks of attributes that have an inode of their own: preening sets both right.
  const indexing = superblock.features.includes("dir_index") ? ["-D"] : [];
  await step.tool("e2fsck", ["-f", "-p", ...indexing, file], {
    env,
    accept: (exitCode) => fsckVerdict({ exitCode }).healthy,
  });
  await e2fsck(step, disk, "check-only");
  return {};
}
