/**
 * e2fsck's exit status is a bit mask (e2fsck(8), EXIT CODE): 3 is "repaired, and reboot if it was mounted",
 * which for a file system that is not mounted is a success, while 12 is two failures. A checker that was
 * killed, or never started, has not found anything healthy.
 */

export type FsckVerdict =
  /** No errors, or none left. */
  | { healthy: true; corrected: boolean }
  /** Errors are left, or the check did not come to an end. `reasons` has at least one. */
  | { healthy: false; uncorrected: boolean; reasons: string[] };

/** How the process ended. `exitCode` is null where a signal ended it, or where it could not be started. */
export interface FsckEnd {
  exitCode: number | null;
  signal?: string | null;
}

const CORRECTED = 1 | 2;
const UNCORRECTED = 4;

const FAILURES: [bit: number, reason: string][] = [
  [UNCORRECTED, "it found errors that it left uncorrected"],
  [8, "it met an operational error"],
  [16, "it was called wrongly"],
  [32, "it was cancelled"],
  [128, "a shared library failed"],
];

const KNOWN_BITS = FAILURES.reduce((bits, [bit]) => bits | bit, CORRECTED);

export function fsckVerdict({ exitCode, signal }: FsckEnd): FsckVerdict {
  if (exitCode === null)
    return {
      healthy: false,
      uncorrected: false,
      reasons: [signal ? `it was killed by ${signal}` : "it could not be started"],
    };
  const reasons = FAILURES.filter(([bit]) => exitCode & bit).map(([, reason]) => reason);
  if (exitCode & ~KNOWN_BITS) reasons.push(`it ended with an unknown status (${exitCode})`);
  if (reasons.length > 0) return { healthy: false, uncorrected: (exitCode & UNCORRECTED) !== 0, reasons };
  return { healthy: true, corrected: (exitCode & CORRECTED) !== 0 };
}
