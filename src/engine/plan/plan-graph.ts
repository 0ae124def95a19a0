/**
 * Graph → Plan: every node's key and fate. Reads the store and the mutable inputs, changes nothing.
 *
 * A hit is believed on its record alone until somebody needs its bytes (a template output, or the input of a
 * node that would run): only then is the store asked whether they are there. Where they are not, the hit is a
 * miss, what hangs on it is pending, and the pass is made again.
 */

import { criticalPath } from "../graph/critical-path.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { explainMiss } from "../key/explain.ts";
import type { KeyPreimage, Known } from "../key/preimage.ts";
import type { EngineStore } from "../store.ts";
import type { Diagnostic } from "../template/diagnostic.ts";
import { type EvaluateOptions, type Evaluation, evaluate, inputsKnown, stepTypeOf } from "./evaluate.ts";
import { faultAt, faultsOf, inputFaults } from "./fault.ts";
import { type History, lastBuilt, lastFigures, lossOf } from "./history.ts";
import type { Fate, Plan, PlanNode, PlanSummary, Reason } from "./plan.ts";
import { Recollection, type Remembered, typesOf } from "./remembered.ts";
import { targetsPath } from "./targets.ts";

export interface PlanOptions extends EvaluateOptions {
  /** Nodes to run again although the store has them. */
  force?: readonly string[];
  /** What the last planning of this very graph found: see `remembered.ts`. */
  remembered?: Remembered;
  /** Build these and what they need; default everything the template's outputs need. */
  targets?: readonly string[];
}

/** The plan for `graph`. Faults of the inputs and missing tools come back in `diagnostics`; nothing was touched. */
export async function planGraph(graph: Graph, options: PlanOptions): Promise<Plan> {
  const wanted = targetsPath(graph, options.targets);
  const damaged = new Map<string, Reason>();
  const evaluations = new Map<string, Evaluation>();
  for (;;) {
    const pass = await forward(graph, wanted, damaged, evaluations, options);
    const found = await newlyDamaged(graph, pass, damaged, options);
    if (!found) return finish(graph, pass, wanted, options);
  }
}

interface Pass {
  /** What the last planning of this graph found. */
  recollection: Recollection | undefined;
  nodes: Map<string, PlanNode>;
  known: Map<string, Known>;
  diagnostics: Diagnostic[];
}

async function forward(
  graph: Graph,
  wanted: ReadonlySet<string>,
  damaged: ReadonlyMap<string, Reason>,
  evaluations: Map<string, Evaluation>,
  options: PlanOptions,
): Promise<Pass> {
  const recollection = await Recollection.of(graph, options.remembered, options);
  const pass: Pass = { recollection, nodes: new Map(), known: new Map(), diagnostics: [] };
  const forced = new Set(options.force);
  const types = await typesOf(graph, options);
  for (const node of graph.nodes) {
    const { id, uses, kind, needs } = node;
    const marks: Pick<PlanNode, "reproducible"> =
      types.get(uses)!.reproducible === false ? UNREPRODUCIBLE : {};
    const base = { id, uses, kind, needs, ...marks };
    const hit = forced.has(node.id) || damaged.has(node.id) ? undefined : recollection?.hitOf(node);
    if (!wanted.has(node.id)) pass.nodes.set(node.id, { ...base, fate: "unneeded", key: null });
    else if (hit) {
      pass.known.set(node.id, { kind: "artifact", outputs: hit.outputs });
      const { key, outputs, lastSeconds } = hit;
      // Written out whole: what is spread over an object takes a second one, and a large plan is mostly these.
      const known = { id, uses, kind, needs, fate: "hit" as const, key, outputs, lastSeconds, ...marks };
      pass.nodes.set(node.id, known);
    } else if (!inputsKnown(node, pass.known))
      pass.nodes.set(node.id, { ...base, fate: "pending", key: null, reason: UPSTREAM });
    else pass.nodes.set(node.id, { ...base, ...(await fateOf(node, pass, damaged, evaluations, options)) });
  }
  return pass;
}

/** Of a resource it says nothing: what is made from it does. */
const UNREPRODUCIBLE = { reproducible: false } as const;

const UPSTREAM: Reason = { code: "upstream", changed: [] };

type Judged = Omit<PlanNode, "id" | "uses" | "kind" | "needs">;

async function fateOf(
  node: GraphNode,
  pass: Pass,
  damaged: ReadonlyMap<string, Reason>,
  evaluations: Map<string, Evaluation>,
  options: PlanOptions,
): Promise<Judged> {
  let evaluation: Evaluation;
  try {
    evaluation = evaluations.get(node.id) ?? (await evaluate(node, pass.known, options));
  } catch (error) {
    pass.diagnostics.push(faultAt(node, error));
    return { fate: "miss", key: null, reason: { code: "input-changed", changed: [] } };
  }
  const { key, preimage, record, resolved, unreachable } = evaluation;
  const { type } = await stepTypeOf(node, options.types);
  const marks = type.note ? { note: type.note(resolved) } : {};
  // Not of a hit, of which nothing is needed any more: in a large graph all preimages are too much to keep.
  if (!record) evaluations.set(node.id, evaluation);
  if (node.kind === "resource") {
    pass.recollection?.evaluated(node, key, undefined);
    pass.known.set(node.id, { kind: "resource", preimage });
    return { fate: "unneeded", key };
  }
  const reason = options.force?.includes(node.id) ? FORCED : damaged.get(node.id);
  if (record && !reason) {
    pass.recollection?.evaluated(node, key, record.outputs);
    pass.known.set(node.id, { kind: "artifact", outputs: record.outputs });
    return { fate: "hit", key, outputs: record.outputs, lastSeconds: record.seconds, ...marks };
  }
  const previous = await lastBuilt(node, options.store.records);
  return {
    fate: "miss",
    key,
    ...marks,
    reason:
      reason ??
      (unreachable ? UNREACHABLE : undefined) ??
      (await lossReason(key, options.store)) ??
      reasonOf(previous, preimage),
    ...lastFigures(previous.record),
  };
}

const UNREACHABLE: Reason = { code: "store-unreachable", changed: [] };
const FORCED: Reason = { code: "forced", changed: [] };

async function lossReason(key: string, store: EngineStore): Promise<Reason | undefined> {
  const noted = await lossOf(key, store.facts);
  return noted && { code: noted.loss, changed: [], at: noted.at };
}

function reasonOf(previous: History, now: KeyPreimage): Reason {
  if (!previous.key) return { code: "never-built", changed: [] };
  if (!previous.record) return { code: "evicted", changed: [] };
  return explainMiss(previous.record.preimage as unknown as KeyPreimage, now);
}

const ABSENCES = { missing: "evicted", corrupt: "corrupt", unreachable: "store-unreachable" } as const;

/** Hits whose bytes somebody needs and the store has not: marked, so that the next pass sees misses. */
async function newlyDamaged(
  graph: Graph,
  pass: Pass,
  damaged: Map<string, Reason>,
  options: PlanOptions,
): Promise<boolean> {
  let found = false;
  for (const id of bytesNeeded(graph, pass)) {
    const node = pass.nodes.get(id)!;
    if (node.fate !== "hit" || damaged.has(id)) continue;
    for (const artifact of Object.values(node.outputs ?? {})) {
      const state = await options.store.has(artifact);
      if (state === "present") continue;
      damaged.set(id, { code: ABSENCES[state], changed: [] });
      found = true;
    }
  }
  return found;
}

/** Nodes whose output is a template output or is read by a node that would run, directly or through resources. */
function bytesNeeded(graph: Graph, pass: Pass, running: readonly Fate[] = ["miss", "pending"]): Set<string> {
  const needed = new Set(Object.values(graph.outputs).map((output) => output.node));
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i]!;
    const reads =
      node.kind === "resource" ? needed.has(node.id) : running.includes(pass.nodes.get(node.id)!.fate);
    if (reads)
      for (const input of Object.values(node.inputs)) if (input.from === "node") needed.add(input.node);
  }
  return needed;
}

async function finish(
  graph: Graph,
  pass: Pass,
  wanted: ReadonlySet<string>,
  options: PlanOptions,
): Promise<Plan> {
  const certainly = bytesNeeded(graph, pass, ["miss"]);
  const perhaps = bytesNeeded(graph, pass);
  for (const node of graph.nodes) {
    const planned = pass.nodes.get(node.id)!;
    if (
      node.kind === "resource" &&
      wanted.has(node.id) &&
      planned.fate === "unneeded" &&
      perhaps.has(node.id)
    )
      pass.nodes.set(node.id, {
        ...planned,
        fate: certainly.has(node.id) ? "miss" : "pending",
        reason: UPSTREAM,
      });
    const { fate } = pass.nodes.get(node.id)!;
    if (fate === "miss") pass.diagnostics.push(...(await faultsOf(node, pass, options)));
    if (fate === "pending") pass.diagnostics.push(...(await inputFaults(node, pass, options)));
  }
  const nodes = graph.nodes.map((node) => pass.nodes.get(node.id)!);
  return { graph, nodes, summary: summarise(nodes), diagnostics: pass.diagnostics };
}

function summarise(nodes: PlanNode[]): PlanSummary {
  const count = (fate: PlanNode["fate"]) =>
    nodes.filter((node) => node.fate === fate && node.kind === "artifact").length;
  const [miss, pending] = [count("miss"), count("pending")];
  const work = miss + pending;
  return {
    hit: count("hit"),
    miss,
    pending,
    unneeded: nodes.filter((node) => node.fate === "unneeded").length,
    estimateSeconds: work === 0 ? 0 : criticalPath(nodes, secondsToCome).length,
  };
}

function secondsToCome({ fate, lastSeconds = 0 }: PlanNode): number {
  return fate === "miss" || fate === "pending" ? lastSeconds : 0;
}
