/** What can be reached in a graph, going up from nodes to what they need. */
import type { Ordered } from "./order.ts";

/** Ids of the nodes in `from` and of everything that they need, directly or not. */
export function reachable(nodes: readonly Ordered[], from: Iterable<string>): Set<string> {
  const needs = new Map(nodes.map((node) => [node.id, node.needs]));
  const reached = new Set<string>();
  const open = [...from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (reached.has(id)) continue;
    reached.add(id);
    for (const need of needs.get(id) ?? []) open.push(need);
  }
  return reached;
}
