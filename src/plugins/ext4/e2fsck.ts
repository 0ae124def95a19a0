/** Runs e2fsck on an open disk, and reads its exit status as the bit mask that it is. */
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { fsckVerdict } from "./fsck-status.ts";

/** `preen`: what is safe without asking, the journal included; `yes`: whatever it takes; `check-only`: nothing is written. */
export type RepairPolicy = "preen" | "yes" | "check-only";

const FLAG: Record<RepairPolicy, string> = { preen: "-p", yes: "-y", "check-only": "-n" };

const HINT: Record<RepairPolicy, string> = {
  preen:
    'repair it with ext4/fsck and repair: "yes" (files may end up in lost+found), or build the source again',
  yes: "the file system is beyond e2fsck; build the image again",
  "check-only": 'repair it with ext4/fsck and repair: "preen" or "yes"',
};

/** One repair can uncover what the next one mends; whatever is left after so many is beyond e2fsck. */
const MAX_REPAIRS = 4;

/** For an image that somebody may have made to keep e2fsck busy: each pass is ended after `timeoutMs`. Default: never. */
interface CheckOptions {
  timeoutMs?: number;
}

/**
 * A whole check (`-f`) of the file system in `file`, which must not be mounted. `clock` is from `fixed-clock.ts`.
 * After a repair it is checked again, until a pass finds nothing: e2fsck also says "corrected" where what it wrote is
 * not yet whole. Throws ToolError `fsck-failed` where the file system is not healthy afterwards.
 */
export async function e2fsck(
  step: Pick<StepContext, "tool">,
  file: string,
  repair: RepairPolicy,
  clock: Record<string, string>,
  options: CheckOptions = {},
): Promise<{ corrected: boolean }> {
  const { corrected } = await checkOnce(step, file, repair, clock, options);
  for (let repairs = 1; corrected && repairs < MAX_REPAIRS; repairs++)
    if (!(await checkOnce(step, file, repair, clock, options)).corrected) return { corrected };
  if (corrected) await checkOnce(step, file, "check-only", clock, options);
  return { corrected };
}

async function checkOnce(
  step: Pick<StepContext, "tool">,
  file: string,
  repair: RepairPolicy,
  clock: Record<string, string>,
  options: CheckOptions,
): Promise<{ corrected: boolean }> {
  const args = ["-f", FLAG[repair], file];
  const lastLines: string[] = [];
  const { exitCode } = await step.tool("e2fsck", args, {
    accept: () => true,
    env: clock,
    ...options,
    onLine: (line) => lastLines.push(line),
  });
  const verdict = fsckVerdict({ exitCode });
  if (verdict.healthy) return { corrected: verdict.corrected };
  throw new ToolError({
    code: "fsck-failed",
    message: `e2fsck exited ${exitCode}: ${verdict.reasons.join("; ")}`,
    ...(verdict.uncorrected ? { hint: HINT[repair] } : {}),
    command: ["e2fsck", ...args],
    exitCode,
    signal: null,
    lastLines: lastLines.slice(-30),
  });
}
