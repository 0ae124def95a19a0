/**
 * What the runs on a store hold on this machine, and whether they go on, by their journals. Commands that hold a disk
 * (`serve`, `mount`, a program with the library) are runs here too.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Acquisition } from "../engine/run/journal.ts";
import { runStartMs } from "../engine/run/run-id.ts";
import { loopsOver } from "./attach/loop.ts";
import { type JournalFile, journalFolder, readJournal } from "./host/journal-file.ts";
import { lifeOf, type Machine, thisMachine } from "./process/identity.ts";

export interface HeldRun {
  run: string;
  /** Milliseconds since the epoch; 0: unknown. */
  startMs: number;
  /**
   * `live`: its process is there, or only its disk host, which is releasing. `dead`: neither is. `unknown`: another
   * machine's, another container's, another user's, or one that has just begun; see `why`.
   */
  state: "live" | "dead" | "unknown";
  why?: string;
  /** The run's process on this machine. */
  pid?: number;
  /** In the order of taking. */
  held: HeldThing[];
}

export interface HeldThing {
  /** The step, or the command, that took it. */
  node: string;
  acquisition: Acquisition;
  /** The device that there is of it now. */
  device?: string;
  /** Why it could not be released when that was last tried. */
  failure?: string;
}

/** `store`: the store's folder. The oldest first. */
export function heldRuns(store: string): HeldRun[] {
  const folder = journalFolder(resolve(store));
  if (!existsSync(folder)) return [];
  const here = thisMachine();
  return readdirSync(folder)
    .filter((name) => name.endsWith(".jsonl"))
    .flatMap((name) => heldRun(join(folder, name), name.slice(0, -".jsonl".length), here) ?? [])
    .sort((a, b) => a.startMs - b.startMs);
}

/** Those that have not ended, or may not have: for whoever wants to delete what they may use. */
export function liveRuns(store: string): { run: string; startMs: number }[] {
  return heldRuns(store)
    .filter(({ state }) => state !== "dead")
    .map(({ run, startMs }) => ({ run, startMs }));
}

function heldRun(path: string, run: string, here: Machine): HeldRun | undefined {
  const about = { run, startMs: runStartMs(run) || 0 };
  let journal: JournalFile | undefined;
  try {
    journal = readJournal(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined; // it has just ended
    const why = error instanceof Error ? error.message : String(error);
    return { ...about, state: "unknown", why, held: [] };
  }
  if (!journal) return { ...about, state: "unknown", why: "it has just begun", held: [] };
  const life = runLife(journal, here);
  const held = journal.held().map(({ node, acquisition, failure }): HeldThing => {
    const device = life.state === "unknown" ? undefined : deviceOf(acquisition);
    return { node, acquisition, ...(device ? { device } : {}), ...(failure ? { failure } : {}) };
  });
  return { ...about, ...life, held };
}

function runLife({ header }: JournalFile, here: Machine): Pick<HeldRun, "state" | "why" | "pid"> {
  const { machine, process: engine, host } = header;
  const life = lifeOf(engine, machine, here);
  if (life.state !== "dead" || lifeOf(host, machine, here).state === "dead") return life;
  return { state: "live", why: "its disk host is releasing what it held" };
}

function deviceOf(acquisition: Acquisition): string | undefined {
  if (acquisition.kind === "kernel-nbd") return acquisition.device;
  return acquisition.kind === "loop" ? loopsOver(acquisition.backingFile)[0] : undefined;
}
