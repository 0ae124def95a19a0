/** The edges of a graph, by what is read. Nothing of Node here. */
import type { DrawnNode } from "./document.ts";

export interface Edge {
  from: string;
  to: string;
  /** The output that is read; undefined where a step is only ordered after another. */
  output: string | undefined;
}

/** Each once: into `node`, from every output that it reads and every node it is ordered after. */
export function edgesInto(node: DrawnNode): Edge[] {
  const edges = new Map<string, Edge>();
  const read = new Set<string>();
  for (const input of Object.values(node.inputs)) {
    if (input.from !== "node") continue;
    read.add(input.node);
    edges.set(`${input.node}\n${input.output}`, { from: input.node, to: node.id, output: input.output });
  }
  for (const need of node.needs)
    if (!read.has(need)) edges.set(need, { from: need, to: node.id, output: undefined });
  return [...edges.values()];
}
