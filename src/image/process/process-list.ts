/**
 * The machine's processes, from /proc (proc(5)). A process may end at any moment: one that has gone looks like
 * one without arguments or environment. What can wait for a process's memory is read without blocking this
 * thread, since the process may be waiting for a disk that this thread serves.
 */
import { readdirSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";

export function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The command line; empty for a kernel thread, a zombie, or a process that has gone. */
export async function argumentsOf(pid: number): Promise<string[]> {
  return (await readOrEmpty(`/proc/${pid}/cmdline`)).split("\0").slice(0, -1);
}

/** Processes that carry `NAME=value` in the environment they were started with, this one excepted. */
export async function processesWith(variable: string, value: string): Promise<number[]> {
  const entry = `\0${variable}=${value}\0`;
  const found: number[] = [];
  for (const pid of processIds()) {
    if (pid === process.pid) continue;
    const environment = await readOrEmpty(`/proc/${pid}/environ`);
    if (`\0${environment}`.includes(entry)) found.push(pid);
  }
  return found;
}

/** Whether the process has its root, its working directory or an open file in `folder`, or runs or maps a file of it. */
export async function usesFolder(pid: number, folder: string): Promise<boolean> {
  const isWithin = (path: string) => path === folder || path.startsWith(`${folder}/`);
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(ifGone([]));
  const links = ["cwd", "root", "exe", ...descriptors.map((name) => `fd/${name}`)];
  for (const link of links) {
    if (isWithin(await readlink(`/proc/${pid}/${link}`).catch(ifGone("")))) return true;
  }
  const maps = await readOrEmpty(`/proc/${pid}/maps`);
  return maps.split("\n").some((line) => line.includes("/") && isWithin(line.slice(line.indexOf("/"))));
}

/** Nothing happens when the process has gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readOrEmpty(path: string): Promise<string> {
  return readFile(path, "latin1").catch(ifGone(""));
}

/** Another user's process is as good as gone: it is not ours to find. */
function ifGone<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM", "EINVAL"].includes(error.code ?? "")) return value;
    throw error;
  };
}
