/**
 * Releases what dead runs left on this machine, by their journals. A run is dead when neither its process nor
 * its disk host is there any more, or the machine has been restarted since. Live runs, other users' and other
 * machines' are left alone.
 */
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { TplError } from "../engine/errors.ts";
import { SERVES_VARIABLE } from "./attach/system-tool.ts";
import { becomes } from "./attach/waiting.ts";
import { removeDeadHolds } from "./holders.ts";
import { type JournalFile, journalFolder, readJournal } from "./host/journal-file.ts";
import { releaseUnserved } from "./host/release-held.ts";
import { isRunning, type Machine, type ProcessIdentity, thisMachine } from "./process/identity.ts";
import { processesWith, signalProcess } from "./process/process-list.ts";
import { endProcesses } from "./process/run-processes.ts";

export interface CleanupReport {
  runs: RunCleanup[];
}

export interface RunCleanup {
  run: string;
  /**
   * `released`: all of it. `failed`: what is in `failures` is still there. `live`: the run goes on.
   * `ended`: its own disk host has just released everything. `foreign`: not ours to judge, see `why`.
   */
  fate: "released" | "failed" | "live" | "ended" | "foreign";
  why?: string;
  /** For people: `mount /run/…`. */
  released: string[];
  failures: { what: string; error: unknown }[];
}

/** A host whose run is gone has this long without any progress before it counts as hung. */
const HUNG_MS = 10_000;
/** A journal without a header that is older than this was left by a run that got no further. */
const EMPTY_JOURNAL_MS = 10_000;

/** `store`: the store's folder. Never throws for one run's sake: what failed is in the report. */
export async function cleanupDeadRuns(store: string): Promise<CleanupReport> {
  removeDeadHolds(store);
  const folder = journalFolder(resolve(store));
  if (!existsSync(folder)) return { runs: [] };
  const names = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  const machine = thisMachine();
  const runs = await Promise.all(names.map((name) => cleanUp(join(folder, name), machine)));
  return { runs: runs.filter((run) => run !== undefined) };
}

async function cleanUp(path: string, machine: Machine): Promise<RunCleanup | undefined> {
  const run = path.slice(path.lastIndexOf("/") + 1, -".jsonl".length);
  const nothing = { run, released: [], failures: [] };
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return undefined; // released between listing and looking
    // What a journal names is removed with our rights: nobody else may tell us what.
    if (stat.uid !== process.geteuid!())
      return { ...nothing, fate: "foreign", why: `it belongs to the user ${stat.uid}` };
    const journal = readJournal(path);
    if (!journal) return Date.now() - stat.mtimeMs > EMPTY_JOURNAL_MS ? removeEmpty(path, run) : undefined;
    return await cleanUpRun(journal, machine);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return { ...nothing, fate: "failed", failures: [{ what: `read ${path}`, error }] };
  }
}

async function cleanUpRun(journal: JournalFile, here: Machine): Promise<RunCleanup> {
  const { run, machine, process: engine, host } = journal.header;
  const nothing = { run, released: [], failures: [] };
  if (machine.hostname !== here.hostname)
    return { ...nothing, fate: "foreign", why: `it ran on ${machine.hostname}` };
  if (machine.bootId === here.bootId) {
    if (machine.pidNamespace !== here.pidNamespace)
      return { ...nothing, fate: "foreign", why: "it ran in another container" };
    if (isRunning(engine)) return { ...nothing, fate: "live" };
    const ended = await hostHasEnded(host, journal.path);
    if (ended && !existsSync(journal.path)) return { ...nothing, fate: "ended" };
    if (!ended) await killHost(host);
  }
  // What a disk host wrote while we waited counts too.
  const latest = readJournal(journal.path) ?? journal;
  const { released, failures } = await releaseUnserved(latest);
  const left = await endProcesses(() => processesWith(SERVES_VARIABLE, run));
  if (left.length > 0) failures.push({ what: "end what served the run", error: stillThere(left) });
  if (latest.held().length === 0 && left.length === 0) latest.remove();
  return { run, fate: failures.length > 0 ? "failed" : "released", released, failures };
}

/** False: it is there and has not written to its journal for `HUNG_MS`. */
async function hostHasEnded(host: ProcessIdentity, journalPath: string): Promise<boolean> {
  let sizeBytes = -1;
  for (;;) {
    const now = statSync(journalPath, { throwIfNoEntry: false })?.size ?? 0;
    if (now === sizeBytes) return !isRunning(host);
    sizeBytes = now;
    if (await becomes(() => !isRunning(host), { timeoutMs: HUNG_MS })) return true;
  }
}

async function killHost(host: ProcessIdentity): Promise<void> {
  if (isRunning(host)) signalProcess(host.pid, "SIGKILL");
  await becomes(() => !isRunning(host), { timeoutMs: HUNG_MS });
}

function removeEmpty(path: string, run: string): RunCleanup {
  rmSync(path, { force: true });
  return { run, fate: "released", released: [], failures: [] };
}

function stillThere(processes: readonly string[]): TplError {
  return new TplError({
    code: "process-does-not-end",
    message: `${processes.join(", ")} cannot be killed`,
    hint: "a process in an uninterruptible wait ends when what it waits for does; then run tplgraph cleanup",
  });
}
