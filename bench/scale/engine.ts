/** What the engine itself takes for a step that does nothing: planned and run with a store in memory, in this process. */

import { planGraph } from "../../dist/engine/plan/plan-graph.js";
import { executePlan } from "../../dist/engine/run/execute.js";
import { memoryStore } from "../../dist/testing/memory-store.js";
import type { Graph, GraphNode, InputBinding } from "../../src/engine/graph/graph.ts";
import type { StepTypes } from "../../src/engine/plugin/plugin.ts";
import type { Services } from "../../src/engine/run/services.ts";
import plugin from "./plugin.ts";
import { type Dag, ends } from "./shapes.ts";

export interface EngineSeconds {
  /** With nothing in the store: planning, and running. */
  planned: number;
  built: number;
  /** Both, with all of it in the store. */
  cached: number;
}

export async function engineSeconds(dag: Dag): Promise<EngineSeconds> {
  const graph = graphOf(dag);
  const around = { store: memoryStore(), types: typesOfPlugin(), now: Date.now };
  const run = async () => {
    const begun = performance.now();
    const plan = await planGraph(graph, around);
    const planned = performance.now();
    const { ok } = await executePlan(plan, {
      ...around,
      startServices: async () => SERVICES,
      signal: new AbortController().signal,
    });
    if (!ok) throw new Error("a step that does nothing failed");
    return { planned: (planned - begun) / 1000, ran: (performance.now() - planned) / 1000 };
  };
  const first = await run();
  const again = await run();
  return { planned: first.planned, built: first.ran, cached: again.planned + again.ran };
}

function typesOfPlugin(): StepTypes {
  const [type] = plugin.steps;
  const loaded = { ...plugin, implementation: "1", origin: "bench" };
  return {
    get: async () => ({ type: type!, plugin: loaded }),
    names: async () => ["noop/step"],
  } as StepTypes;
}

const SERVICES = { runFolder: "/nonexistent", close: async () => [] } as unknown as Services;

function graphOf(dag: Dag): Graph {
  const where = { file: "dag.yaml", line: 1, column: 1 };
  const reading = (node: number): InputBinding => ({
    from: "node",
    node: `n${node}`,
    output: "number",
    path: [],
    where,
  });
  const nodes = dag.map((needs, node): GraphNode => {
    const read = needs.slice(0, 3).map((need, place) => ["abc"[place]!, reading(need)] as const);
    const number: InputBinding = { from: "literal", value: node, where };
    return {
      id: `n${node}`,
      uses: "noop/step",
      kind: "artifact",
      inputs: { number, ...Object.fromEntries(read) },
      needs: needs.map((need) => `n${need}`),
      folder: "/",
      where,
    };
  });
  const outputs = ends(dag).map(
    (node) => [`n${node}`, { node: `n${node}`, output: "number", type: "data", where }] as const,
  );
  return {
    template: { name: "dag", file: "dag.yaml", params: {} },
    nodes,
    outputs: Object.fromEntries(outputs),
  };
}
