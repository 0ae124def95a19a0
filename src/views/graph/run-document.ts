/**
 * A run as a document: its plan, with its events laid over it one by one. The browser goes on with the same function
 * while the run goes on. Nothing of Node here.
 */
import type { Graph } from "../../engine/graph/graph.ts";
import { runEnding } from "../../engine/run/ending.ts";
import type { ErrorData } from "../../engine/run/error-data.ts";
import type { RunEvent } from "../../engine/run/event.ts";
import type { RunRecord } from "../../engine/run/record.ts";
import {
  type DrawnNode,
  type GraphDocument,
  planDocumentOf,
  structureDocument,
  withCriticalPath,
} from "./document.ts";

/** `begin`: the run's first event. */
export function runDocument(begin: RunEvent & { type: "run-started" }): GraphDocument {
  const document = planDocumentOf(begin.plan);
  for (const node of document.nodes) {
    // In a plan these tell of the last time; here they would be taken for this one.
    delete node.seconds;
    delete node.addedBytes;
    if (node.state === "miss" || node.state === "pending") node.state = "waiting";
  }
  const run = { run: begin.run, state: "unfinished" as const, startedAt: begin.at, seconds: 0 };
  return { ...document, shows: "run", run, critical: { nodes: [], seconds: 0 } };
}

/** A run whose events were not kept: all that its record says. `graph`: of the same template and parameters. */
export function recordDocument(graph: Graph, record: RunRecord): GraphDocument {
  const document = structureDocument(graph);
  const nodes = document.nodes.map((node): DrawnNode => {
    const result = record.nodes[node.id];
    if (!result) return { ...node, state: "unneeded" };
    const { status, error, ...rest } = result;
    return { ...node, ...rest, state: status, ...(error ? { error: withoutStack(error) } : {}) };
  });
  return concluded({ ...document, shows: "run", nodes }, record);
}

/** What the record of a run that has ended says of it as a whole. */
export function concluded(document: GraphDocument, record: RunRecord): GraphDocument {
  const { run, ok, startedAt, seconds, counts } = record;
  for (const node of document.nodes) {
    const result = record.nodes[node.id];
    if (result) node.key = result.key;
  }
  return withCriticalPath({
    ...document,
    run: { run, state: runEnding({ ok, counts }), startedAt, seconds, counts },
  });
}

/** Where our code lies on a machine is nobody's business who looks at a graph. */
function withoutStack({ stack: _, ...error }: ErrorData): ErrorData {
  return error;
}

/** The nodes of a document by their ids. */
export function nodesById(document: GraphDocument): Map<string, DrawnNode> {
  return new Map(document.nodes.map((node) => [node.id, node]));
}

/** Lays `event` over the document, in place. Returns the node that it changed. */
export function applyRunEvent(
  document: GraphDocument,
  nodes: ReadonlyMap<string, DrawnNode>,
  event: RunEvent,
): DrawnNode | undefined {
  const { run } = document;
  if (run) run.seconds = Math.max(run.seconds, (Date.parse(event.at) - Date.parse(run.startedAt)) / 1000);
  if (event.type === "run-started" || event.type === "upload-progress") return undefined;
  if (event.type === "run-finished") {
    if (run) Object.assign(run, { state: runEnding(event), seconds: event.seconds, counts: event.counts });
    document.critical = withCriticalPath(document).critical;
    return undefined;
  }
  const node = nodes.get(event.node);
  if (node) applyNodeEvent(node, event);
  return node;
}

function applyNodeEvent(node: DrawnNode, event: RunEvent): void {
  switch (event.type) {
    case "node-started": {
      const { startedAt = event.at, readyAt, job } = event;
      Object.assign(node, { state: "running", startedAt, ...(readyAt ? { readyAt } : {}) });
      if (job !== undefined) node.job = job;
      return;
    }
    case "node-progress":
      node.progress = { done: event.done, total: event.total, unit: event.unit };
      return;
    case "tool-started":
      node.tools ??= [];
      node.tools.push({ call: event.call, command: event.command });
      return;
    case "tool-finished": {
      const tool = node.tools?.find(({ call }) => call === event.call);
      if (tool) Object.assign(tool, { exitCode: event.exitCode, seconds: event.seconds });
      return;
    }
    case "node-finished":
      delete node.progress;
      Object.assign(node, {
        state: event.status,
        seconds: event.seconds,
        ...(event.addedBytes === undefined ? {} : { addedBytes: event.addedBytes }),
        ...(event.outputs ? { outputs: event.outputs } : {}),
        ...(event.error ? { error: withoutStack(event.error) } : {}),
      });
      return;
    case "resource-released":
      if (!event.acquisition) node.releasedAt = event.at;
  }
}
