/** How far a run is with each of its nodes, and which of them wait for which. */
import type { GraphNode } from "../graph/graph.ts";
import type { Plan, PlanNode } from "../plan/plan.ts";
import type { NodeResult, Placement, RunCounts } from "./record.ts";

export interface NodeState {
  node: GraphNode;
  planned: PlanNode;
  /** How many of the nodes it needs are not settled yet. */
  waiting: number;
  dependents: NodeState[];
  /** Milliseconds since the epoch. */
  readyMs?: number;
  placement?: Placement;
  result?: NodeResult;
}

/** What is neither there already nor unwanted. */
export function mayRun(planned: PlanNode): boolean {
  return planned.fate === "miss" || planned.fate === "pending";
}

/** The states of the wanted nodes, by their ids, with the edges between them. */
export function nodeStates({ nodes, graph }: Plan): Map<string, NodeState> {
  const states = new Map<string, NodeState>();
  for (const planned of nodes) {
    const offPath = planned.fate === "unneeded" && planned.kind === "artifact";
    if (!offPath) states.set(planned.id, { node: undefined as never, planned, waiting: 0, dependents: [] });
  }
  for (const node of graph.nodes) {
    const state = states.get(node.id);
    if (!state) continue;
    state.node = node;
    for (const need of node.needs) {
      const above = states.get(need);
      if (!above) continue;
      above.dependents.push(state);
      state.waiting++;
    }
  }
  return states;
}

/** What came of a run's nodes. */
export function resultsOf(states: ReadonlyMap<string, NodeState>): {
  nodes: Record<string, NodeResult>;
  /** Of artifacts, and of resources that failed. */
  counts: RunCounts;
  addedBytes: number;
} {
  const nodes: Record<string, NodeResult> = {};
  const counts = { hit: 0, built: 0, failed: 0, cancelled: 0, skipped: 0 };
  let addedBytes = 0;
  for (const [id, { result, node }] of states) {
    if (!result) continue;
    nodes[id] = result;
    addedBytes += result.addedBytes ?? 0;
    if (node.kind === "artifact" || result.status === "failed") counts[result.status]++;
  }
  return { nodes, counts, addedBytes };
}
