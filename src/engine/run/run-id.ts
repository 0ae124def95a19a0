/** Run ids: `r`, the time in base 36 milliseconds (so that they sort), and four random characters. */
import { randomBytes } from "node:crypto";

export function newRunId(nowMs: number): string {
  return `r${Math.floor(nowMs).toString(36)}${randomBytes(4).readUInt32LE().toString(36).padStart(7, "0").slice(-4)}`;
}

/** When the run of this id began, in milliseconds since the epoch; NaN for a text that is no run's id. */
export function runStartMs(run: string): number {
  return /^r[0-9a-z]{5,}$/.test(run) ? Number.parseInt(run.slice(1, -4), 36) : Number.NaN;
}
