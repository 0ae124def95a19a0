/** Under which names the store keeps what became of a node and of a key, so that a miss can be explained. */
import { resolve } from "node:path";
import type { GraphNode } from "../graph/graph.ts";

/** The template file the step stands in and the step's own name: the same whichever template takes it in. */
export function historyOf(node: GraphNode): [template: string, step: string] {
  return [resolve(node.where.file), node.id.slice(node.id.lastIndexOf("/") + 1)];
}

/** The fact that the record of `key` was deleted to make room; its time is when. */
export function evictionFact(key: string): string {
  return `evicted:${key}`;
}
