/** A template file → its plan, as `run` and `plan` need it. */

import type { Plan } from "../engine/plan/plan.ts";
import type { PlanOptions } from "../engine/plan/plan-graph.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import type { Store } from "../store/store.ts";
import { type BuildFlags, checkSteps } from "./build-flags.ts";
import type { Cli } from "./command.ts";
import { compileTemplate } from "./compile-template.ts";
import type { Workspace } from "./workspace.ts";

export interface PlannedTemplate {
  plan: Plan;
  store: Store;
  types: StepTypes;
  /** What the plan was made with; a run goes on with the same. */
  options: PlanOptions;
}

/** Undefined where the template or its inputs are wrong, which has been told. */
export async function planTemplate(
  file: string,
  workspace: Workspace,
  flags: BuildFlags,
  { terminal }: Cli,
  observe: Pick<PlanOptions, "onEvaluated"> = {},
): Promise<PlannedTemplate | undefined> {
  const { config } = workspace;
  const types = await workspace.types();
  const { graph, tell } = await compileTemplate(file, { params: flags.param, types, terminal });
  if (!graph) return undefined;
  checkSteps(graph, flags);
  const store = await workspace.store();
  const { planGraph } = await import("../engine/plan/plan-graph.ts");
  const options: PlanOptions = {
    store,
    types,
    now: Date.now,
    refresh: flags.refresh ?? false,
    ...(config.salt === undefined ? {} : { salt: config.salt }),
    ...(config.maxAgeMs === undefined ? {} : { maxAgeMs: config.maxAgeMs }),
    ...(flags.force ? { force: flags.force } : {}),
    ...(flags.target ? { targets: flags.target } : {}),
  };
  const plan = await planGraph(graph, { ...options, ...observe });
  await tell(plan.diagnostics);
  return plan.diagnostics.length > 0 ? undefined : { plan, store, types, options };
}
