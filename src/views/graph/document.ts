/**
 * What every drawing of a graph is made from, and the document `tplgraph.graph/1` (a contract, docs/graphs.md): the
 * steps with what is known of them, of a plan what would become of them, of a run what did. Plain data that says
 * nothing of this machine's folders, so that it can be sent to others. Used in the browser too: nothing of Node here.
 */
import type { Artifact, Json } from "../../engine/artifact.ts";
import type { Position } from "../../engine/errors.ts";
import { criticalPath } from "../../engine/graph/critical-path.ts";
import type { Graph, GraphNode, InputBinding } from "../../engine/graph/graph.ts";
import type { Fate, Plan, PlanNode, Reason } from "../../engine/plan/plan.ts";
import type { RunEnding } from "../../engine/run/ending.ts";
import type { ErrorData } from "../../engine/run/error-data.ts";
import type { NodeStatus, Placement, RunCounts } from "../../engine/run/record.ts";
import { reasonText } from "../reason.ts";

/** What would become of a step, what did, or how far it is. */
export type NodeState = Fate | NodeStatus | "waiting" | "running";

export interface GraphDocument {
  schema: "tplgraph.graph/1";
  /** `structure`: nobody asked what would be built. */
  shows: "structure" | "plan" | "run";
  template: { name: string; file: string; params: Record<string, Json> };
  /** In topological order. */
  nodes: DrawnNode[];
  outputs: Record<string, { node: string; output: string; type: string }>;
  /** The steps that decide how long it takes; empty where no times are known. */
  critical: { nodes: string[]; seconds: number };
  run?: DrawnRun;
}

export interface DrawnRun {
  run: string;
  /** `unfinished`: it goes on, or was killed. */
  state: RunEnding | "unfinished";
  /** ISO 8601. */
  startedAt: string;
  /** Of an unfinished one, up to its last event. */
  seconds: number;
  counts?: RunCounts;
}

export interface DrawnNode extends Partial<Placement> {
  id: string;
  /** `plugin/step`. */
  uses: string;
  kind: "artifact" | "resource";
  needs: string[];
  inputs: Record<string, DrawnInput>;
  /** Where it stands in the template. */
  where: { file: string; line: number };
  state?: NodeState;
  /** Why it would run, in words. */
  why?: string;
  reason?: Reason;
  /** What the step decided while planning, and why. */
  note?: string;
  /** Absent: the same inputs give the same bytes. */
  reproducible?: false;
  /** Hex; null while an input is pending. */
  key?: string | null;
  outputs?: Record<string, Artifact>;
  /** In a plan, how long it took the last time; in a run, how long it took. */
  seconds?: number;
  /** By how many bytes the store grew: in a plan the last time it was built, in a run this time. */
  addedBytes?: number;
  /** In a plan: at most so many bytes of what it reads come from the remote; null: the remote cannot tell. */
  bytesToFetch?: number | null;
  /** Of a resource: when it was let go, ISO 8601. */
  releasedAt?: string;
  error?: ErrorData;
  progress?: { done: number; total: number; unit: string };
  tools?: DrawnTool[];
  details?: NodeDetails;
}

export type DrawnInput =
  | { from: "literal"; value: Json }
  | { from: "node"; node: string; output: string }
  | { from: "ref"; ref: string };

export interface DrawnTool {
  call: number;
  command: readonly string[];
  /** Null where it was killed; absent while it runs. */
  exitCode?: number | null;
  seconds?: number;
}

/** What only a page shows, when a step is looked at. */
export interface NodeDetails {
  /** Why it would run, folded to where the change began: what `explain` says. */
  explanation?: string;
  /** What the key is computed from. */
  preimage?: Json;
  /** Of a cached step: where its result came from. */
  producer?: { run: string; host: string; at: string; seconds: number };
  log?: {
    text: string;
    /** How many bytes before `text` were left out. */
    omittedBytes: number;
  };
}

/** The graph alone, without fates. */
export function structureDocument(graph: Graph): GraphDocument {
  const { name, file, params } = graph.template;
  return {
    schema: "tplgraph.graph/1",
    shows: "structure",
    template: { name, file, params },
    nodes: graph.nodes.map(drawnNode),
    outputs: Object.fromEntries(
      Object.entries(graph.outputs).map(([output, from]) => [
        output,
        { node: from.node, output: from.output, type: from.type },
      ]),
    ),
    critical: { nodes: [], seconds: 0 },
  };
}

/** What a run would do. */
export function planDocumentOf(plan: Plan): GraphDocument {
  const document = structureDocument(plan.graph);
  const nodes = document.nodes.map((node, i) => ({ ...node, ...plannedFacts(plan.nodes[i]!) }));
  return withCriticalPath({ ...document, shows: "plan", nodes });
}

/** Takes in which steps decide how long it takes. */
export function withCriticalPath(document: GraphDocument): GraphDocument {
  const { length, path } = criticalPath(document.nodes, (node) =>
    takesTime(node) ? (node.seconds ?? 0) : 0,
  );
  const nodes = length > 0 ? path.filter(takesTime).map(({ id }) => id) : [];
  return { ...document, critical: { nodes, seconds: length } };
}

const TAKES_TIME: ReadonlySet<NodeState> = new Set(["miss", "pending", "built", "failed", "running"]);

function takesTime({ state }: DrawnNode): boolean {
  return state !== undefined && TAKES_TIME.has(state);
}

function drawnNode({ id, uses, kind, needs, inputs, where }: GraphNode): DrawnNode {
  return {
    id,
    uses,
    kind,
    needs: [...needs],
    inputs: Object.fromEntries(Object.entries(inputs).map(([port, binding]) => [port, drawnInput(binding)])),
    where: lineOf(where),
  };
}

function lineOf({ file, line }: Position): { file: string; line: number } {
  return { file, line };
}

function drawnInput(binding: InputBinding): DrawnInput {
  if (binding.from === "literal") return { from: "literal", value: binding.value };
  if (binding.from === "ref")
    return {
      from: "ref",
      ref: binding.output === undefined ? binding.ref : `${binding.ref}#${binding.output}`,
    };
  return { from: "node", node: binding.node, output: [binding.output, ...binding.path].join(".") };
}

function plannedFacts(planned: PlanNode): Partial<DrawnNode> {
  const { fate, key, reason, outputs, lastSeconds, lastAddedBytes, bytesToFetch, note, reproducible } =
    planned;
  const why = reasonText(planned);
  return {
    state: fate,
    key,
    ...(why === "" ? {} : { why }),
    ...(reason ? { reason } : {}),
    ...(note === undefined ? {} : { note }),
    ...(reproducible === false ? { reproducible } : {}),
    ...(outputs ? { outputs } : {}),
    ...(lastSeconds === undefined ? {} : { seconds: lastSeconds }),
    ...(lastAddedBytes === undefined ? {} : { addedBytes: lastAddedBytes }),
    ...(bytesToFetch === undefined ? {} : { bytesToFetch }),
  };
}
