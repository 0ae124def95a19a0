/** What rsync's exit status means, where "exited 23" helps nobody (rsync(1), EXIT VALUES). */
import { ToolError } from "../../engine/errors.ts";
import { parseProgress } from "./progress.ts";

const MEANING: Record<number, { what: string; hint?: string }> = {
  11: { what: "a file could not be read or written" },
  12: { what: "its receiving process died", hint: "often for want of memory: see the kernel's log" },
  20: { what: "it was stopped by a signal" },
  23: {
    what: "some files were not copied, or not whole",
    hint: "the lines above name them; the image was not kept",
  },
  24: {
    what: "files vanished from the source while it was copied",
    hint: "something writes to the source: a mounted template must not change",
  },
};

/** The same error with the meaning of its status in the message, and without the progress lines among its last ones. */
export function rsyncFailure(error: ToolError): ToolError {
  const known = error.exitCode === null ? undefined : MEANING[error.exitCode];
  if (!known) return error;
  return new ToolError({
    code: "copy-failed",
    message: `rsync exited ${error.exitCode}: ${known.what}`,
    ...(known.hint ? { hint: known.hint } : {}),
    command: error.command,
    exitCode: error.exitCode,
    signal: error.signal,
    lastLines: error.lastLines.filter((line) => line !== "" && parseProgress(line) === undefined),
    cause: error,
  });
}
