/** What is kept of a build: the cache's record of one key, and the run record of one run. */
import type { Artifact, Json } from "../artifact.ts";
import type { ErrorData } from "./error-data.ts";

/** What the cache keeps under a key. */
export interface CacheRecord {
  schema: "tplgraph.record/1";
  /** Hex sha256 of the canonical JSON of `preimage`. */
  key: string;
  preimage: Json;
  outputs: Record<string, Artifact>;
  /** How long the step ran. */
  seconds: number;
  /**
   * By how many bytes the store grew: what it had already counted nothing. Of one that was built again from the same, by
   * how many it grew the first time. Absent in records of before it was counted.
   */
  addedBytes?: number;
  /** The run that produced it, and where and when it did. Its log: `runs/RUN/NODE.log`. */
  run: string;
  node: string;
  host: string;
  at: string;
}

export type NodeStatus = "hit" | "built" | "failed" | "cancelled" | "skipped";

export interface RunCounts {
  hit: number;
  built: number;
  failed: number;
  cancelled: number;
  skipped: number;
}

/** One run, as `runs ls|show` and `run --result` tell it. */
export interface RunRecord {
  schema: "tplgraph.result/1";
  run: string;
  ok: boolean;
  template: { name: string; file: string; params: Record<string, Json> };
  startedAt: string;
  seconds: number;
  /** By how many bytes the store has grown by what was built. Absent in records of before it was counted. */
  addedBytes?: number;
  counts: RunCounts;
  nodes: Record<string, NodeResult>;
  outputs: Record<string, Artifact>;
  /** Names the outputs were given; those of a matrix's instances are in `instances`. */
  refs: string[];
  /** Only of a template with a matrix: by the instance's name, those of which every output was built. */
  instances?: Record<string, InstanceResult>;
  /** What became of what was to be uploaded after it; absent: nothing was. */
  upload?: UploadOutcome;
  cleanup: { released: number; failed: { node: string; hook: string; error: ErrorData }[] };
}

export interface UploadOutcome {
  /** Where to: `s3://BUCKET/PREFIX`. */
  remote: string;
  /** False: what is missing there is remembered, and uploaded by a later run or push. */
  ok: boolean;
  /** What was sent, by this run and of what earlier ones had left; `bytes` as it travels, compressed. */
  blobs: number;
  bytes: number;
  records: number;
  error?: ErrorData;
}

/** When and where a node ran. Absent for resources, which are acquired for the node that wants them first. */
export interface Placement {
  /** When all that it reads was settled, ISO 8601: from then on it waited for a job. */
  readyAt: string;
  /** When it was given a job, ISO 8601. It held that until it ended. */
  startedAt: string;
  /** Which of the run's jobs, from 0. */
  job: number;
}

export interface InstanceResult {
  /** The matrix's parameters. */
  params: Record<string, Json>;
  outputs: Record<string, Artifact>;
  refs: string[];
}

/** `readyAt`, `startedAt` and `job` are absent for what was settled without running. */
export interface NodeResult extends Partial<Placement> {
  status: NodeStatus;
  key: string | null;
  seconds: number;
  /** Of one that was built: by how many bytes the store has grown. */
  addedBytes?: number;
  outputs?: Record<string, Artifact>;
  error?: ErrorData;
  /** For a hit: the run whose log shows how it was built. */
  producedBy?: string;
}
