/** Everything a run tells while it runs: one discriminated union, and the only thing progress views read. A contract. */
import type { Artifact } from "../artifact.ts";
import type { Plan } from "../plan/plan.ts";
import type { ErrorData } from "./error-data.ts";
import type { Acquisition } from "./journal.ts";
import type { NodeStatus, Placement, RunCounts, UploadOutcome } from "./record.ts";

/** `at` is ISO 8601, UTC. `node` is a node's id. */
export type RunEvent = { at: string } & (
  | { type: "run-started"; run: string; plan: Plan }
  | ({ type: "node-started"; node: string; uses: string } & Partial<Placement>)
  | { type: "node-progress"; node: string; done: number; total: number; unit: "bytes" | "files" | "steps" }
  /** `call` counts the tools of the run. Arguments of more than 4 KiB are cut. */
  | { type: "tool-started"; node: string; call: number; command: readonly string[] }
  /** `exitCode` is null where it did not exit by itself. */
  | { type: "tool-finished"; node: string; call: number; exitCode: number | null; seconds: number }
  | { type: "node-log"; node: string; stream: "stdout" | "stderr" | "step"; line: string }
  | {
      type: "node-finished";
      node: string;
      status: NodeStatus;
      seconds: number;
      addedBytes?: number;
      outputs?: Record<string, Artifact>;
      error?: ErrorData;
    }
  | { type: "resource-acquired"; node: string; acquisition?: Acquisition }
  | { type: "resource-released"; node: string; acquisition?: Acquisition }
  | { type: "cleanup-failed"; node: string; hook: string; error: ErrorData }
  | {
      type: "run-finished";
      run: string;
      ok: boolean;
      counts: RunCounts;
      seconds: number;
      /** By how many bytes the store has grown. Absent in events of before it was counted. */
      addedBytes?: number;
      upload?: UploadOutcome;
    }
  /** After the build, before it is finished: how many blobs of all, and how many bytes were sent. */
  | { type: "upload-progress"; done: number; total: number; bytes: number }
);

/** An event before it is given its time. */
export type Unstamped<E> = E extends unknown ? Omit<E, "at"> : never;
