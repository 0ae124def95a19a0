/** A template file → its plan, as `run` and `plan` need it. */

import { TplError } from "../engine/errors.ts";
import type { Graph } from "../engine/graph/graph.ts";
import type { LockedPins } from "../engine/plan/lock.ts";
import type { Plan } from "../engine/plan/plan.ts";
import type { PlanOptions } from "../engine/plan/plan-graph.ts";
import { nodesMeant } from "../engine/plan/targets.ts";
import type { StepTypes } from "../engine/plugin/plugin.ts";
import type { Diagnostic } from "../engine/template/diagnostic.ts";
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

export interface PlanningOptions {
  /** What becomes of a plan that would fail: it is told why, and with `tell` there is a plan nevertheless. */
  faults?: "refuse" | "tell";
}

/** Undefined where the template or its inputs are wrong, which has been told. */
export async function planTemplate(
  file: string,
  workspace: Workspace,
  flags: BuildFlags,
  { terminal }: Cli,
  { faults = "refuse" }: PlanningOptions = {},
): Promise<PlannedTemplate | undefined> {
  const { config } = workspace;
  const types = await workspace.types();
  const store = workspace.location.path;
  const { graph, memory, tell } = await compileTemplate(file, { flags, types, terminal, store });
  if (!graph) return undefined;
  const targets = flags.target && nodesMeant(graph, flags.target);
  const force = flags.force && nodesMeant(graph, flags.force);
  const opened = await workspace.store();
  const lock = flags.locked ? await pinsOf(file, opened) : undefined;
  const options: PlanOptions = {
    store: opened,
    types,
    now: Date.now,
    refresh: flags.refresh ?? false,
    async readImageHead(image, bytes) {
      const { readImageHead } = await import("../image/read-head.ts");
      return readImageHead(opened.blobs, image, bytes);
    },
    ...(config.salt === undefined ? {} : { salt: config.salt }),
    ...(config.maxAgeMs === undefined ? {} : { maxAgeMs: config.maxAgeMs }),
    ...(force ? { force } : {}),
    ...(targets ? { targets } : {}),
    ...(lock ? { pins: lock.pins } : {}),
  };
  const plan = await planWithMemory(graph, memory, options);
  const unfit = lock ? await faultsAgainstLock(plan, lock, options) : [];
  const diagnostics = unfit.length > 0 ? unfit : plan.diagnostics;
  await tell(diagnostics);
  if (diagnostics.length > 0 && faults === "refuse") return undefined;
  return { plan, store: opened, types, options };
}

/** Throws TplError `lock-missing` or `lock-damaged`. */
async function pinsOf(template: string, store: Store): Promise<LockedPins> {
  const { lockFileOf, lockFolder, readLock } = await import("./lock-file.ts");
  const lock = await readLock(template);
  if (!lock)
    throw new TplError({
      code: "lock-missing",
      message: `--locked needs ${lockFileOf(template)}, which is not there`,
      hint: `make it: tplgraph lock ${template}`,
    });
  const { lockedPins } = await import("../engine/plan/lock.ts");
  return lockedPins(lock, { folder: lockFolder(template), template }, store);
}

/** Where a lock does not fit: of every step, also those that are judged only while the build runs. */
async function faultsAgainstLock(
  plan: Plan,
  { held }: LockedPins,
  options: PlanOptions,
): Promise<Diagnostic[]> {
  const { definitionsOf } = await import("../engine/plan/definition.ts");
  const fates = new Map(plan.nodes.map(({ id, fate }) => [id, fate]));
  const mayRun = (node: string) => fates.get(node) === "miss" || fates.get(node) === "pending";
  const { diagnostics } = await definitionsOf(plan.graph, {
    ...options,
    pinsFor: (node) => (mayRun(node) ? held : undefined),
  });
  return diagnostics;
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
