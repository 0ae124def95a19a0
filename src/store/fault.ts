/** What the operating system says of the store's folder, as errors a user can act on. */
import { TplError } from "../engine/errors.ts";

/** The `code` of a Node system error, or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

/** `doing` completes "cannot …". What is not known here comes back as it is. */
export function storeFault(error: unknown, doing: string): unknown {
  switch (systemCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new TplError({
        code: "store-full",
        message: `cannot ${doing}: no space left`,
        hint: "make room, or choose another store with --store",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TplError({
        code: "store-no-permission",
        message: `cannot ${doing}: ${(error as Error).message}`,
        hint: "choose another store with --store, or ask its owner for access",
        cause: error,
      });
    case "ENOTDIR":
      return new TplError({
        code: "store-not-a-folder",
        message: `cannot ${doing}: part of the path is a file`,
        hint: "choose a folder with --store",
        cause: error,
      });
    default:
      return error;
  }
}

/** Something is to be written to a store that was opened for reading. */
export function readOnlyStore(folder: string): TplError {
  return new TplError({
    code: "store-no-permission",
    message: `the store ${folder} can only be read`,
    hint: "choose another store with --store, or ask its owner for access",
  });
}
