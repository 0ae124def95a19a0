/**
 * What planning a graph found the last time, so that planning the same graph again asks the store for nothing it was
 * told already. It holds for a node whose key follows from the graph and from other nodes' outputs alone, when all of
 * those are what they were: then its key is, and its record was there and no record has been removed since. A node that
 * reads the world (a step type that resolves something, a name) is evaluated as ever.
 */
import { arch, release } from "node:os";
import type { Artifact, Json } from "../artifact.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { canonicalJson } from "../key/canonical.ts";
import type { StepType } from "../plugin/step.ts";
import { type EvaluateOptions, stepTypeOf, toolVersions } from "./evaluate.ts";
import type { Plan } from "./plan.ts";

export interface RememberedNode {
  key: string;
  /** Of an artifact that was a hit. */
  outputs?: Record<string, Artifact>;
  lastSeconds?: number;
}

export interface Remembered {
  /** What keys depend on beside the graph; where that is another one, nothing of this holds. */
  conditions: string;
  /** In the order of the graph's nodes. */
  nodes: (RememberedNode | null)[];
}

/** The salt, the versions of tools, the machine, and that no record has gone. Undefined: nothing is to be remembered. */
export async function conditionsOf(graph: Graph, options: EvaluateOptions): Promise<string | undefined> {
  const generation = await options.store.records.generation?.();
  if (generation === undefined) return undefined;
  const tools: Record<string, Json> = {};
  for (const [uses, type] of await typesOf(graph, options))
    tools[uses] = await toolVersions(type, options.store.facts);
  return canonicalJson([generation, options.salt ?? "", arch(), release(), tools]);
}

/** What to remember of a plan; undefined where there is work to do, or where not all of the graph was wanted. */
export function toRemember({ graph, nodes, summary }: Plan, conditions: string): Remembered | undefined {
  if (summary.miss + summary.pending > 0) return undefined;
  const remembered = nodes.map(({ key, outputs, lastSeconds }): RememberedNode | null => {
    if (key === null) return null;
    return { key, ...(outputs ? { outputs } : {}), ...(lastSeconds === undefined ? {} : { lastSeconds }) };
  });
  return remembered.length === graph.nodes.length ? { conditions, nodes: remembered } : undefined;
}

/** Whether there is something in `found` that `remembered` has not. */
export function isNews(found: Remembered, remembered: Remembered | undefined): boolean {
  if (found.conditions !== remembered?.conditions) return true;
  return found.nodes.some((node, place) => node?.key !== remembered.nodes[place]?.key);
}

/** Recalls node by node, in the graph's order. */
export class Recollection {
  readonly #nodes: Map<string, RememberedNode>;
  /** `uses` of the step types that resolve nothing. */
  readonly #pure: ReadonlySet<string>;
  /** Nodes that are what they were. */
  readonly #same = new Set<string>();

  /** Undefined: there is nothing to recall, or it holds no more. */
  static async of(graph: Graph, remembered: Remembered | undefined, options: EvaluateOptions) {
    if (!remembered || remembered.nodes.length !== graph.nodes.length) return undefined;
    if ((await conditionsOf(graph, options)) !== remembered.conditions) return undefined;
    const pure = [...(await typesOf(graph, options))]
      .filter(([, type]) => !type.resolve)
      .map(([uses]) => uses);
    return new Recollection(graph, remembered, new Set(pure));
  }

  private constructor(graph: Graph, { nodes }: Remembered, pure: ReadonlySet<string>) {
    this.#pure = pure;
    this.#nodes = new Map();
    for (const [place, { id }] of graph.nodes.entries()) if (nodes[place]) this.#nodes.set(id, nodes[place]);
  }

  /** What the store has of an artifact node, where that can be told without asking it. */
  hitOf(node: GraphNode): Required<RememberedNode> | undefined {
    const { key, outputs, lastSeconds } = this.#nodes.get(node.id) ?? {};
    if (key === undefined || !outputs || lastSeconds === undefined) return undefined;
    if (!this.#pure.has(node.uses)) return undefined;
    for (const input of Object.values(node.inputs)) {
      if (input.from === "ref") return undefined;
      if (input.from === "node" && !this.#same.has(input.node)) return undefined;
    }
    this.#same.add(node.id);
    return { key, outputs, lastSeconds };
  }

  /** A node was evaluated after all: a resource, or an artifact that is a hit with these outputs. */
  evaluated(node: GraphNode, key: string, hit: Record<string, Artifact> | undefined): void {
    const remembered = this.#nodes.get(node.id);
    if (remembered?.key !== key) return;
    if (node.kind === "resource" || sameOutputs(remembered.outputs, hit)) this.#same.add(node.id);
  }
}

function sameOutputs(
  before: Record<string, Artifact> | undefined,
  now: Record<string, Artifact> | undefined,
): boolean {
  return before !== undefined && now !== undefined && JSON.stringify(before) === JSON.stringify(now);
}

/** The step types of a graph's nodes, by `uses`. */
export async function typesOf(graph: Graph, options: EvaluateOptions): Promise<Map<string, StepType>> {
  const types = new Map<string, StepType>();
  for (const node of graph.nodes)
    if (!types.has(node.uses)) types.set(node.uses, (await stepTypeOf(node, options.types)).type);
  return types;
}
