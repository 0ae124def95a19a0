/**
 * What a plan would cost, from past runs: how long each step took that would run and how much it stored, also of those
 * whose inputs are not known yet, the longest path through them, and what they would fetch. Asks the store about every
 * such step, so it is done where somebody looks.
 */
import type { Artifact } from "../artifact.ts";
import { TplError } from "../errors.ts";
import { criticalPath } from "../graph/critical-path.ts";
import type { GraphNode } from "../graph/graph.ts";
import type { EngineStore } from "../store.ts";
import { type EvaluateOptions, resolveRefs } from "./evaluate.ts";
import { lastBuilt, lastFigures } from "./history.ts";
import type { Plan, PlanNode, PlanSummary } from "./plan.ts";

export type CostOptions = Pick<EvaluateOptions, "store" | "pins">;

export async function withCost(plan: Plan, options: CostOptions): Promise<Plan> {
  const { store } = options;
  const reading = new Reading(plan, options);
  const toFetch = askedOnce(store);
  const read = new Map<string, Artifact>();
  const nodes: PlanNode[] = [];
  for (const [place, node] of plan.nodes.entries()) {
    const compiled = plan.graph.nodes[place]!;
    if (!isBuilt(node)) {
      nodes.push(node);
      continue;
    }
    const artifacts = await reading.artifactsOf(compiled);
    for (const artifact of artifacts) read.set(artifact.digest, artifact);
    const last = node.fate === "pending" ? (await lastBuilt(compiled, store.records)).record : undefined;
    nodes.push({ ...node, ...lastFigures(last), bytesToFetch: await toFetch(artifacts) });
  }
  const { length, path } = criticalPath(nodes, secondsOf);
  const built = nodes.filter(isBuilt);
  const critical = new Set(path.filter((node) => secondsOf(node) > 0).map(({ id }) => id));
  return {
    ...plan,
    nodes: nodes.map((node) => (critical.has(node.id) ? { ...node, critical: true } : node)),
    summary: {
      ...plan.summary,
      estimateSeconds: length,
      unknownSteps: built.filter(({ lastSeconds }) => lastSeconds === undefined).length,
      ...toStore(built),
      bytesToFetch: await toFetch([...read.values()]),
    },
  };
}

/** What some steps add to the store, as far as that is known. */
export function toStore(
  built: readonly Pick<PlanNode, "lastAddedBytes">[],
): Required<Pick<PlanSummary, "bytesToStore" | "unmeasuredSteps">> {
  return {
    bytesToStore: built.reduce((sum, { lastAddedBytes = 0 }) => sum + lastAddedBytes, 0),
    unmeasuredSteps: built.filter(({ lastAddedBytes }) => lastAddedBytes === undefined).length,
  };
}

/** For each set of artifacts: many steps may read the same large image. */
function askedOnce(store: EngineStore): (artifacts: readonly Artifact[]) => Promise<number | null> {
  const answers = new Map<string, number | null>();
  return async (artifacts) => {
    if (artifacts.length === 0) return 0;
    const digests = artifacts
      .map(({ digest }) => digest)
      .sort()
      .join();
    const known = answers.get(digests);
    if (known !== undefined) return known;
    const answer = (await store.bytesToFetch(artifacts)) ?? null;
    answers.set(digests, answer);
    return answer;
  };
}

function secondsOf(node: PlanNode): number {
  return isBuilt(node) ? (node.lastSeconds ?? 0) : 0;
}

function isBuilt({ fate, kind }: PlanNode): boolean {
  return kind === "artifact" && (fate === "miss" || fate === "pending");
}

/** Finds what nodes read that is there already: what is still to be built will be made here. */
class Reading {
  readonly #options: CostOptions;
  readonly #planned: ReadonlyMap<string, PlanNode>;
  readonly #resources: ReadonlyMap<string, GraphNode>;

  constructor({ graph, nodes }: Plan, options: CostOptions) {
    this.#options = options;
    this.#planned = new Map(nodes.map((node) => [node.id, node]));
    const resources = graph.nodes.filter(({ kind }) => kind === "resource");
    this.#resources = new Map(resources.map((node) => [node.id, node]));
  }

  /** Also what it reads through resources. */
  async artifactsOf(node: GraphNode): Promise<Artifact[]> {
    const found = await this.#refsOf(node);
    for (const input of Object.values(node.inputs)) {
      if (input.from !== "node") continue;
      const resource = this.#resources.get(input.node);
      const artifact = this.#planned.get(input.node)?.outputs?.[input.output];
      if (resource) found.push(...(await this.artifactsOf(resource)));
      else if (artifact) found.push(artifact);
    }
    return found;
  }

  /** A name that stands for nothing is a fault that the plan has told. */
  async #refsOf(node: GraphNode): Promise<Artifact[]> {
    try {
      return [...(await resolveRefs(node, this.#options)).values()];
    } catch (error) {
      if (error instanceof TplError) return [];
      throw error;
    }
  }
}
