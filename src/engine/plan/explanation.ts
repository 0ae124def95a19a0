/**
 * Why a node would run, or where its cached result came from: plain data (`tplgraph.explain/1`). `explain-node.ts`
 * makes it, views tell it.
 */
import type { Position } from "../errors.ts";
import type { Change, Fate, Reason } from "./plan.ts";

export interface Explanation {
  step: string;
  uses: string;
  kind: "artifact" | "resource";
  fate: Fate;
  /** Hex; null while an input is pending. */
  key: string | null;
  /** Where the step stands in the template. */
  where: Position;
  /** As in the plan; absent for hits. */
  reason?: Reason;
  /** Of a hit: the build that made what is used. */
  producedBy?: Production;
  /** Of what would run: the build that made it the last time, which the changes are told against. */
  previous?: Production;
  /**
   * What it all began with: the step itself, or the first steps above it that changed, in the graph's order. Empty for
   * hits and for what is not needed.
   */
  causes: Cause[];
  /** Of a resource that would be acquired: the steps that run and use it. */
  users: string[];
}

export interface Cause {
  step: string;
  uses: string;
  where: Position;
  reason: Omit<Reason, "changed">;
  changed: LocatedChange[];
  /** It was built again from the same, and other bytes came out. */
  sameKey?: { from: Production; to: Production };
  /** Steps that would be built, or may be, because of it; without itself, in the graph's order. */
  follows: string[];
}

export interface LocatedChange extends Change {
  /** The value, name or step in the template that it belongs to. */
  where: Position;
  /** Of a change of a file's content: the file, as the template names it. */
  file?: string;
  /** Of a change of a step type's code, where both versions were seen on this store: the files that differ. */
  files?: string[];
}

/** A build of one step, as its record tells it. */
export interface Production {
  run: string;
  /** Its id in that run. */
  node: string;
  /** ISO 8601. */
  at: string;
  host: string;
  seconds: number;
  key: string;
}
