/** Runs one of the python programs on file trees, and makes typed errors of what it says. */
import { ToolError, type TplError } from "../../../engine/errors.ts";
import type { StepContext } from "../../../engine/plugin/context.ts";
import { WALK_SCRIPT } from "./walk-script.ts";

export interface TreeScript {
  /** What comes behind `WALK_SCRIPT`. */
  script: string;
  args: readonly string[];
  env?: Record<string, string>;
  /** Sees what it prints beside notes and errors: `progress 4096`. */
  onEvent?(kind: string, text: string): void;
  /** The error where the file system that it writes to is full. */
  whenFull?(): Promise<TplError> | TplError;
}

/** Throws ToolError `copy-failed` with the path that failed, or what `whenFull` makes. */
export async function runTreeScript(
  step: Pick<StepContext, "tool" | "log">,
  { script, args, env = {}, onEvent, whenFull }: TreeScript,
): Promise<void> {
  let said: string | undefined;
  try {
    await step.tool("python3", ["-I", "-", ...args], {
      input: WALK_SCRIPT + script,
      env,
      quiet: true,
      onLine(line, stream) {
        if (stream === "stderr") return;
        const [kind = "", text = ""] = line.split(/ (.*)/s);
        if (kind === "note") step.log(text);
        else if (kind === "error") said = text;
        else onEvent?.(kind, text);
      },
    });
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== "tool-failed") throw error;
    if (whenFull && said?.startsWith("ENOSPC ")) throw await whenFull();
    throw copyFailed(error, said);
  }
}

/** The same failure with what the program said of it; one that died without a word keeps the tool's message. */
function copyFailed(failure: ToolError, said: string | undefined): ToolError {
  if (said === undefined) return failure;
  const attribute = said.startsWith("E2BIG ");
  return new ToolError({
    code: "copy-failed",
    message: `the copy stopped at ${said.replace(/^\S+ /, "/")}`,
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
