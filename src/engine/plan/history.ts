/** Under which name the store keeps what a node's key was the last time, so that a miss can be explained. */
import { resolve } from "node:path";
import type { GraphNode } from "../graph/graph.ts";

/** The template file the step stands in and the step's own name: the same whichever template takes it in. */
export function historyOf(node: GraphNode): [template: string, step: string] {
  return [resolve(node.where.file), node.id.slice(node.id.lastIndexOf("/") + 1)];
}
