/** Runs resize2fs on an open disk that was checked just before: it refuses any other. */
import { TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";

/** `minimum`: as small as it gets (`-M`); a number: that size; `device`: as large as the file. */
export type TargetSize = "minimum" | "device" | { blocks: number };

export async function resize2fs(
  step: Pick<StepContext, "tool">,
  disk: Pick<Disk, "file">,
  target: TargetSize,
  clock: Record<string, string>,
): Promise<void> {
  const file = await disk.file();
  const args =
    target === "minimum" ? ["-M", file] : target === "device" ? [file] : [file, String(target.blocks)];
  await step.tool("resize2fs", args, { env: clock });
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
