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
