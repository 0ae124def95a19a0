/** The first way to copy: rsync, which goes into any tree and can leave files out. */
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { rsyncFailure } from "./exit-status.ts";
import { parseProgress } from "./progress.ts";
import { type Space, spaceRanOut } from "./space.ts";

export interface TreePair {
  /** Absolute paths of folders: what is in the first goes into the second. */
  from: string;
  to: string;
}

/** Throws ToolError `copy-failed`, TplError `disk-too-small`. */
export async function rsync(
  step: Pick<StepContext, "tool" | "progress">,
  trees: TreePair & { excludes: readonly string[] },
  space: Space & { diskBytes: number },
): Promise<void> {
  let outOfSpace = false;
  let toldBytes = 0;
  try {
    await step.tool("rsync", rsyncArguments(trees), {
      quiet: true,
      onLine(line) {
        outOfSpace ||= line.includes("No space left on device");
        // rsync prints a line for every file; a hundred in all are enough. Sparse files count as large as they
        // look: never more than all of it.
        const doneBytes = Math.min(parseProgress(line) ?? 0, space.needed.bytes);
        if (doneBytes - toldBytes < space.needed.bytes / 100) return;
        toldBytes = doneBytes;
        step.progress(doneBytes, space.needed.bytes, "bytes");
      },
    });
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    throw outOfSpace ? spaceRanOut(space, space.diskBytes) : rsyncFailure(error);
  }
}

function rsyncArguments({ from, to, excludes }: TreePair & { excludes: readonly string[] }): string[] {
  return [
    // -A ACLs, -X extended attributes, -S holes stay holes, -H hard links, -U access times.
    "-aHAXSU",
    "--numeric-ids",
    "--one-file-system",
    // Not --inplace: a target that has a hard link already would be written through it.
    "--whole-file",
    // Else times within one second are alike to rsync, and a folder made just before keeps that of its copy.
    "--modify-window=-1",
    "--info=progress2",
    "--no-human-readable",
    ...excludes.map((pattern) => `--exclude=${pattern}`),
    "--",
    `${from}/`,
    `${to}/`,
  ];
}
