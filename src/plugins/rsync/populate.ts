/**
 * The second way to copy: a whole tree into a fresh file system, by one program that reads each file in the order of
 * the inodes and makes it once, with all that it carries. What the program promises: `populate-script.ts`.
 */
import { ToolError } from "../../engine/errors.ts";
import type { StepContext } from "../../engine/plugin/context.ts";
import { POPULATE_SCRIPT } from "./populate-script.ts";
import { type Space, spaceRanOut } from "./space.ts";

type Host = Pick<StepContext, "tool" | "log" | "progress">;

export interface TreePair {
  /** Absolute paths of folders: what is in the first goes into the second. */
  from: string;
  to: string;
}

/** Throws ToolError `copy-failed` with the path that failed, TplError `disk-too-small`. */
export async function populate(
  step: Host,
  trees: TreePair,
  space: Space & { diskBytes: number },
): Promise<void> {
  const { error, failure } = await runScript(step, "tree", trees, (bytes) =>
    step.progress(Math.min(bytes, space.needed.bytes), space.needed.bytes, "bytes"),
  );
  if (!failure) return;
  if (error?.startsWith("ENOSPC ")) throw spaceRanOut(space, space.diskBytes);
  throw copyFailed(failure, error);
}

/** Inode flags (immutable, append-only, …) and project ids, onto a tree that rsync has made. */
export async function carryFlags(step: Host, trees: TreePair): Promise<void> {
  const { error, failure } = await runScript(step, "flags", trees, () => {});
  if (failure) throw copyFailed(failure, error);
}

interface ScriptEnd {
  /** What the script said of its failure: `EIO usr/bin/x: Input/output error`. */
  error?: string;
  failure?: ToolError;
}

async function runScript(
  step: Host,
  what: "tree" | "flags",
  { from, to }: TreePair,
  onBytes: (bytes: number) => void,
): Promise<ScriptEnd> {
  const end: ScriptEnd = {};
  try {
    await step.tool("python3", ["-I", "-", what, from, to], {
      input: POPULATE_SCRIPT,
      quiet: true,
      onLine(line, stream) {
        if (stream === "stderr") return;
        const [kind, text] = line.split(/ (.*)/s) as [string, string | undefined];
        if (kind === "progress") onBytes(Number(text));
        if (kind === "note") step.log(text ?? "");
        if (kind === "error") end.error = text ?? "";
      },
    });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== "tool-failed") throw error;
    end.failure = error;
  }
  return end;
}

/** The same failure with what the script said of it; a script that died without a word keeps the tool's message. */
function copyFailed(failure: ToolError, error: string | undefined): ToolError {
  if (error === undefined) return failure;
  const attribute = error.startsWith("E2BIG ");
  return new ToolError({
    code: "copy-failed",
    message: `the copy stopped at ${error.replace(/^\S+ /, "/")}`,
    ...(attribute
      ? { hint: "an extended attribute does not fit into ext4's inode: give ext4/mkfs the feature ea_inode" }
      : {}),
    command: failure.command,
    exitCode: failure.exitCode,
    signal: failure.signal,
    lastLines: failure.lastLines,
    cause: failure,
  });
}
