/** How a run came to its end. */
import type { RunCounts } from "./record.ts";

export type RunEnding = "ok" | "failed" | "interrupted";

/** A run that was told to end has cancelled steps, and none that failed. */
export function runEnding({ ok, counts }: { ok: boolean; counts: RunCounts }): RunEnding {
  if (ok) return "ok";
  return counts.failed === 0 && counts.cancelled > 0 ? "interrupted" : "failed";
}
