/** The processes that a run started: they and what they started carry the run's id in their environment. */
import { RUN_VARIABLE } from "../../engine/run/services.ts";
import { becomes } from "../attach/waiting.ts";
import { argumentsOf, processesWith, signalProcess, usesFolder } from "./process-list.ts";

const TERM_MS = 1000;
const KILL_MS = 2000;

/**
 * Ends them: SIGTERM, and SIGKILL after a second. Returns those that are still there two seconds later (in an
 * uninterruptible wait) as `NAME (pid N)`.
 */
export async function endRunProcesses(run: string): Promise<string[]> {
  return await endProcesses(() => processesWith(RUN_VARIABLE, run));
}

/** Ends those of the run's processes that use `folder`, and returns those that would not end. */
export async function endHolders(run: string, folder: string): Promise<string[]> {
  return await endProcesses(() => holders(run, folder));
}

/** The run's processes that use `folder`, as `NAME (pid N)`. */
export async function holderNames(run: string, folder: string): Promise<string[]> {
  return await Promise.all((await holders(run, folder)).map(nameOf));
}

/** Asks again each time, since what is found may have started others meanwhile. */
export async function endProcesses(find: () => Promise<number[]>): Promise<string[]> {
  const signalled = new Set<number>();
  const noneIsLeft = async () => {
    const left = await find();
    for (const pid of left.filter((pid) => !signalled.has(pid))) {
      signalled.add(pid);
      signalProcess(pid, "SIGTERM");
    }
    return left.length === 0;
  };
  if (await becomes(noneIsLeft, { timeoutMs: TERM_MS })) return [];
  const noneIsAlive = async () => {
    const left = await find();
    for (const pid of left) signalProcess(pid, "SIGKILL");
    return left.length === 0;
  };
  if (await becomes(noneIsAlive, { timeoutMs: KILL_MS })) return [];
  return await Promise.all((await find()).map(nameOf));
}

async function holders(run: string, folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processesWith(RUN_VARIABLE, run))
    if (await usesFolder(pid, folder)) found.push(pid);
  return found;
}

async function nameOf(pid: number): Promise<string> {
  return `${(await argumentsOf(pid))[0] ?? "a process"} (pid ${pid})`;
}
