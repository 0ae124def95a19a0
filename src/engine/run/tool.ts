/**
 * Runs a tool: one child process in a process group of its own, so that a signal reaches what it started too and
 * a Ctrl-C at the terminal reaches only us. Its output is split into lines as it comes; a carriage return ends
 * one, as progress meters use it.
 */
import { ToolError, TplError } from "../errors.ts";
import { toolPath } from "../key/tool-version.ts";
import type { ToolOptions, ToolResult } from "../plugin/context.ts";
import { RUN_VARIABLE } from "./services.ts";

export interface ToolHost {
  run: string;
  signal: AbortSignal;
  log(line: string, stream: "stdout" | "stderr"): void;
}

const LAST_LINES = 30;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** How long a tool has between SIGTERM and SIGKILL when it is cancelled. */
const GRACE_MS = 3000;

/**
 * Resolves when the tool ended with an accepted status. Throws ToolError (`tool-failed`, `tool-missing`,
 * `tool-timeout`), or the signal's reason when it was aborted.
 */
export async function runTool(
  host: ToolHost,
  name: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  host.signal.throwIfAborted();
  const { execa } = await import("../execa.ts");
  host.signal.throwIfAborted(); // it may have been while the module was loaded, and tells nobody a second time
  const command = [name, ...args];
  const last: string[] = [];
  const onLine = (stream: "stdout" | "stderr") => (line: string) => {
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
    if (!(options.quiet && stream === "stdout")) host.log(line, stream);
    options.onLine?.(line, stream);
  };
  const child = execa(name, args, {
    reject: false,
    buffer: false,
    detached: true,
    extendEnv: true,
    env: { PATH: toolPath(), LC_ALL: "C.UTF-8", ...options.env, [RUN_VARIABLE]: host.run },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? { stdin: "ignore" } : { input: options.input }),
  });
  const stdout = collect(child.stdout, onLine("stdout"));
  const stderr = collect(child.stderr, onLine("stderr"));
  let timedOut = false;
  const stop = () => terminate(child.pid);
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          stop();
        }, options.timeoutMs);
  host.signal.addEventListener("abort", stop, { once: true });
  try {
    const result = await child;
    if (host.signal.aborted) throw host.signal.reason;
    const exitCode = result.exitCode ?? null;
    if (exitCode !== null && accepts(options.accept, exitCode))
      return { exitCode, stdout: stdout(), stderr: stderr() };
    const missing = result.code === "ENOENT" && options.cwd === undefined;
    throw new ToolError({
      code: timedOut ? "tool-timeout" : missing ? "tool-missing" : "tool-failed",
      message: timedOut
        ? `${name} did not end within ${options.timeoutMs! / 1000} s`
        : missing
          ? `${name} is not installed`
          : `${name} ${howItEnded(exitCode, result.signal, result.originalMessage)}`,
      ...(missing ? { hint: "tplgraph doctor says which package has it" } : {}),
      command,
      exitCode,
      signal: result.signal ?? null,
      lastLines: last,
    });
  } finally {
    clearTimeout(timer);
    host.signal.removeEventListener("abort", stop);
  }
}

/** Loads what runs tools, ahead of the first one: it takes as long as a small tool. */
export function prepareTools(): void {
  import("../execa.ts").catch(() => {}); // the first tool tells
}

function howItEnded(
  exitCode: number | null,
  signal: string | undefined,
  message: string | undefined,
): string {
  if (exitCode !== null) return `exited ${exitCode}`;
  return signal ? `was killed by ${signal}` : `could not be started: ${message}`;
}

function accepts(accept: ToolOptions["accept"], exitCode: number): boolean {
  if (typeof accept === "function") return accept(exitCode);
  return (accept ?? [0]).includes(exitCode);
}

/** SIGTERM to the whole group, SIGKILL to what is still there after the grace. */
function terminate(pid: number | undefined): void {
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  setTimeout(() => signalGroup(pid, "SIGKILL"), GRACE_MS).unref();
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Feeds lines to `onLine`; the returned function gives all the text so far. */
function collect(stream: NodeJS.ReadableStream | null, onLine: (line: string) => void): () => string {
  let text = "";
  let rest = "";
  stream?.setEncoding("utf8");
  stream?.on("data", (part: string) => {
    if (text.length < MAX_OUTPUT_BYTES) text += part;
    const lines = (rest + part).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
  stream?.on("end", () => {
    if (rest !== "") onLine(rest.replace(/\r$/, ""));
  });
  return () => text;
}

/** Why a signal was aborted, as a user reads it. */
export function cancelled(message: string, hint?: string): TplError {
  return new TplError({ code: "cancelled", message, ...(hint ? { hint } : {}) });
}
