/**
 * Strongly connected components, by Tarjan's algorithm without recursion (graphlib's own overflows the stack on
 * chains of some 10,000 nodes).
 */
import type { Graph } from "@dagrejs/graphlib";

/** Sets of nodes that reach each other, more than one node each or one with an edge to itself. */
export function cyclicComponents(graph: Graph): string[][] {
  const found: string[][] = [];
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const enter = (node: string) => {
    index.set(node, index.size);
    low.set(node, index.get(node)!);
    stack.push(node);
    onStack.add(node);
    return { node, successors: graph.successors(node) ?? [], next: 0 };
  };
  for (const root of graph.nodes()) {
    if (index.has(root)) continue;
    const path = [enter(root)];
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const { node } = top;
      const successor = top.successors[top.next++];
      if (successor !== undefined) {
        if (!index.has(successor)) path.push(enter(successor));
        else if (onStack.has(successor)) low.set(node, Math.min(low.get(node)!, index.get(successor)!));
        continue;
      }
      path.pop();
      const parent = path.at(-1)?.node;
      if (parent !== undefined) low.set(parent, Math.min(low.get(parent)!, low.get(node)!));
      if (low.get(node) !== index.get(node)) continue;
      const component = stack.splice(stack.lastIndexOf(node));
      for (const member of component) onStack.delete(member);
      if (component.length > 1 || graph.hasEdge(node, node)) found.push(component);
    }
  }
  return found;
}
