/**
 * Finds out which file system a source has, and has it checked by that file system's own checker, on the view: the
 * kernel's code for mounting trusts what it reads far more than a checker does, and sees nothing that was not checked.
 */
import type { ImageArtifact } from "../../engine/artifact.ts";
import { ToolError, TplError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import type { Disk } from "../../engine/plugin/disk.ts";
import { checkOpened, readSuperblock } from "../ext4/index.ts";
import { type FileSystemFacts, factsOf } from "./file-system-facts.ts";
import {
  BTRFS_SUPERBLOCK,
  type ForeignFileSystem,
  parseBtrfs,
  parseXfs,
  XFS_SUPERBLOCK,
} from "./foreign-superblock.ts";

type Host = Pick<StepContext, "tool" | "log" | "hasFound" | "noteFound">;

export interface CheckOptions {
  /** `preen`: what is safe; `yes`: whatever it takes. */
  repair: "preen" | "yes";
  timeoutMs: number;
}

/** Nothing was written on `disk` since it was opened with `image`. Throws ToolError `fsck-failed`, `tool-missing`, `tool-timeout`; TplError `not-ext4`, `unknown-file-system`. */
export async function checkSource(
  step: Host,
  disk: Pick<Disk, "file" | "read">,
  image: ImageArtifact,
  { repair, timeoutMs }: CheckOptions,
): Promise<FileSystemFacts> {
  const foreign = await foreignFileSystem(disk);
  if (foreign) return await checkForeign(step, await disk.file(), foreign, { repair, timeoutMs });
  const { corrected } = await checkOpened(step, disk, image, repair, { timeoutMs });
  if (corrected) step.log(REPAIRED);
  return factsOf(await readSuperblock(disk));
}

const REPAIRED = "the source was repaired on the view; the stored image is unchanged";

async function foreignFileSystem(disk: Pick<Disk, "read">): Promise<ForeignFileSystem | undefined> {
  const bytesOf = ({ offset, bytes }: { offset: number; bytes: number }) => disk.read(offset, bytes);
  return parseXfs(await bytesOf(XFS_SUPERBLOCK)) ?? parseBtrfs(await bytesOf(BTRFS_SUPERBLOCK));
}

/**
 * xfs_repair ends with 2 where the log was not replayed, which only the kernel could do, by mounting what was not
 * checked, and with `-e` by 4 where it found damage (xfs_repair(8), EXIT STATUS); `-L` drops such a log. btrfs has no
 * repair that is safe without asking; its log is a tree, checked like the others.
 */
const CHECKERS = {
  xfs: { tool: "xfs_repair", package: "xfsprogs", check: ["-e", "-f"], repair: ["-L", "-f"] },
  btrfs: { tool: "btrfs", package: "btrfs-progs", check: ["check", "--readonly"], repair: undefined },
};

async function checkForeign(
  step: Host,
  file: string,
  { facts, devices }: ForeignFileSystem,
  { repair, timeoutMs }: CheckOptions,
): Promise<FileSystemFacts> {
  if (devices !== 1)
    throw new TplError({
      code: "unknown-file-system",
      message: `the source's ${facts.type} is spread over ${devices} devices`,
      hint: "a template's disk is one: copy the tree into an image of its own",
    });
  const checker = CHECKERS[facts.type];
  try {
    if (repair === "yes" && checker.repair) {
      await step.tool(checker.tool, [...checker.repair, file], { timeoutMs });
      step.log(REPAIRED);
    }
    await step.tool(checker.tool, [...checker.check, file], { timeoutMs });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === "tool-timeout") throw error;
    throw checkFailed(error, facts.type, repair);
  }
  return facts;
}

function checkFailed(error: ToolError, type: "xfs" | "btrfs", repair: "preen" | "yes"): ToolError {
  const { tool, package: debian, repair: canRepair } = CHECKERS[type];
  const missing = error.code === "tool-missing";
  const hint = missing
    ? `a source with ${type} needs it: apt-get install ${debian}`
    : canRepair && repair === "preen"
      ? 'it may not have been unmounted: repair: "yes" drops its log and repairs the view'
      : "repair the source where it comes from";
  return new ToolError({
    code: missing ? "tool-missing" : "fsck-failed",
    message: missing ? error.message : `${tool} found the source's ${type} damaged`,
    hint,
    command: error.command,
    exitCode: error.exitCode,
    signal: error.signal,
    lastLines: error.lastLines,
    cause: error,
  });
}
