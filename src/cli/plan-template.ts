/** A template file → its plan, as `run` and `plan` need it. */

import type { Graph } from "../engine/graph/graph.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { PlanOptions } from "../engine/plan/plan-graph.ts";
import { nodesMeant } from "../engine/plan/targets.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import type { Store } from "../store/store.ts";
import type { BuildFlags } from "./build-flags.ts";
import type { Cli } from "./command.ts";
import { compileTemplate } from "./compile-template.ts";
import type { PlanMemory } from "./compiled-cache.ts";
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
  const store = workspace.location.path;
  const { graph, memory, tell } = await compileTemplate(file, { flags, types, terminal, store });
  if (!graph) return undefined;
  const targets = flags.target && nodesMeant(graph, flags.target);
  const force = flags.force && nodesMeant(graph, flags.force);
  const opened = await workspace.store();
  const options: PlanOptions = {
    store: opened,
    types,
    now: Date.now,
    refresh: flags.refresh ?? false,
    ...(config.salt === undefined ? {} : { salt: config.salt }),
    ...(config.maxAgeMs === undefined ? {} : { maxAgeMs: config.maxAgeMs }),
    ...(force ? { force } : {}),
    ...(targets ? { targets } : {}),
  };
  const plan = await planWithMemory(graph, memory, { ...options, ...observe });
  await tell(plan.diagnostics);
  return plan.diagnostics.length > 0 ? undefined : { plan, store: opened, types, options };
}

/** What was found is remembered where it is news, and where a run would find it so. */
async function planWithMemory(
  graph: Graph,
  memory: PlanMemory | undefined,
  options: PlanOptions,
): Promise<Plan> {
  const { planGraph } = await import("../engine/plan/plan-graph.ts");
  if (!memory) return planGraph(graph, options);
  const remembered = memory.read();
  const plan = await planGraph(graph, { ...options, ...(remembered ? { remembered } : {}) });
  if (options.store.readOnly || options.force || options.targets) return plan;
  const { conditionsOf, isNews, toRemember } = await import("../engine/plan/remembered.ts");
  const conditions = await conditionsOf(graph, options);
  const found = conditions === undefined ? undefined : toRemember(plan, conditions);
  if (found && isNews(found, remembered)) memory.write(found);
  return plan;
}
