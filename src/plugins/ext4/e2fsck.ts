/**
 * Runs e2fsck on an open disk, and reads its exit status as the bit mask that it is. It looks before it repairs: even
 * where it finds nothing, a repair writes the superblock (`s_kbytes_written`, and the checksum with it), and the same
 * file system would be another image.
 */
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { clockOf } from "./fixed-clock.ts";
import { type FsckVerdict, fsckVerdict } from "./fsck-status.ts";
import { readAhead } from "./read-ahead.ts";
import { readSuperblock } from "./read-superblock.ts";
import { asksForRepair, type Superblock } from "./superblock.ts";

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

export interface CheckOptions {
  /** For an image that somebody may have made to keep e2fsck busy: each pass is ended after it. Default: never. */
  timeoutMs?: number;
}

export interface Checked {
  /** There was something to repair. */
  corrected: boolean;
  /** The disk is not what it was. */
  written: boolean;
}

/**
 * A whole check (`-f`) of the file system on `disk`, which must not be mounted. Where `repair` allows it and there is
 * something to repair it is, and is checked again until a pass finds nothing: e2fsck also says "corrected" where what
 * it wrote is not yet whole. Throws TplError `not-ext4`, and ToolError `fsck-failed` where the file system is not
 * healthy afterwards.
 */
export async function e2fsck(
  step: Pick<StepContext, "tool"> & Partial<Pick<StepContext, "signal">>,
  disk: Pick<Disk, "file" | "read">,
  repair: RepairPolicy,
  options: CheckOptions = {},
): Promise<Checked> {
  await readAhead(disk, step.signal);
  const pass = (policy: RepairPolicy, superblock: Superblock) =>
    runOnce(step, disk, policy, superblock, options);
  const checked = { corrected: false, written: false };
  if (repair !== "check-only")
    for (let repairs = 0; repairs < MAX_REPAIRS; repairs++) {
      const superblock = await readSuperblock(disk);
      if (!asksForRepair(superblock) && (await pass("check-only", superblock)).verdict.healthy)
        return checked;
      checked.written = true;
      if (!healthyOrThrow(await pass(repair, superblock), repair).corrected) return checked;
      checked.corrected = true;
    }
  healthyOrThrow(await pass("check-only", await readSuperblock(disk)), "check-only");
  return checked;
}

interface Pass {
  verdict: FsckVerdict;
  command: string[];
  exitCode: number;
  lastLines: string[];
}

async function runOnce(
  step: Pick<StepContext, "tool">,
  disk: Pick<Disk, "file">,
  policy: RepairPolicy,
  superblock: Superblock,
  options: CheckOptions,
): Promise<Pass> {
  const args = ["-f", FLAG[policy], await disk.file()];
  const lines: string[] = [];
  const { exitCode } = await step.tool("e2fsck", args, {
    accept: () => true,
    env: clockOf(superblock),
    ...options,
    onLine: (line) => lines.push(line),
  });
  return {
    verdict: fsckVerdict({ exitCode }),
    command: ["e2fsck", ...args],
    exitCode,
    lastLines: lines.slice(-30),
  };
}

/** Throws ToolError `fsck-failed`. */
function healthyOrThrow(
  { verdict, command, exitCode, lastLines }: Pass,
  policy: RepairPolicy,
): { corrected: boolean } {
  if (verdict.healthy) return verdict;
  throw new ToolError({
    code: "fsck-failed",
    message: `e2fsck exited ${exitCode}: ${verdict.reasons.join("; ")}`,
    ...(verdict.uncorrected ? { hint: HINT[policy] } : {}),
    command,
    exitCode,
    signal: null,
    lastLines,
  });
}
