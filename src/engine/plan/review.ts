/**
 * What a change to templates, files or plugins means for the steps of a build: two graphs compared by what they define,
 * whatever the store has of either. Plain data; with what the store has it stands in `tplgraph.plan/1` as `against`.
 */
import { criticalPath } from "../graph/critical-path.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { codeOf, type Difference, differences } from "../key/explain.ts";
import type { KeyPreimage } from "../key/preimage.ts";
import { toStore } from "./cost.ts";
import type { LocatedChange } from "./explanation.ts";
import { placeOfDifference } from "./locate-change.ts";
import type { Fate, Plan, PlanNode, ReasonCode } from "./plan.ts";

export type StepChange =
  /** The revision has no step of this name. */
  | "added"
  /** It is defined in another way itself. */
  | "changed"
  /** It stands on a step that changed: early cutoff may still save it. */
  | "follows"
  | "same"
  /** Only the revision has it. */
  | "removed";

export interface ReviewedNode {
  id: string;
  uses: string;
  kind: "artifact" | "resource";
  change: StepChange;
  /** Of one that changed. */
  code?: ReasonCode;
  /** Of one that changed: how. */
  changed?: LocatedChange[];
  /** Of one that follows: the steps right above it that are not the same. */
  because?: string[];
  /** As the plan has it; absent for what was removed. */
  fate?: Fate;
  lastSeconds?: number;
  lastAddedBytes?: number;
}

export interface Review {
  /** As it was given, and the commit it stood for. */
  revision: string;
  commit: string;
  /** In the graph's order, then what was removed. */
  nodes: ReviewedNode[];
  summary: Record<StepChange, number> & {
    /** Artifact steps that are not the same and that the store has not. */
    toBuild: number;
    /** Of these, along the longest path, as far as it is known how long they took. */
    estimateSeconds: number;
    /** Of these, as far as it is known by how much the store grew. */
    bytesToStore: number;
    /** How many of these nobody ever measured. */
    unmeasuredSteps: number;
  };
}

/** A graph with what each of its nodes is made from: see `definition.ts`. */
export interface Defined {
  graph: Graph;
  preimages: ReadonlyMap<string, KeyPreimage>;
}

export function review(
  plan: Plan,
  head: Defined,
  base: Defined,
  about: Pick<Review, "revision" | "commit">,
): Review {
  const planned = new Map(plan.nodes.map((node) => [node.id, node]));
  const before = new Map(base.graph.nodes.map((node) => [node.id, node]));
  const different = new Set<string>();
  const nodes = head.graph.nodes.map((node): ReviewedNode => {
    const told = compared(node, before.get(node.id), head, base, different);
    if (told.change !== "same") different.add(node.id);
    return { ...described(node), ...told, ...expected(planned.get(node.id)!) };
  });
  const now = new Set(head.graph.nodes.map(({ id }) => id));
  for (const node of base.graph.nodes)
    if (!now.has(node.id)) nodes.push({ ...described(node), change: "removed" });
  return { ...about, nodes, summary: summarise(nodes, head.graph) };
}

type Told = Pick<ReviewedNode, "change" | "code" | "changed" | "because">;

function compared(
  node: GraphNode,
  before: GraphNode | undefined,
  head: Defined,
  base: Defined,
  different: ReadonlySet<string>,
): Told {
  if (!before) return { change: "added" };
  const found = differences(base.preimages.get(node.id)!, head.preimages.get(node.id)!);
  if (found.length === 0) return { change: "same" };
  const own = [...found.filter((difference) => !fromAbove(node, difference)), ...rewired(before, node)];
  const because = node.needs.filter((need) => different.has(need));
  if (own.length === 0) return { change: "follows", because };
  const changed = own.map((difference) => ({
    ...difference,
    path: difference.path.join("."),
    ...placeOfDifference(node, difference),
  }));
  return { change: "changed", code: codeOf(own), changed };
}

/** What another node makes, or what a resource would be made from, is that node's change. */
function fromAbove(node: GraphNode, { path: [part, input = ""] }: Difference): boolean {
  return part === "inputs" && node.inputs[input]?.from === "node";
}

/** Inputs that come from another node or output than before. */
function rewired(before: GraphNode, now: GraphNode): Difference[] {
  return Object.entries(now.inputs).flatMap(([input, binding]) => {
    const old = before.inputs[input];
    if (old?.from !== "node" || binding.from !== "node") return [];
    const [from, to] = [old, binding].map(({ node, output, path }) => [node, output, ...path].join("."));
    return from === to ? [] : [{ path: ["inputs", input], from, to }];
  });
}

function described({ id, uses, kind }: GraphNode): Pick<ReviewedNode, "id" | "uses" | "kind"> {
  return { id, uses, kind };
}

function expected({
  fate,
  lastSeconds,
  lastAddedBytes,
}: PlanNode): Pick<ReviewedNode, "fate" | "lastSeconds" | "lastAddedBytes"> {
  return {
    fate,
    ...(lastSeconds === undefined ? {} : { lastSeconds }),
    ...(lastAddedBytes === undefined ? {} : { lastAddedBytes }),
  };
}

function summarise(nodes: readonly ReviewedNode[], graph: Graph): Review["summary"] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const count = (change: StepChange) =>
    nodes.filter((node) => node.change === change && node.kind === "artifact").length;
  const toBuild = (node: ReviewedNode) =>
    node.kind === "artifact" && node.change !== "same" && (node.fate === "miss" || node.fate === "pending");
  const built = nodes.filter(toBuild);
  const { length } = criticalPath(graph.nodes, ({ id }) =>
    toBuild(byId.get(id)!) ? (byId.get(id)!.lastSeconds ?? 0) : 0,
  );
  return {
    added: count("added"),
    changed: count("changed"),
    follows: count("follows"),
    same: count("same"),
    removed: count("removed"),
    toBuild: built.length,
    estimateSeconds: length,
    ...toStore(built),
  };
}
