/** Runs resize2fs on an open disk that was checked just before: it refuses any other. */
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";

/** What resize2fs says after shrinking in a file whose length is fixed, as an attached disk's is: it cuts the file off last. */
const CANNOT_CUT = "while trying to truncate";

/** `minimum`: as small as it gets (`-M`); a number: that size; `device`: as large as the file. */
export type TargetSize = "minimum" | "device" | { blocks: number };

export async function resize2fs(
  step: Pick<StepContext, "tool" | "log">,
  disk: Pick<Disk, "file">,
  target: TargetSize,
  clock: Record<string, string>,
): Promise<void> {
  const file = await disk.file();
  const args =
    target === "minimum" ? ["-M", file] : target === "device" ? [file] : [file, String(target.blocks)];
  const { stderr } = await step.tool("resize2fs", args, { env: clock });
  if (stderr.includes(CANNOT_CUT))
    step.log("that the file cannot be truncated is as it should be: the disk is cut off when it is stored");
}

/** The fewest blocks that resize2fs would shrink to (`-P`): its estimate, and also the limit it enforces. */
export async function minimumBlocks(
  step: Pick<StepContext, "tool">,
  disk: Pick<Disk, "file">,
  clock: Record<string, string>,
): Promise<number> {
  const { stdout } = await step.tool("resize2fs", ["-P", await disk.file()], { env: clock });
  const blocks = /: (\d+)\s*$/.exec(stdout)?.[1];
  if (blocks === undefined)
    throw new TplError({
      code: "unexpected-output",
      message: `resize2fs -P printed no number of blocks: ${stdout.trim()}`,
      hint: "this release of e2fsprogs is not known to this step: report it",
    });
  return Number(blocks);
}
