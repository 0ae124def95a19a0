/**
 * The clock that e2fsprogs stamps a superblock with. Left alone it is the machine's, and the same step on the
 * same image would give other bytes each time. E2FSPROGS_FAKE_TIME sets it up to e2fsprogs 1.47.0,
 * SOURCE_DATE_EPOCH from 1.47.1, and E2FSCK_TIME what e2fsck takes for "now" up to 1.47.0.
 */
import type { Superblock } from "./superblock.ts";

/** 2020-01-01T00:00:00Z: what a file system is stamped with when nothing else is said. */
export const DEFAULT_EPOCH = 1_577_836_800;

/** Environment for a tool of e2fsprogs. `epoch` in seconds since 1970; 0 would mean the machine's own clock. */
export function fixedClock(epoch: number): Record<string, string> {
  const time = String(epoch);
  return { E2FSPROGS_FAKE_TIME: time, SOURCE_DATE_EPOCH: time, E2FSCK_TIME: time };
}

/**
 * The latest time that a file system itself knows of. As the clock of a step it makes the result follow from the
 * image alone, and it is never before the file system's own times, which e2fsck would take for an error.
 */
export function clockOf(superblock: Superblock): Record<string, string> {
  const { lastMounted, lastWritten, lastChecked, made } = superblock;
  return fixedClock(Math.max(lastMounted, lastWritten, lastChecked, made, 1));
}
