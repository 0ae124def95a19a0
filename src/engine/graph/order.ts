/** Topological order, in linear time and without recursion: chains of 100,000 nodes are fine. */

export interface Ordered {
  id: string;
  /** Ids; those that are not among the nodes are passed over. */
  needs: readonly string[];
}

/**
 * Every node after what it needs, otherwise as given: a node moves up only when an earlier one needs it.
 * Undefined where nodes need each other in a circle.
 */
export function topologicalOrder<N extends Ordered>(nodes: readonly N[]): N[] | undefined {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const order: N[] = [];
  const state = new Map<N, "open" | "done">();
  for (const root of nodes) {
    if (state.has(root)) continue;
    state.set(root, "open");
    // A path from `root` upwards, each with how many of its needs were looked at.
    const path = [{ node: root, next: 0 }];
    for (let top = path.at(-1); top; top = path.at(-1)) {
      if (top.next === top.node.needs.length) {
        state.set(top.node, "done");
        order.push(top.node);
        path.pop();
        continue;
      }
      const need = byId.get(top.node.needs[top.next++]!);
      if (!need || state.get(need) === "done") continue;
      if (state.get(need) === "open") return undefined;
      state.set(need, "open");
      path.push({ node: need, next: 0 });
    }
  }
  return order;
}
