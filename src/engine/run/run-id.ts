/** Run ids: `r`, the time in base 36 milliseconds (so that they sort), and four random characters. */
import { randomBytes } from "node:crypto";

export function newRunId(nowMs: number): string {
  return `r${Math.floor(nowMs).toString(36)}${randomBytes(4).readUInt32LE().toString(36).padStart(7, "0").slice(-4)}`;
}
