/** A plan as the document `tplgraph.plan/1`: a contract. */
import type { Plan, PlanNode, PlanSummary } from "../engine/plan/plan.ts";
import type { Diagnostic } from "../engine/template/diagnostic.ts";

export interface PlanDocument {
  schema: "tplgraph.plan/1";
  template: Plan["graph"]["template"];
  nodes: PlanNode[];
  summary: PlanSummary;
  /** Only where there are any. */
  diagnostics?: Diagnostic[];
}

export function planDocument(plan: Plan): PlanDocument {
  return {
    schema: "tplgraph.plan/1",
    template: plan.graph.template,
    nodes: plan.nodes,
    summary: plan.summary,
    ...(plan.diagnostics.length > 0 ? { diagnostics: plan.diagnostics } : {}),
  };
}

export function planJson(plan: Plan): string {
  return JSON.stringify(planDocument(plan), null, 2);
}
