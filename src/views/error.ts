/**
 * Errors as people read them: what failed, the tool's command line and exit status, its last lines, where the
 * whole log is, what to do. No stack trace unless it is asked for.
 */
import { TplError } from "../engine/errors.ts";
import type { ErrorData } from "../engine/run/error-data.ts";
import { errorData } from "../engine/run/error-data.ts";
import { type Paint, plain } from "./paint.ts";
import { printable } from "./text-width.ts";

export interface ErrorOptions {
  paint?: Paint;
  /** `stack`: for those who look for a bug. */
  detail?: "stack";
}

export interface FailedStep {
  node: string;
  uses: string;
  error: ErrorData;
  /** Absolute; none where the run keeps no log. */
  logPath?: string;
}

/**
 *     error: step "resized" (ext4/resize) failed: resize2fs exited 1
 *       command: resize2fs disk.img 40M
 *       exit status: 1
 *       last lines:
 *         | resize2fs: New size smaller than minimum
 *       log: /var/cache/…/runs/r…/resized.log
 *       hint: …
 */
export function failedStep({ node, uses, error, logPath }: FailedStep, options: ErrorOptions = {}): string {
  const { paint = plain } = options;
  const step = node === "" ? "the run" : `step "${node}" (${uses})`;
  const head = `${paint("red", "error:")} ${paint("bold", printable(step))} failed: ${message(error)}`;
  return [head, ...details(error, options, logPath)].join("\n");
}

/** An error outside any step, `error CODE: …`, where it stands in a file if it does. */
export function errorText(error: unknown, options: ErrorOptions = {}): string {
  const { paint = plain } = options;
  const data = errorData(error);
  const where = error instanceof TplError && error.where ? place(error.where) : "";
  const isBug = !(error instanceof TplError) && !isSystemError(error);
  const code = isBug ? "error (a fault of tplgraph)" : `error ${data.code}`;
  const lines = [
    `${where}${paint("red", `${code}:`)} ${message(data)}`,
    ...details(data, options, undefined),
  ];
  if (isBug && options.detail !== "stack") lines.push("  hint: --log-level debug shows where");
  return lines.join("\n");
}

/** What could not be released, a line each. */
export function cleanupFailures(
  failures: readonly { node: string; hook: string; error: ErrorData }[],
  options: ErrorOptions = {},
): string {
  const { paint = plain } = options;
  const lines = failures.map(
    ({ node, hook, error }) =>
      `${paint("red", "not released:")} ${printable(`${node ? `${node}: ` : ""}${hook}: ${error.message}`)}`,
  );
  return [...lines, "  hint: tplgraph cleanup tries again"].join("\n");
}

function details(
  error: ErrorData,
  { detail, paint = plain }: ErrorOptions,
  logPath: string | undefined,
): string[] {
  const lines: string[] = [];
  if (error.command) lines.push(`  command: ${printable(error.command.map(quoted).join(" "))}`);
  if (error.exitCode !== undefined && error.exitCode !== null) lines.push(`  exit status: ${error.exitCode}`);
  if (error.lastLines && error.lastLines.length > 0)
    lines.push(
      "  last lines:",
      ...error.lastLines.map((line) => `    ${paint("dim", "|")} ${printable(line)}`),
    );
  if (logPath !== undefined) lines.push(`  log: ${logPath}`);
  if (error.hint) lines.push(`  ${paint("cyan", "hint:")} ${printable(error.hint)}`);
  if (detail === "stack" && error.stack)
    lines.push(...error.stack.split("\n").map((line) => `  ${printable(line)}`));
  return lines;
}

/** A message may have several lines; the ones after the first are indented below it. */
function message(error: ErrorData): string {
  return error.message.split("\n").map(printable).join("\n  ");
}

function place({ file, line, column }: { file: string; line: number; column: number }): string {
  return `${printable(file)}:${line}:${column} `;
}

/** `ENOENT` and the like: the operating system's answer, not a bug. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

/** As it can be pasted into a shell. */
function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
