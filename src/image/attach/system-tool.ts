/**
 * Runs the small tools that attach and release things (mount, losetup, nbdfuse …). Unlike a step's tools they
 * are not the run's to kill: they carry the variable of the process that serves the run, and run on while it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { ToolError } from "../../engine/errors.ts";
import { toolPath } from "../../engine/key/tool-version.ts";
import { RUN_VARIABLE } from "../../engine/run/services.ts";

/** Set in the environment of the disk host and of what it starts; value: the run's id. */
export const SERVES_VARIABLE = "TPLGRAPH_SERVES";

const LAST_LINES = 30;
/** Of a tool that stays and complains, this much is kept to find the last lines in. */
const MAX_TEXT_CHARS = 64 * 1024;

/**
 * Resolves with its stdout once it exited 0. Throws ToolError `tool-failed`, `tool-missing`, or `tool-timeout`
 * when `signal` was aborted; the tool is killed then.
 */
export async function systemTool(
  name: string,
  args: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<string> {
  const child = startSystemTool(name, args);
  const kill = () => child.process.kill("SIGKILL");
  options.signal?.addEventListener("abort", kill, { once: true });
  if (options.signal?.aborted) kill();
  try {
    const failure = await child.ended;
    if (failure === undefined) return child.output();
    throw options.signal?.aborted ? asTimeout(failure) : failure;
  } finally {
    options.signal?.removeEventListener("abort", kill);
  }
}

export interface SystemTool {
  process: ChildProcess;
  /** Resolves when it ended: undefined after exit 0, else what is to be thrown. */
  ended: Promise<ToolError | undefined>;
  /** Its stdout so far. */
  output(): string;
}

/** Starts a tool that stays. */
export function startSystemTool(name: string, args: readonly string[]): SystemTool {
  const { [RUN_VARIABLE]: _, ...own } = process.env;
  const child = spawn(name, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...own, PATH: toolPath(), LC_ALL: "C.UTF-8" },
  });
  let output = "";
  let all = "";
  const keep = (text: string) => {
    all = (all + text).slice(-MAX_TEXT_CHARS);
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    keep(text);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    keep(text);
  });
  const command = [name, ...args];
  const ended = new Promise<ToolError | undefined>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => resolve(notStarted(command, error)));
    child.once("close", (exitCode, signal) => {
      const lastLines = all.split("\n").filter(Boolean).slice(-LAST_LINES);
      resolve(exitCode === 0 ? undefined : failed(command, exitCode, signal, lastLines));
    });
  });
  return { process: child, ended, output: () => output };
}

function failed(
  command: readonly string[],
  exitCode: number | null,
  signal: string | null,
  lastLines: readonly string[],
): ToolError {
  const how = exitCode === null ? `was killed by ${signal}` : `exited ${exitCode}`;
  const last = lastLines.at(-1);
  return new ToolError({
    code: "tool-failed",
    message: `${command[0]} ${how}${last ? `: ${last}` : ""}`,
    command,
    exitCode,
    signal,
    lastLines,
  });
}

function notStarted(command: readonly string[], error: NodeJS.ErrnoException): ToolError {
  const missing = error.code === "ENOENT";
  return new ToolError({
    code: missing ? "tool-missing" : "tool-failed",
    message: missing
      ? `${command[0]} is not installed`
      : `${command[0]} could not be started: ${error.message}`,
    ...(missing ? { hint: "tplgraph doctor says which package has it" } : {}),
    command,
    exitCode: null,
    signal: null,
    lastLines: [],
    cause: error,
  });
}

function asTimeout(failure: ToolError): ToolError {
  const { command, exitCode, signal, lastLines } = failure;
  return new ToolError({
    code: "tool-timeout",
    message: `${command[0]} did not end in time`,
    command,
    exitCode,
    signal,
    lastLines,
  });
}
