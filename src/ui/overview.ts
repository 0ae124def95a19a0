/** What the page of all runs is told: plain data, also read by its script in the browser. */
import type { RunEnding } from "../engine/run/ending.ts";
import type { RunCounts } from "../engine/run/record.ts";

export interface OverviewRun {
  run: string;
  template: string;
  /** ISO 8601. */
  at: string;
  /** `killed`: it ended without saying so. */
  state: RunEnding | "running" | "killed";
  seconds?: number;
  counts?: RunCounts;
  /** Of a failed one: the first step that failed, and why. */
  failure?: string;
}

export interface Holdings {
  path: string;
  /** Of all blobs, as they are stored. */
  bytes: number;
  /** Of those that no artifact has: what gc would delete, and what is being written. */
  unusedBytes: number;
  /** The largest first. */
  artifacts: HeldArtifact[];
}

export interface HeldArtifact {
  type: string;
  digest: string;
  /** Its names, or else the step that made it. */
  title: string;
  isNamed: boolean;
  /** What it has, shared or not. */
  bytes: number;
  /** What it alone has: what would be free without it. */
  ownBytes: number;
}
