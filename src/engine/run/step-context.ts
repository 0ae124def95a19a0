/** Makes the `StepContext` of one node: everything it takes is journalled, and released by the node's scope. */
import { mkdir, mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest, Json } from "../artifact.ts";
import { ToolError, TplError } from "../errors.ts";
import { canonicalJson, sha256 } from "../key/canonical.ts";
import { toolVersion } from "../key/tool-version.ts";
import { planContext } from "../plan/plan-context.ts";
import type { Finding, StepContext } from "../plugin/context.ts";
import type { EngineStore } from "../store.ts";
import type { Acquisition } from "./journal.ts";
import type { Scope } from "./scope.ts";
import type { Services } from "./services.ts";
import { runTool } from "./tool.ts";

export interface StepContextOptions {
  run: string;
  node: string;
  inputs: Record<string, unknown>;
  resolved: Record<string, Json>;
  /** Folder of the template, for relative paths. */
  folder: string;
  signal: AbortSignal;
  scope: Scope;
  store: EngineStore;
  services: Services;
  onLog(line: string, stream: "stdout" | "stderr" | "step"): void;
  /** A tool is started; what it returns is called with the exit status, null where there is none. */
  onTool(command: readonly string[]): (exitCode: number | null) => void;
  onProgress(done: number, total: number, unit: "bytes" | "files" | "steps"): void;
  onAcquired(acquisition: Acquisition): void;
  onReleased(acquisition: Acquisition): void;
}

/** A context and, beside it, what came of what was done with it. */
export interface OpenStepContext {
  step: StepContext;
  /** What its disks met: the true cause when a tool saw only an I/O error. */
  diskFault(): Promise<Error | undefined>;
  /** By how many bytes the store has grown through it. */
  addedBytes(): number;
}

export function openStepContext(options: StepContextOptions): OpenStepContext {
  const { node, run, scope, services, signal, store } = options;
  const faults: (() => Promise<Error | undefined>)[] = [];
  let addedBytes = 0;
  const onAdded = (bytes: number) => {
    addedBytes += bytes;
  };
  const hostPath = (path: string) => join(path.startsWith("/") ? "" : options.folder, path);
  const acquire = async <T>(acquisition: Acquisition, take: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    const held = await services.journal.take(node, acquisition);
    scope.defer(`release ${nameOf(acquisition)}`, async (deadline) => {
      await services.release(acquisition, deadline);
      await held.released();
      options.onReleased(acquisition);
    });
    const taken = await take();
    options.onAcquired(acquisition);
    return taken;
  };
  const step: StepContext = {
    id: node,
    inputs: options.inputs,
    resolved: options.resolved,
    signal,
    log: (line) => options.onLog(line, "step"),
    progress: options.onProgress,
    async tool(name, args, toolOptions) {
      const ended = options.onTool([name, ...args]);
      let exitCode: number | null = null;
      try {
        const host = { run, signal, log: options.onLog };
        const result = await runTool(host, name, args, toolOptions);
        exitCode = result.exitCode;
        return result;
      } catch (error) {
        if (error instanceof ToolError) exitCode = error.exitCode;
        throw error;
      } finally {
        ended(exitCode);
      }
    },
    scratch: () => scratchFolder(services.runFolder, acquire),
    acquire,
    onCleanup: (name, hook, hookOptions) => scope.defer(name, hook, hookOptions),
    async openDisk(diskOptions) {
      signal.throwIfAborted();
      const opened = await services.openDisk(node, diskOptions, { signal, onAdded });
      scope.defer(`close disk ${opened.disk.exportName}`, opened.close);
      faults.push(opened.fault);
      return opened.disk;
    },
    putFile: (path) => services.putFile(path, { onAdded }),
    putImage: (path) => services.putImage(path, { signal, onAdded }),
    async putSnapshot(manifest, bytes, _parts) {
      const digest = await store.putBlob(Buffer.from(canonicalJson(manifest)), { onAdded });
      return { type: "snapshot", digest, bytes };
    },
    readBlob: (digest: Digest) => store.readBlob(digest),
    async hasFound(finding) {
      const fact = await findingFact(finding, store);
      return fact !== undefined && (await store.facts.get(fact)) !== undefined;
    },
    async noteFound(finding) {
      const fact = await findingFact(finding, store);
      if (fact !== undefined) await store.facts.set(fact, true);
    },
    hostFile: (path) => hostFile(hostPath(path), path, options.resolved),
    async requireUnchanged(path) {
      // Remembered by what stat says of the file; the clock is held against the file's times.
      const around = { folder: options.folder, facts: store.facts, now: Date.now, refresh: false };
      const { digest } = await planContext(around).fileDigest(path);
      if (!mentions(options.resolved, digest)) throw fileChanged(path);
    },
    hostPath,
  };
  return {
    step,
    async diskFault() {
      for (const fault of faults) {
        const error = await fault();
        if (error) return error;
      }
      return undefined;
    },
    addedBytes: () => addedBytes,
  };
}

/** Undefined: the tool is not installed, or does not say its version, and whoever runs it will tell. */
async function findingFact(
  { what, artifact, tool: [name, ...versionArguments] }: Finding,
  store: EngineStore,
): Promise<string | undefined> {
  const version = await toolVersion(name, versionArguments, store.facts).catch((error) => {
    if (error instanceof TplError && error.code === "tool-broken") return undefined;
    throw error;
  });
  return version === undefined ? undefined : `found:${what}:${artifact}:${version}`;
}

function nameOf(acquisition: Acquisition): string {
  const what = "path" in acquisition ? acquisition.path : "device" in acquisition ? acquisition.device : "";
  return `${acquisition.kind} ${what || ("backingFile" in acquisition ? acquisition.backingFile : "")}`;
}

async function scratchFolder(
  runFolder: string,
  acquire: <T>(acquisition: Acquisition, take: () => Promise<T>) => Promise<T>,
): Promise<string> {
  await mkdir(runFolder, { recursive: true, mode: 0o700 });
  const path = await uniquePath(runFolder);
  return acquire({ kind: "folder", path }, async () => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  });
}

/** `mkdtemp` makes the name and the folder at once: nobody else can have it, and releasing it twice does no harm. */
function uniquePath(runFolder: string): Promise<string> {
  return mkdtemp(join(runFolder, "s-"));
}

/** The content that was hashed when planning: a file that changed since is an error, not a wrong cache entry. */
async function hostFile(absolute: string, path: string, resolved: Record<string, Json>): Promise<Buffer> {
  const data = await readFile(absolute);
  const digest = `sha256:${sha256(data)}`;
  if (!mentions(resolved, digest)) throw fileChanged(path);
  return data;
}

function fileChanged(path: string): TplError {
  return new TplError({
    code: "file-changed",
    message: `${path} changed while the build was running (or its step type did not resolve it)`,
    hint: "run the build again",
  });
}

function mentions(value: Json, digest: string): boolean {
  if (typeof value === "string") return value === digest;
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some((inner) => mentions(inner as Json, digest));
}
