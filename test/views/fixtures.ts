/** Graphs, plans and events for the views' tests: plain data, as the engine makes it. */
import type { Graph, GraphNode } from "../../src/engine/graph/graph.ts";
import type { Plan, PlanNode } from "../../src/engine/plan/plan.ts";
import type { RunEvent, Unstamped } from "../../src/engine/run/event.ts";
import type { RunRecord } from "../../src/engine/run/record.ts";

const where = { file: "t.yaml", line: 1, column: 1 };

export const DIGEST = `sha256:${"ab".repeat(32)}` as const;

/** `{ b: ["a"] }`: b reads a's output `image`; a name that ends in `!` is a resource. */
export function graphOf(needs: Record<string, string[]>, outputs: Record<string, string> = {}): Graph {
  const nodes = Object.entries(needs).map(
    ([id, above]): GraphNode => ({
      id,
      uses: `lab/${id}`,
      kind: id.endsWith("!") ? "resource" : "artifact",
      inputs: Object.fromEntries(
        above.map((node, i) => [`in${i}`, { from: "node", node, output: "image", path: [], where }]),
      ),
      needs: above,
      folder: "/",
      where,
    }),
  );
  return {
    template: { name: "lab", file: "t.yaml", params: {} },
    nodes,
    outputs: Object.fromEntries(
      Object.entries(outputs).map(([name, node]) => [name, { node, output: "image", type: "image", where }]),
    ),
  };
}

export function planOf(graph: Graph, fates: Record<string, Partial<PlanNode>>): Plan {
  const nodes = graph.nodes.map(
    ({ id, uses, kind, needs }): PlanNode => ({
      id,
      uses,
      kind,
      needs,
      fate: "hit",
      key: null,
      ...fates[id],
    }),
  );
  const count = (fate: string) => nodes.filter((node) => node.fate === fate).length;
  const summary = {
    hit: count("hit"),
    miss: count("miss"),
    pending: count("pending"),
    unneeded: count("unneeded"),
    estimateSeconds: 0,
  };
  return { graph, nodes, summary, diagnostics: [] };
}

/** `second` after the epoch. */
export function at(second: number, event: Unstamped<RunEvent>): RunEvent {
  return { at: new Date(second * 1000).toISOString(), ...event } as RunEvent;
}

export function recordOf(part: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: "tplgraph.result/1",
    run: "r1",
    ok: true,
    template: { name: "lab", file: "t.yaml", params: {} },
    startedAt: "2026-01-01T00:00:00.000Z",
    seconds: 72,
    counts: { hit: 0, built: 0, failed: 0, cancelled: 0, skipped: 0 },
    nodes: {},
    outputs: {},
    refs: [],
    cleanup: { released: 0, failed: [] },
    ...part,
  };
}
