/** The plan: the graph with each node's key and its fate. Its JSON form is a contract (`tplgraph.plan/1`). */
import type { Artifact, Json } from "../artifact.ts";
import type { Graph } from "../graph/graph.ts";
import type { Diagnostic } from "../template/diagnostic.ts";

export type Fate =
  /** The store has it. */
  | "hit"
  /** It would be built. */
  | "miss"
  /** A miss above decides; early cutoff may still save it. */
  | "pending"
  /** A resource that no miss consumes, or a node off the targets' path. */
  | "unneeded";

export type ReasonCode =
  | "never-built"
  | "input-changed"
  | "params-changed"
  | "step-changed"
  | "tool-changed"
  | "evicted"
  | "corrupt"
  | "store-unreachable"
  | "forced"
  | "upstream";

export interface Change {
  /** Path in the key's preimage: `with.sizeMiB`, `inputs.image`, `tools.mke2fs`, `implementation`. */
  path: string;
  from: Json | undefined;
  to: Json | undefined;
}

export interface Reason {
  code: ReasonCode;
  changed: Change[];
  /** `evicted` by garbage collection, or found `corrupt`: when, ISO 8601. */
  at?: string;
}

export interface PlanNode {
  id: string;
  uses: string;
  kind: "artifact" | "resource";
  needs: string[];
  fate: Fate;
  /** Hex; null while an input is pending. */
  key: string | null;
  /** Absent for hits. */
  reason?: Reason;
  /** What the step type decided to do with these inputs, and why. */
  note?: string;
  /** Only where it is so: built again, the outputs may differ. */
  reproducible?: false;
  /** Known for hits. */
  outputs?: Record<string, Artifact>;
  /** How long it took the last time it was built, in seconds. */
  lastSeconds?: number;
  /** Of one that would be built: by how many bytes the store grew the last time it was. Absent where that is not known. */
  lastAddedBytes?: number;
  /** Of one that would be built: `bytesToFetch` for what it reads. Only where the cost was asked for. */
  bytesToFetch?: number | null;
  /** On the longest path through what would be built. Only where the cost was asked for: see `cost.ts`. */
  critical?: true;
}

export interface PlanSummary {
  hit: number;
  miss: number;
  pending: number;
  unneeded: number;
  /** Sum of `lastSeconds` over misses and pending nodes along the longest path. */
  estimateSeconds: number;
  /** Steps to build of which no past time is known. Only where the cost was asked for. */
  unknownSteps?: number;
  /** Sum of `lastAddedBytes` over misses and pending nodes. Only where the cost was asked for, as all below. */
  bytesToStore?: number;
  /** Steps to build of which nobody knows what they add to the store. */
  unmeasuredSteps?: number;
  /**
   * What the steps to build read and is not here: at most so many bytes come from the remote, fewer where a step reads a
   * part of an image. Null: the remote cannot tell.
   */
  bytesToFetch?: number | null;
}

export interface Plan {
  graph: Graph;
  /** In the graph's order. */
  nodes: PlanNode[];
  summary: PlanSummary;
  /** Faults that would make the build fail for certain. With any, nothing may be run. */
  diagnostics: Diagnostic[];
}
