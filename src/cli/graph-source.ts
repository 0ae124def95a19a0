/** What a graph is drawn of: a template's plan, its structure, or a past run. */
import type { Json } from "../engine/artifact.ts";
import { TplError } from "../engine/errors.ts";
import type { Known } from "../engine/key/preimage.ts";
import { withCost } from "../engine/plan/cost.ts";
import type { RunSummary } from "../store/runs.ts";
import type { Store } from "../store/store.ts";
import { type GraphDocument, planDocumentOf, structureDocument } from "../views/graph/document.ts";
import {
  applyRunEvent,
  concluded,
  nodesById,
  recordDocument,
  runDocument,
} from "../views/graph/run-document.ts";
import type { BuildFlags } from "./build-flags.ts";
import type { Cli } from "./command.ts";
import { compileTemplate } from "./compile-template.ts";
import { findRun } from "./find-run.ts";
import { type PlannedTemplate, planTemplate } from "./plan-template.ts";
import type { Workspace } from "./workspace.ts";

/** Undefined where the template is wrong, which has been told. */
export async function structureOf(
  template: string,
  workspace: Workspace,
  flags: BuildFlags,
  { terminal }: Cli,
): Promise<GraphDocument | undefined> {
  const types = await workspace.types();
  const { graph } = await compileTemplate(template, { flags, types, terminal });
  return graph && structureDocument(graph);
}

/**
 * What a run would do. `details`: each step's preimage, and the whole explanation of what would run, for a page.
 * Undefined where the template or its inputs are wrong, which has been told.
 */
export async function planOf(
  template: string,
  workspace: Workspace,
  flags: BuildFlags,
  cli: Cli,
  { details }: { details: "none" | "all" },
): Promise<GraphDocument | undefined> {
  const planned = await planTemplate(template, workspace, flags, cli);
  if (!planned) return undefined;
  const document = planDocumentOf(await withCost(planned.plan, planned.options));
  if (details === "none") return document;
  await addPreimages(document, planned);
  await explain(document, planned);
  return document;
}

/** Of what would run and of resources, as far as their inputs are known; a cached step's is in its record. */
async function addPreimages(document: GraphDocument, { plan, options }: PlannedTemplate): Promise<void> {
  const { evaluate, inputsKnown } = await import("../engine/plan/evaluate.ts");
  const known = new Map<string, Known>();
  for (const [i, node] of plan.graph.nodes.entries()) {
    const { fate, outputs } = plan.nodes[i]!;
    if (fate === "hit" && outputs) known.set(node.id, { kind: "artifact", outputs });
    if (fate === "hit" || !inputsKnown(node, known)) continue;
    const { preimage } = await evaluate(node, known, options);
    if (node.kind === "resource") known.set(node.id, { kind: "resource", preimage });
    document.nodes[i]!.details = { preimage: preimage as unknown as Json };
  }
}

/** Each explanation looks at all that a step stands on: of a large graph only the steps where a change begins have one. */
const ALL_EXPLAINED = 200;

async function explain(document: GraphDocument, { plan, store, options }: PlannedTemplate): Promise<void> {
  const { explainNode } = await import("../engine/plan/explain-node.ts");
  const { explanationText } = await import("../views/explanation.ts");
  const { producers } = await import("../store/records/producers.ts");
  const sources = { options, producerOf: producers(store.records) };
  for (const node of document.nodes) {
    const runs =
      node.state === "miss" || (node.state === "pending" && document.nodes.length <= ALL_EXPLAINED);
    if (runs)
      node.details = {
        ...node.details,
        explanation: explanationText(await explainNode(plan, node.id, sources)),
      };
  }
}

/** What a run did, or has done so far. Throws TplError `unknown-run` or `run-without-graph`. */
export async function runOf(id: string, workspace: Workspace, cli: Cli): Promise<GraphDocument | undefined> {
  const store = await workspace.store();
  const run = await findRun(store, id);
  return (await documentOfEvents(store, run))?.document ?? (await documentOfRecord(run, workspace, cli));
}

/** From the events that were kept, and up to which place in their file. Undefined where none were. */
export async function documentOfEvents(
  store: Store,
  { run, record }: RunSummary,
): Promise<{ document: GraphDocument; end: number } | undefined> {
  const kept = await store.runs.events(run);
  const begin = kept?.events[0]?.event;
  if (begin?.type !== "run-started") return undefined;
  const document = runDocument(begin);
  const nodes = nodesById(document);
  for (const { event } of kept!.events) applyRunEvent(document, nodes, event);
  return { document: record ? concluded(document, record) : document, end: kept!.end };
}

/** A run in which all was cached keeps no graph: it is compiled anew from the template, as that is now. */
async function documentOfRecord(
  { run, record }: RunSummary,
  workspace: Workspace,
  { terminal }: Cli,
): Promise<GraphDocument | undefined> {
  if (!record)
    throw new TplError({
      code: "run-without-graph",
      message: `run ${run} ended before it had begun to build`,
      hint: "draw the template instead",
    });
  const { file, params } = record.template;
  const types = await workspace.types();
  const texts = Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
  const { graph } = await compileTemplate(file, { flags: { param: texts }, types, terminal });
  if (!graph) return undefined;
  const missing = Object.keys(record.nodes).find((id) => !graph.nodes.some((node) => node.id === id));
  if (missing !== undefined)
    throw new TplError({
      code: "run-without-graph",
      message: `${file} has changed since run ${run}: it has no step "${missing}" any more`,
      hint: "everything was cached in that run, and of such runs the graph is not kept: draw the template instead",
    });
  return recordDocument(graph, record);
}
