/**
 * Runs the built command as a user does. The store of these tests lies outside the checkout and is kept between
 * runs, so that a bootstrapped root is made once.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { RunEvent } from "../../src/engine/run/event.ts";
import type { RunRecord } from "../../src/engine/run/record.ts";

export const root = resolve(import.meta.dirname, "../..");
const main = join(root, "dist/cli/main.js");
/** The system's own tools, whoever runs the tests: their versions stand in keys, and users share the tests' store. */
export const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Readable by other users, which a home folder often is not. */
export const store =
  process.env.TPLGRAPH_TEST_STORE ??
  (process.getuid?.() === 0
    ? "/var/cache/tplgraph-test/store"
    : join(homedir(), ".cache/tplgraph-test/store"));

export interface CliResult {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  env?: Record<string, string>;
  uid?: number;
  /** Sees every event of `--progress json`. */
  onEvent?(event: RunEvent, child: ChildProcess): void;
}

export function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return start(args, options).done;
}

/** Starts the command; `done` settles when it ended and its output was read. */
export function start(
  args: readonly string[],
  options: CliOptions = {},
): { child: ChildProcess; done: Promise<CliResult> } {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd ?? root,
    env: { ...process.env, TPLGRAPH_STORE: store, NO_COLOR: "1", CI: "true", PATH, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  createInterface(child.stderr).on("line", (line) => {
    stderr += `${line}\n`;
    if (options.onEvent && line.startsWith("{")) options.onEvent(JSON.parse(line) as RunEvent, child);
  });
  const done = new Promise<CliResult>((settle, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => settle({ exitCode, signal, stdout, stderr }));
  });
  return { child, done };
}

/** A build that must succeed; returns what `--result` wrote. */
export async function build(args: readonly string[], options: CliOptions = {}): Promise<RunRecord> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "result.json");
  const result = await cli(["run", ...args, "--result", file, "--progress", "plain"], options);
  if (result.exitCode !== 0)
    throw new Error(`exit status ${result.exitCode}\n${result.stdout}${result.stderr}`);
  return JSON.parse(readFileSync(file, "utf8")) as RunRecord;
}

export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "tplgraph-e2e-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
