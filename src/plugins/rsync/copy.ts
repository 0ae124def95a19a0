/**
 * `rsync/copy`: every file of a tree into an image, with everything that a file carries: owners by number, modes,
 * times, hard links, symlinks, devices, sockets, fifos, ACLs, extended attributes (file capabilities among them)
 * and holes. The root directory's own owner, mode and times come along.
 */
import * as z from "zod";
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { image, tree } from "../../engine/plugin/port.ts";
import { defineStep } from "../../engine/plugin/step.ts";
import { diskTooSmall } from "../ext4/index.ts";
import { rsyncFailure } from "./exit-status.ts";
import { parseProgress } from "./progress.ts";
import { roomOn, type Space, shortageOf, usedBy } from "./space.ts";

/** rsync reads a rule that begins like this as something else than a pattern (rsync(1), FILTER RULES). */
const FILTER_RULE = /^([-+] |!)/;

export const copy = defineStep({
  name: "copy",
  summary: "Copy a tree into an image, with everything that its files carry",
  inputs: {
    from: tree(),
    image: image(),
    excludes: z
      .array(
        z
          .string()
          .min(1, "must not be empty")
          .refine((text) => !/[\n\0]/.test(text), "must be one line")
          .refine(
            (text) => !FILTER_RULE.test(text),
            "is a filter rule of rsync, not a pattern: write the path with a slash before it",
          ),
      )
      .describe("Patterns of rsync for what is left out; one that begins with a slash starts at the root")
      .default([]),
  },
  outputs: { image: image() },
  tools: { rsync: ["--version"] },
  // The kernel stamps what it writes with the machine's clock (change times, the order of blocks).
  reproducible: false,
  async run(step) {
    const { from, image, excludes } = step.inputs;
    const disk = await step.openDisk({ image });
    const to = await disk.mount();
    const space = { needed: await usedBy(step, from.path), room: await roomOn(step, to) };
    const shortage = shortageOf(space, disk.sizeBytes);
    // What the excludes leave out was counted too: then only trying tells whether the rest fits.
    if (shortage && excludes.length === 0) throw shortage;
    await rsync(step, rsyncArguments(from.path, to, excludes), space, disk.sizeBytes);
    await disk.unmount();
    return { image: await disk.seal() };
  },
});

/** `from` and `to` are absolute paths of folders; what is in the first goes into the second. */
function rsyncArguments(from: string, to: string, excludes: readonly string[]): string[] {
  return [
    // -A ACLs, -X extended attributes, -S holes stay holes, -H hard links.
    "-aHAXS",
    "--numeric-ids",
    "--one-file-system",
    // Not --inplace: a target that has a hard link already would be written through it.
    "--whole-file",
    "--info=progress2",
    "--no-human-readable",
    // The target has its own; e2fsck wants its inode and its blocks as mke2fs made them.
    "--exclude=/lost+found",
    ...excludes.map((pattern) => `--exclude=${pattern}`),
    "--",
    `${from}/`,
    `${to}/`,
  ];
}

async function rsync(
  step: Pick<StepContext, "tool" | "progress">,
  args: string[],
  space: Space,
  diskBytes: number,
): Promise<void> {
  let outOfSpace = false;
  let toldBytes = 0;
  try {
    await step.tool("rsync", args, {
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
    if (!outOfSpace) throw rsyncFailure(error);
    throw diskTooSmall({
      what: "the source tree",
      neededBytes: space.needed.bytes,
      availableBytes: space.room.bytes,
      diskBytes,
    });
  }
}
