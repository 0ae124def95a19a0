/**
 * Releases everything that a journal holds, last taken first, for a run that ends or is dead: each with its own
 * deadline, all of them whatever fails, with force where a process of the run is in the way. What could not be
 * released stays in the journal with the reason.
 */
import { TplError } from "../../engine/errors.ts";
import { describeAcquisition } from "../../engine/run/journal.ts";
import { severKernelNbd } from "../attach/kernel-nbd.ts";
import { unmountLazily } from "../attach/mount.ts";
import { endHolders, endRunProcesses } from "../process/run-processes.ts";
import { releaseAcquisition } from "../release.ts";
import type { HeldEntry, JournalFile } from "./journal-file.ts";

const DEADLINE_MS = 10_000;

export interface ReleaseResult {
  /** What was released, for people. */
  released: string[];
  failures: { what: string; error: unknown }[];
}

/**
 * The same for a journal whose disk host is dead. What waits for it is told first, by an error: neither processes nor
 * mounts end before.
 */
export async function releaseUnserved(journal: JournalFile): Promise<ReleaseResult> {
  await failRequests(journal);
  return await releaseHeld(journal);
}

/** Whatever still waits for a disk host that is dead fails at once. What cannot be severed here is reported by its release. */
export async function failRequests(journal: JournalFile): Promise<void> {
  for (const { acquisition } of journal.held())
    if (acquisition.kind === "kernel-nbd") {
      const { device, clientPid } = acquisition;
      await severKernelNbd(device, clientPid, AbortSignal.timeout(DEADLINE_MS)).catch(() => {});
    }
}

/** Ends the run's processes first: none of them is to hold, or take, what is being released. */
export async function releaseHeld(journal: JournalFile): Promise<ReleaseResult> {
  const result: ReleaseResult = { released: [], failures: [] };
  const unending = await endRunProcesses(journal.header.run);
  if (unending.length > 0)
    result.failures.push({ what: "end the run's processes", error: doNotEnd(unending) });
  for (const entry of journal.held().reverse()) {
    const what = describeAcquisition(entry.acquisition);
    try {
      await releaseOne(journal.header.run, entry);
      journal.released(entry.id);
      result.released.push(what);
    } catch (error) {
      journal.failed(entry.id, error instanceof Error ? error.message : String(error));
      result.failures.push({ what: `release ${what}`, error });
    }
  }
  return result;
}

async function releaseOne(run: string, { acquisition }: HeldEntry): Promise<void> {
  const release = () => releaseAcquisition(acquisition, AbortSignal.timeout(DEADLINE_MS));
  if (acquisition.kind !== "mount" && acquisition.kind !== "nbdfuse") return await release();
  try {
    return await release();
  } catch {
    // Busy, most likely by a process that came up just now. The second attempt's error is the one that counts.
    await endHolders(run, acquisition.path);
  }
  try {
    return await release();
  } catch (cause) {
    if (acquisition.kind !== "mount") throw cause;
    await unmountLazily(acquisition.path, AbortSignal.timeout(DEADLINE_MS));
    throw new TplError({
      code: "unmounted-lazily",
      message: `${acquisition.path} was busy and has only been taken out of the folder tree; its file system lives until its last user ends`,
      hint: "end what uses it, then run tplgraph cleanup",
      cause,
    });
  }
}

function doNotEnd(processes: readonly string[]): TplError {
  return new TplError({
    code: "process-does-not-end",
    message: `${processes.join(", ")} cannot be killed`,
    hint: "a process in an uninterruptible wait ends when what it waits for does; then run tplgraph cleanup",
  });
}
