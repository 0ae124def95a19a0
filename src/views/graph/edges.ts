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

/** All that is read from one node by another. */
export interface Pair {
  from: string;
  to: string;
  /** None where a step is only ordered after another. */
  outputs: string[];
}

/** Between two nodes one line is drawn, whatever is read along it. */
export function pairsOf(nodes: readonly DrawnNode[]): Pair[] {
  return nodes.flatMap((node) => {
    const pairs = new Map<string, Pair>();
    for (const { from, to, output } of edgesInto(node)) {
      const pair = pairs.get(from) ?? { from, to, outputs: [] };
      pairs.set(from, pair);
      if (output !== undefined) pair.outputs.push(output);
    }
    return [...pairs.values()];
  });
}
