/** How far a run is with each of its nodes, and which of them wait for which. */
import type { GraphNode } from "../graph/graph.ts";
import type { Plan, PlanNode } from "../plan/plan.ts";
import type { NodeResult, Placement, RunCounts } from "./record.ts";

export interface NodeState {
  readonly node: GraphNode;
  readonly planned: PlanNode;
  /** Among the states. */
  readonly place: number;
  /** How many of the nodes it needs are not settled yet. */
  waiting: number;
  /** Milliseconds since the epoch. */
  readyMs: number | undefined;
  placement: Placement | undefined;
  result: NodeResult | undefined;
}

/** What is neither there already nor unwanted. */
export function mayRun(planned: PlanNode): boolean {
  return planned.fate === "miss" || planned.fate === "pending";
}

/** The states of a plan's wanted nodes. A large graph has a hundred thousand, so that their edges are numbers in a row. */
export class NodeStates {
  readonly #list: NodeState[] = [];
  readonly #byId = new Map<string, NodeState>();
  /** Places of dependents: those of the state at place `p` from `#begins[p]` up to `#begins[p + 1]`. */
  readonly #dependents: Int32Array;
  readonly #begins: Int32Array;

  constructor({ nodes, graph }: Plan) {
    for (const [place, planned] of nodes.entries()) {
      const offPath = planned.fate === "unneeded" && planned.kind === "artifact";
      if (!offPath) this.#add(graph.nodes[place]!, planned);
    }
    this.#begins = new Int32Array(this.#list.length + 1);
    this.#eachEdge((need) => this.#begins[need.place + 1]!++);
    for (let place = 0; place < this.#list.length; place++) this.#begins[place + 1]! += this.#begins[place]!;
    this.#dependents = new Int32Array(this.#begins.at(-1)!);
    const next = this.#begins.slice();
    this.#eachEdge((need, state) => {
      this.#dependents[next[need.place]!++] = state.place;
      state.waiting++;
    });
  }

  get size(): number {
    return this.#list.length;
  }

  get(id: string): NodeState | undefined {
    return this.#byId.get(id);
  }

  /** In the graph's order. */
  all(): readonly NodeState[] {
    return this.#list;
  }

  /** `state` is settled: calls `onReady` for each one that waited for it last. */
  settled({ place }: NodeState, onReady: (dependent: NodeState) => void): void {
    for (let at = this.#begins[place]!; at < this.#begins[place + 1]!; at++) {
      const dependent = this.#list[this.#dependents[at]!]!;
      if (--dependent.waiting === 0) onReady(dependent);
    }
  }

  /** What came of the nodes so far. */
  results(): { nodes: Record<string, NodeResult>; counts: RunCounts; addedBytes: number } {
    const nodes: Record<string, NodeResult> = {};
    // Of artifacts, and of resources that failed.
    const counts = { hit: 0, built: 0, failed: 0, cancelled: 0, skipped: 0 };
    let addedBytes = 0;
    for (const { result, node } of this.#list) {
      if (!result) continue;
      nodes[node.id] = result;
      addedBytes += result.addedBytes ?? 0;
      if (node.kind === "artifact" || result.status === "failed") counts[result.status]++;
    }
    return { nodes, counts, addedBytes };
  }

  #add(node: GraphNode, planned: PlanNode): void {
    const state: NodeState = {
      node,
      planned,
      place: this.#list.length,
      waiting: 0,
      readyMs: undefined,
      placement: undefined,
      result: undefined,
    };
    this.#list.push(state);
    this.#byId.set(node.id, state);
  }

  #eachEdge(visit: (need: NodeState, state: NodeState) => void): void {
    for (const state of this.#list)
      for (const id of state.node.needs) {
        const need = this.#byId.get(id);
        if (need) visit(need, state);
      }
  }
}
