/**
 * The store's `tmp/` folder: everything is written here and then renamed into its place. A file that is still
 * here after a day belongs to a process that was killed.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { storeFault } from "./fault.ts";

const PROCESS = `${process.pid}-${randomBytes(6).toString("hex")}`;
let count = 0;

/** A name that no other process and no other call has. */
export function temporaryName(): string {
  count++;
  return `${PROCESS}-${count}`;
}

const DAY_MS = 24 * 3600 * 1000;

/** Removes what killed processes left in `folder` more than a day before `nowMs`. */
export function removeLeftovers(folder: string, nowMs: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat && nowMs - stat.mtimeMs > DAY_MS) rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Writes a file whole, `text` in one piece or several: readers see the old one or the new one. `durably` also survives a power cut, which
 * costs a flush of the disk (milliseconds).
 */
export function writeAtomically(
  storeFolder: string,
  path: string,
  text: string | Iterable<string>,
  options: { durably?: boolean } = {},
): void {
  const temporary = join(storeFolder, "tmp", temporaryName());
  try {
    const descriptor = openSync(temporary, "wx", 0o644);
    try {
      for (const piece of typeof text === "string" ? [text] : text) writeSync(descriptor, piece);
      if (options.durably) fdatasyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    mkdirSync(dirname(path), { recursive: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw storeFault(error, `write ${path}`);
  }
}
