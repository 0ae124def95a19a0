/**
 * What a plan would cost, from past runs: how long each step took that would run, also those whose inputs are not known
 * yet, and the longest path through them. Asks the store about every such step, so it is done where somebody looks.
 */
import { criticalPath } from "../graph/critical-path.ts";
import type { EngineStore } from "../store.ts";
import { lastBuilt } from "./history.ts";
import type { Plan, PlanNode } from "./plan.ts";

export async function withCost(
  plan: Plan,
  records: Pick<EngineStore["records"], "get" | "lastKey">,
): Promise<Plan> {
  const byId = new Map(plan.graph.nodes.map((node) => [node.id, node]));
  const nodes: PlanNode[] = [];
  for (const node of plan.nodes) {
    const record =
      node.fate === "pending" ? (await lastBuilt(byId.get(node.id)!, records)).record : undefined;
    nodes.push(record ? { ...node, lastSeconds: record.seconds } : node);
  }
  const { length, path } = criticalPath(nodes, secondsOf);
  const critical = new Set(path.filter((node) => secondsOf(node) > 0).map(({ id }) => id));
  return {
    ...plan,
    nodes: nodes.map((node) => (critical.has(node.id) ? { ...node, critical: true } : node)),
    summary: {
      ...plan.summary,
      estimateSeconds: length,
      unknownSteps: nodes.filter((node) => isBuilt(node) && node.lastSeconds === undefined).length,
    },
  };
}

function secondsOf(node: PlanNode): number {
  return isBuilt(node) ? (node.lastSeconds ?? 0) : 0;
}

function isBuilt({ fate, kind }: PlanNode): boolean {
  return kind === "artifact" && (fate === "miss" || fate === "pending");
}
