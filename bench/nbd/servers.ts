/** The servers that are compared, each a process on a unix socket of its own, ended and cleaned up after with `await using`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { ImageArtifact } from "../../src/engine/artifact.ts";
import type { ReadServerArguments } from "./read-server.ts";
import type { ViewServerArguments } from "./view-server.ts";

/** One and the same content, as each server has it. */
export interface Content {
  raw: string;
  image: ImageArtifact;
  store: string;
}

export interface Server extends AsyncDisposable {
  uri: string;
  /** Of its process so far, all threads. */
  processorSeconds(): number;
}

export interface OurServer extends Server {
  peakBytes(): Promise<number>;
  seal(): Promise<ImageArtifact>;
}

const START_MS = 10_000;

/** What a server makes (overlays, sockets) goes to a folder below `work`. */
export async function serveOurs(
  work: string,
  content: Omit<ViewServerArguments, "socket" | "overlay">,
): Promise<OurServer> {
  const folder = await mkdtemp(join(work, "ours-"));
  const socket = join(folder, "socket");
  const given: ViewServerArguments = { ...content, socket, overlay: join(folder, "overlay") };
  const { child, answer } = startOurs("view-server.ts", given);
  const ask = (question: string) => {
    child.stdin.write(`${question}\n`);
    return answer();
  };
  await answer();
  return {
    uri: uriOf(socket),
    processorSeconds: () => processorSeconds(child.pid!),
    peakBytes: async () => Number(await ask("peak")),
    seal: async () => JSON.parse(await ask("seal")),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await gone(child);
      await rm(folder, { recursive: true });
    },
  };
}

/** Without writing: by the disk host, and its threads. */
export async function serveOursToRead(_work: string, { store, image }: Content): Promise<Server> {
  const { child, answer } = startOurs("read-server.ts", { store, image } satisfies ReadServerArguments);
  const uri = await answer();
  return {
    uri,
    processorSeconds: () => childrenOf(child.pid!).reduce((sum, pid) => sum + processorSeconds(pid), 0),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await gone(child);
    },
  };
}

/** A script beside this one, and what it prints line by line. */
function startOurs(script: string, given: unknown) {
  const args = [...process.execArgv, join(import.meta.dirname, script), JSON.stringify(given)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const answer = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("our server has ended");
    return value;
  };
  return { child, answer };
}

export function serveNbdkit(work: string, { raw }: Content): Promise<Server> {
  return serveTool(work, (socket) => ["nbdkit", "--foreground", "--unix", socket, "--readonly", "file", raw]);
}

/** Its copy-on-write filter; the overlay lies beside ours. */
export function serveNbdkitCow(work: string, { raw }: Content): Promise<Server> {
  return serveTool(work, (socket) => [
    "nbdkit",
    "--foreground",
    "--unix",
    socket,
    "--filter=cow",
    "file",
    raw,
  ]);
}

export function serveQemuNbd(work: string, { raw }: Content): Promise<Server> {
  const shared = ["--shared=16", "--persistent", "--read-only", "--format=raw", "--aio=threads"];
  return serveTool(work, (socket) => ["qemu-nbd", ...shared, `--socket=${socket}`, raw]);
}

async function serveTool(work: string, command: (socket: string) => string[]): Promise<Server> {
  const folder = await mkdtemp(join(work, "tool-"));
  const socket = join(folder, "socket");
  const [tool, ...args] = command(socket);
  const child = spawn(tool!, args, { stdio: "inherit", env: { ...process.env, TMPDIR: folder } });
  const failed = once(child, "error").then(([error]) => Promise.reject(error));
  await Promise.race([failed, listening(child, socket)]);
  return {
    uri: uriOf(socket),
    processorSeconds: () => processorSeconds(child.pid!),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await gone(child);
      await rm(folder, { recursive: true });
    },
  };
}

async function listening(child: ChildProcess, socket: string): Promise<void> {
  for (const end = Date.now() + START_MS; !existsSync(socket); await delay(10)) {
    if (child.exitCode !== null || Date.now() > end) throw new Error(`${child.spawnfile} does not serve`);
  }
}

async function gone(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** `/proc/PID/task/TID/children` in proc(5): what the process's first thread started. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

/** `utime` and `stime` in proc(5), in hundredths of a second. */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function uriOf(socket: string): string {
  return `nbd+unix:///?socket=${socket}`;
}
