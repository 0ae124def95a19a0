/** `--on-error keep|shell`: a failed step's things stay until the user has seen them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Acquisition } from "../engine/run/journal.ts";
import { describeAcquisition } from "../engine/run/journal.ts";
import type { Activity } from "./activity.ts";
import type { Progress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export type OnError = "cleanup" | "keep" | "shell";

export interface HoldOptions {
  activity: Activity;
  progress: Progress;
  terminal: Terminal;
  /** Aborted by Ctrl-C, which lets go. */
  signal: AbortSignal;
}

/** What the engine calls with a failed step while everything it took is still there; undefined for `cleanup`. */
export function holdOnError(
  mode: OnError,
  options: HoldOptions,
): ((node: string, error: unknown) => Promise<void>) | undefined {
  if (mode === "cleanup") return undefined;
  // One at a time: there is one terminal.
  let turn: Promise<void> = Promise.resolve();
  return (node, error) => {
    turn = turn.then(() => hold(mode, node, error, options));
    return turn;
  };
}

async function hold(
  mode: "keep" | "shell",
  node: string,
  error: unknown,
  options: HoldOptions,
): Promise<void> {
  const { activity, progress, terminal, signal } = options;
  progress.pause();
  const held = activity.held();
  const reason = error instanceof Error ? error.message : String(error);
  terminal.err(`step "${node}" failed: ${reason}`);
  terminal.err(held.length > 0 ? "still there:" : "nothing is held on this machine");
  for (const acquisition of held) terminal.err(`  ${describeAcquisition(acquisition)}`);
  if (mode === "shell" && process.stdin.isTTY) await shell(folderOf(held), terminal);
  else await untilEnter(terminal, signal);
  progress.resume();
}

/** Where there is most to see. */
function folderOf(held: readonly Acquisition[]): string | undefined {
  const place =
    held.findLast(({ kind }) => kind === "mount") ?? held.findLast(({ kind }) => kind === "folder");
  return place && "path" in place ? place.path : undefined;
}

async function shell(cwd: string | undefined, terminal: Terminal): Promise<void> {
  const program = process.env.SHELL || "/bin/sh";
  terminal.err(`${program}${cwd ? ` in ${cwd}` : ""}; leave it with exit, then everything is released`);
  const child = spawn(program, { stdio: "inherit", ...(cwd ? { cwd } : {}) });
  await once(child, "exit");
}

async function untilEnter(terminal: Terminal, signal: AbortSignal): Promise<void> {
  const { stdin } = process;
  terminal.err(stdin.isTTY ? "Enter or Ctrl-C releases it" : "SIGINT or SIGTERM releases it");
  const done = new AbortController();
  const released = once(signal, "abort", { signal: done.signal });
  const entered = stdin.isTTY ? [once(stdin.resume(), "data", { signal: done.signal })] : [];
  try {
    if (!signal.aborted) await Promise.race([released, ...entered]);
  } finally {
    done.abort();
    for (const waiting of [released, ...entered]) waiting.catch(() => {});
    stdin.pause();
  }
}
