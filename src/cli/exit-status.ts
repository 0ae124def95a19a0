/** What the command's exit status says. A contract. */
export const EXIT = {
  done: 0,
  /** The build failed. */
  failed: 1,
  /** Wrong usage, template or configuration: nothing was touched. */
  wrongInput: 2,
  /** `plan --exit-code` with work to do. */
  workToDo: 3,
  /** The build was fine but something could not be released. */
  notReleased: 4,
  /** Interrupted, after cleanup. */
  interrupted: 130,
} as const;

/**
 * Errors whose code settles the status, wherever they are noticed. A remote that is away is nobody's mistake, even where
 * nothing was touched yet; a store of a later version is a matter of the configuration, even in the middle of work.
 */
const BY_CODE: Readonly<Record<string, number>> = {
  "store-unreachable": EXIT.failed,
  "store-refused": EXIT.failed,
  "store-newer": EXIT.wrongInput,
};

/** `usually`: for an error of any other code, or of none. */
export function statusOf(error: unknown, usually: number): number {
  const { code } = error as { code?: unknown };
  return (typeof code === "string" ? BY_CODE[code] : undefined) ?? usually;
}
