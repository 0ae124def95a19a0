/**
 * What tells an open file from any other and from itself before it was changed: device, inode, size, and the times of
 * the last change of its content and of anything about it. The last of them nobody can set but the clock.
 */
import { fstatSync } from "node:fs";

export interface FileIdentity {
  /** For comparing, and to be stored. */
  text: string;
  /** When anything about it was last changed, in milliseconds since the epoch. */
  changedMs: number;
}

export function fileIdentity(descriptor: number): FileIdentity {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(descriptor, { bigint: true });
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(" "), changedMs: Number(ctimeNs / 1_000_000n) };
}
