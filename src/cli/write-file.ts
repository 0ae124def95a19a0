/** Files that users asked for: whole or not there. */
import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { TplError } from "../engine/errors.ts";

/** Throws TplError `cannot-write-file`. */
export async function writeFileAtomically(path: string, content: string): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString("hex")}.partial`;
  try {
    await writeFile(partial, content);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new TplError({
      code: "cannot-write-file",
      message: `cannot write ${path}: ${(error as Error).message}`,
      hint: "check the folder, its permissions and its free space",
      cause: error,
    });
  }
}
