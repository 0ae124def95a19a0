/** How one check went in the guest. */
export interface CheckResult {
  name: string;
  seconds: number;
  /** Why it failed. */
  error?: string;
}

/** Begins a line of the console that is a result. */
export const RESULT_MARK = "CHECKED ";
