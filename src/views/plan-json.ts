/** A plan as the document `tplgraph.plan/1`: a contract. */
import type { Plan, PlanNode, PlanSummary } from "../engine/plan/plan.ts";
import type { Review } from "../engine/plan/review.ts";
import type { Diagnostic } from "../engine/template/diagnostic.ts";

export interface PlanDocument {
  schema: "tplgraph.plan/1";
  template: Plan["graph"]["template"];
  nodes: PlanNode[];
  summary: PlanSummary;
  /** What differs from a git revision, where one was named. */
  against?: Review;
  /** Only where there are any. */
  diagnostics?: Diagnostic[];
}

export function planDocument(plan: Plan, against?: Review): PlanDocument {
  return {
    schema: "tplgraph.plan/1",
    template: plan.graph.template,
    nodes: plan.nodes,
    summary: plan.summary,
    ...(against ? { against } : {}),
    ...(plan.diagnostics.length > 0 ? { diagnostics: plan.diagnostics } : {}),
  };
}

export function planJson(plan: Plan, against?: Review): string {
  return JSON.stringify(planDocument(plan, against), null, 2);
}
