/**
 * An NBD export as a file, by nbdfuse(1): it mounts a FUSE file system over a regular file. The file belongs to
 * the caller, who makes it before and removes it afterwards; the nbdfuse process is found by the path it serves.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TplError } from "../../engine/errors.ts";
import { argumentsOf, processIds, signalProcess } from "../process/process-list.ts";
import { isMounted } from "./mountinfo.ts";
import { startSystemTool, systemTool } from "./system-tool.ts";
import { becomes } from "./waiting.ts";

const START_TIMEOUT_MS = 10_000;
const EXIT_TIMEOUT_MS = 3000;

export interface NbdfuseOptions {
  /** `nbd+unix:///EXPORT?socket=PATH`. */
  uri: string;
  /** An empty regular file; shows the export's content from then on. */
  path: string;
  readOnly: boolean;
  /** The kernel keeps what was read for whoever opens the file next. Else it asks again each time. */
  keepsCache?: boolean;
  signal?: AbortSignal;
}

/** Those that this process started and that have not ended, by the path they serve. */
const ownChildren = new Map<string, Promise<unknown>>();

/** Resolves once `path` can be opened. Its process stays until `detachNbdfuse`. */
export async function attachNbdfuse(options: NbdfuseOptions): Promise<void> {
  const { uri, path } = options;
  const pidFile = `${path}.pid`;
  const mode = options.readOnly ? ["--readonly"] : [];
  const cache = options.keepsCache ? ["-o", "kernel_cache"] : [];
  const tool = startSystemTool("nbdfuse", [...mode, ...cache, "--pidfile", pidFile, path, uri]);
  ownChildren.set(path, tool.ended);
  let ended = false;
  const failure = tool.ended.then((error) => {
    ended = true;
    ownChildren.delete(path);
    return error;
  });
  // It writes its pid file when it is ready. Looking at `path` itself would wait for a process that waits for us.
  const done = () => ended || isWritten(pidFile);
  const ready = await becomes(done, { timeoutMs: START_TIMEOUT_MS, everyMs: 5, signal: options.signal });
  if (ended) throw notAttached(uri, await failure);
  options.signal?.throwIfAborted();
  if (!ready) throw notAttached(uri, undefined);
  tool.process.unref();
}

/**
 * Unmounts, and waits until the process that served it has ended: its last requests have reached the server then.
 * Nothing happens where nothing is attached. Throws ToolError when the file is still open somewhere.
 */
export async function detachNbdfuse(path: string, signal?: AbortSignal): Promise<void> {
  // Our own child tells by itself when it has ended: nobody need look through all processes for it.
  const own = ownChildren.get(path);
  if (own) {
    await unmountFuse(path, signal);
    if (await endsWithin(own, EXIT_TIMEOUT_MS, signal)) return;
  }
  // Again and again: one that was just being started mounts after we looked.
  const gone = async () => {
    await unmountFuse(path, signal);
    return (await nbdfusesOf(path)).length === 0;
  };
  if (await becomes(gone, { timeoutMs: EXIT_TIMEOUT_MS, signal })) return;
  for (const pid of await nbdfusesOf(path)) signalProcess(pid, "SIGKILL");
  await becomes(gone, { timeoutMs: EXIT_TIMEOUT_MS, signal });
  if (await gone()) return;
  throw new TplError({
    code: "device-busy",
    message: `nbdfuse over ${path} does not end`,
    hint: "tplgraph cleanup tries again",
  });
}

async function endsWithin(
  ended: Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const given = new AbortController();
  const signals = signal ? [signal, given.signal] : [given.signal];
  const timeout = sleep(timeoutMs, false, { signal: AbortSignal.any(signals) }).catch(() => false);
  try {
    return await Promise.race([ended.then(() => true), timeout]);
  } finally {
    given.abort();
  }
}

async function unmountFuse(path: string, signal: AbortSignal | undefined): Promise<void> {
  const options = signal ? { signal } : {};
  while (isMounted(path)) {
    try {
      if (process.geteuid?.() === 0) await systemTool("umount", ["--no-canonicalize", "--", path], options);
      else await systemTool("fusermount3", ["-u", "--", path], options);
    } catch (error) {
      if (isMounted(path)) throw error;
    }
  }
}

async function nbdfusesOf(path: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of processIds()) {
    const args = await argumentsOf(pid);
    if (args.length > 1 && basename(args[0]!) === "nbdfuse" && args.includes(path)) found.push(pid);
  }
  return found;
}

function isWritten(pidFile: string): boolean {
  try {
    return readFileSync(pidFile, "utf8").length > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

function notAttached(uri: string, cause: unknown): TplError {
  const why = cause instanceof Error ? cause.message : "it did not become ready";
  return new TplError({
    code: "attach-failed",
    message: `nbdfuse cannot show ${uri} as a file: ${why}`,
    hint: "tplgraph doctor shows what this machine can attach with",
    cause,
  });
}
