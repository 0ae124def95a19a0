/**
 * This machine's apt, asked while planning: where a step has no context to run tools with. Planning starts a process
 * only inside `plan.remember`, so that a cached run starts none.
 */
import { TplError } from "../../engine/errors.ts";

const TIMEOUT_MS = 60_000;

/** What the command prints. Throws TplError `tool-missing` or `apt-failed`, with what it said last. */
export async function runOnHost(command: string, args: readonly string[]): Promise<string> {
  const { execa } = await import("execa");
  const result = await execa(command, args, {
    reject: false,
    stdin: "ignore",
    timeout: TIMEOUT_MS,
    env: { LC_ALL: "C.UTF-8" },
  });
  if (!result.failed) return result.stdout;
  if (result.code === "ENOENT")
    throw new TplError({
      code: "tool-missing",
      message: `${command} is not installed: this machine has no apt`,
      hint: "bootstrap/debian runs on Debian and its derivatives; elsewhere import an image: { file: PATH }",
    });
  throw new TplError({
    code: "apt-failed",
    message: `${[command, ...args].join(" ")} ${result.exitCode === undefined ? "did not end" : `exited ${result.exitCode}`}: ${lastLine(result.stderr)}`,
  });
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
