/**
 * Which runs on a store have not ended, by their journals: for whoever wants to delete what they may use. Those that
 * cannot be judged from here (another machine's, another container's, another user's) count as going on.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { runStartMs } from "../engine/run/run-id.ts";
import { type JournalHeader, journalFolder, readJournal } from "./host/journal-file.ts";
import { isRunning, type Machine, thisMachine } from "./process/identity.ts";

export interface LiveRun {
  run: string;
  /** Milliseconds since the epoch. */
  startMs: number;
}

/** `store`: the store's folder. */
export function liveRuns(store: string): LiveRun[] {
  const folder = journalFolder(resolve(store));
  if (!existsSync(folder)) return [];
  const here = thisMachine();
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl") && mayGoOn(join(folder, name), here))
    .map((name) => name.slice(0, -".jsonl".length))
    .map((run) => ({ run, startMs: runStartMs(run) || 0 }));
}

function mayGoOn(path: string, here: Machine): boolean {
  let header: JournalHeader | undefined;
  try {
    header = readJournal(path)?.header;
  } catch (error) {
    // It has just ended. One that cannot be read tells nothing.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
  if (!header) return true; // it has just begun
  const { machine, process: engine, host } = header;
  if (machine.hostname !== here.hostname) return true;
  if (machine.bootId !== here.bootId) return false;
  return machine.pidNamespace !== here.pidNamespace || isRunning(engine) || isRunning(host);
}
