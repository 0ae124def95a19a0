/** A file is written under another name beside its place, and renamed when whole: it is either what it was or all new. */
import { randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TplError } from "../engine/errors.ts";

/** `write` makes the file at the path it is given. Throws what it throws, with nothing left of the file. */
export async function writeWhole(path: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.partial`);
  try {
    await write(partial);
    await writing(path, () => rename(partial, path));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** What goes wrong in `act` is told as TplError `cannot-write-file`. */
export async function writing<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new TplError({
      code: "cannot-write-file",
      message: `cannot write ${path}: ${error instanceof Error ? error.message : error}`,
      hint: "check the folder, its permissions and its free space",
      cause: error,
    });
  }
}
